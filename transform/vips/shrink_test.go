package vips

import (
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Sides that nothing divides: what a decoder shrinks ends inside of its last pixel.
const oddWidth, oddHeight = 1201, 907

// Factors at, below and above those at which decoders shrink more.
var factors = []float64{2, 2.1, 2.9, 3.1, 3.9, 4, 4.2, 6, 7.9, 8.1, 10}

// What the decoder reduces by itself is cheaper than a resize from the full size. It
// must not show, and nothing may be lost or moved.
func TestTheLargestShrinkDoesNotShow(t *testing.T) {
	jpg := picturetest.JPEG(picturetest.Photo(oddWidth, oddHeight, 5), 92)
	webp := run(t, jpg, transform.Params{Format: transform.WebP, Quality: 95}).Body
	for name, b := range map[string][]byte{"JPEG": jpg, "WebP": webp} {
		whole := pixels(t, run(t, b, transform.Params{Format: transform.PNG}))
		for _, factor := range factors {
			p := transform.Params{Width: int(oddWidth/factor + 0.5), Format: transform.PNG}
			got := pixels(t, run(t, b, p))
			size := got.Bounds()
			score := picturetest.Similarity(got, picturetest.Lanczos(whole, size.Dx(), size.Dy()))
			t.Logf("%s by %.1f: %.4f", name, factor, score)
			if score < 0.999 {
				t.Errorf("%s by %.1f: it is %.4f like one decoded whole", name, factor, score)
			}
		}
	}
}

// A crop and a turn see the same pixels as one decoded whole.
func TestShrunkCropsAreWhereTheyAreAsked(t *testing.T) {
	photo := picturetest.Photo(oddWidth, oddHeight, 6)
	for o := 1; o <= 8; o++ {
		jpg := picturetest.WithOrientation(picturetest.JPEG(picturetest.Stored(photo, o), 92), o)
		whole := pixels(t, run(t, jpg, transform.Params{Format: transform.PNG}))
		for _, text := range []string{"c:811:613:nowe/w:97", "c:811:613:soea/w:97", "c:811:613:ce:11:7/w:193",
			"rs:fill:97:97/g:nowe", "rs:fill:97:97/g:soea"} {
			p := parse(t, text+"/f:png")
			got := pixels(t, run(t, jpg, p))
			want := pixels(t, run(t, picturetest.PNG(whole), p))
			if score := picturetest.Similarity(got, want); score < 0.985 {
				t.Errorf("orientation %d, %s: it is %.4f like one decoded whole", o, text, score)
			}
		}
	}
}
