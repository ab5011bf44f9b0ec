package picturetest

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"testing"
)

func TestStoredFollowsTheOrientationTag(t *testing.T) {
	// EXIF 2.3: which side of the image the first row and column are.
	up := Chart(40, 20)
	for o, corner := range []image.Point{1: {0, 0}, 2: {39, 0}, 3: {39, 19}, 4: {0, 19}, 5: {0, 0}, 6: {39, 0},
		7: {39, 19}, 8: {0, 19}} {
		if o == 0 {
			continue
		}
		m := Stored(up, o)
		if got, want := m.At(0, 0), up.At(corner.X, corner.Y); got != want {
			t.Errorf("orientation %d: first pixel %v, want %v", o, got, want)
		}
	}
}

func TestPhotoIsDeterministicAndDetailed(t *testing.T) {
	a, b, c := JPEG(Photo(400, 300, 1), 85), JPEG(Photo(400, 300, 1), 85), JPEG(Photo(400, 300, 2), 85)
	if !bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Error("the seed does not decide the picture")
	}
	// Photographs at this quality take one to four bits a pixel.
	if bits := float64(len(a)) * 8 / (400 * 300); bits < 1 || bits > 5 {
		t.Errorf("%.2f bits a pixel, unlike a photograph", bits)
	}
}

func TestDistance(t *testing.T) {
	m := Photo(64, 64, 1)
	if d := Distance(m, m); d != 0 {
		t.Errorf("a picture is %v from itself", d)
	}
	if d := Distance(m, Photo(64, 64, 9)); d < 10 {
		t.Errorf("two pictures are only %v apart", d)
	}
	if d := Distance(m, Photo(64, 63, 1)); !math.IsInf(d, 1) {
		t.Errorf("pictures of two sizes are %v apart", d)
	}
	again, err := jpeg.Decode(bytes.NewReader(JPEG(m, 95)))
	if err != nil {
		t.Fatal(err)
	}
	if d := Distance(m, again); d > 3 {
		t.Errorf("JPEG at 95 moved the picture by %v", d)
	}
}
