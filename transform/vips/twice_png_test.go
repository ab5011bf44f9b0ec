package vips

import (
	"image"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A chunk that libpng does not take leaves its place to one of its kind behind it.
func TestPNGWithAChunkThatIsNotTaken(t *testing.T) {
	palette := image.NewPaletted(image.Rect(0, 0, 4, 4),
		color.Palette{color.NRGBA{255, 255, 255, 0}, color.NRGBA{200, 60, 30, 255}})
	for i := range palette.Pix {
		palette.Pix[i] = byte(i) & 1
	}
	clear, photo := picturetest.PNG(palette), picturetest.PNG(picturetest.Photo(16, 16, 1))
	profiled := picturetest.WithPNGProfile(photo, picturetest.Profile("mntr", "RGB "))
	for _, tc := range []struct {
		name, chunk, data string
		b                 []byte
	}{
		{"tRNS before the palette", "tRNS", "\x80", clear},
		{"tRNS of a wrong length", "tRNS", "\x80\x80\x80\x80\x80", clear},
		{"a short profile", "iCCP", "a\x00\x00abc", profiled},
		{"a profile that does not inflate", "iCCP", "icc\x00\x00" + "no stream of zlib, and as long as one", profiled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			twice := picturetest.WithPNGChunk(tc.b, tc.chunk, []byte(tc.data))
			wantPixels(t, twice, run(t, tc.b, transform.Params{Format: transform.PNG}).Body)
		})
	}
}
