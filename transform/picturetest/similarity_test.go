package picturetest

import (
	"image"
	"image/draw"
	"testing"
)

func shifted(m image.Image, by int) image.Image {
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, out.Bounds(), m, image.Pt(by, 0), draw.Src)
	return out
}

func TestSimilaritySeesShiftsAndLostDetail(t *testing.T) {
	photo := Photo(301, 203, 4)
	if got := Similarity(photo, photo); got != 1 {
		t.Errorf("an image is %v like itself", got)
	}
	if got := Similarity(photo, Photo(301, 204, 4)); got != 0 {
		t.Errorf("images of two sizes are %v alike", got)
	}
	coarse := Lanczos(Lanczos(photo, 100, 68), 301, 203)
	for name, other := range map[string]image.Image{"shifted by a pixel": shifted(photo, 1), "coarse": coarse} {
		if got := Similarity(photo, other); got > 0.99 {
			t.Errorf("%s it is %v like itself", name, got)
		}
	}
}

func TestLanczosKeepsWhatThereIs(t *testing.T) {
	chart := Chart(120, 90)
	if d := Distance(chart, Lanczos(chart, 120, 90)); d != 0 {
		t.Errorf("at its own size an image changes by %v", d)
	}
	flat := image.NewUniform(Blue)
	small := Lanczos(imageOf(flat, 97, 61), 13, 7)
	for y := range 7 {
		for x := range 13 {
			if got := small.At(x, y); got != small.At(0, 0) {
				t.Fatalf("of one colour comes %v", got)
			}
		}
	}
}

func imageOf(m image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), m, image.Point{}, draw.Src)
	return out
}
