package e2e

import (
	"encoding/binary"
	"image"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// sniffPages describes what a result is made of: a source, or some pages of it below each other.
func sniffPages(body []byte, out transform.Params) (transform.Info, error) {
	info, err := container.Sniff(body)
	if err != nil || out.Pages < 2 || out.LastPage() >= info.Frames {
		return info, err
	}
	if info, err = container.SniffPages(body, info, out.Page, out.Pages); err != nil {
		return info, err
	}
	return transform.Limits{}.StackPages(info, out)
}

// tiffPages is a TIFF of five pages in a form.
func tiffPages(form string, m image.Image) []byte {
	forms := map[string]picturetest.TIFFForm{
		"tiff-pages":       {Kind: picturetest.TIFFRGB, Bits: 8, Deflate: true, Rows: 64},
		"tiff-pages-tiles": {Kind: picturetest.TIFFRGB, Bits: 8, Extra: 3, Deflate: true, Tile: 512},
	}
	f := forms[form]
	if f.Tile > m.Bounds().Dx() {
		f.Tile = 64 // libvips 8.18 refuses tiles much larger than the page
	}
	return picturetest.TIFF(m, binary.LittleEndian, f, f, f, f, f)
}

// pagesCases are pages below each other: of TIFFs, and of animations.
func pagesCases() []calibration {
	var out []calibration
	for _, from := range []source{{"movie", 480, 270}, {"movie", 1280, 720}, {"movie-restoring", 1280, 720},
		{"webp-movie", 1280, 720}, {"webp-movie-alpha", 1280, 720}, {"tiff-pages", 1500, 1000},
		{"tiff-pages-tiles", 1500, 1000}} {
		for _, p := range []transform.Params{
			{Width: from.width / 4, Format: transform.JPEG, Pages: 5},
			{Format: transform.PNG, Pages: 2, Page: 3},
		} {
			out = append(out, calibration{from, p})
		}
	}
	return out
}

// The peak of pages below each other stays within its estimate.
func TestWorkingSetHoldsWhatPagesTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	set := newPictures(t)
	var charges []charge
	for _, c := range fewOf(pagesCases(), 4) {
		charges = append(charges, set.measure(c))
	}
	t.Logf("working sets, MiB:\n%s", table(charges))
	for _, c := range charges {
		c.check(t)
	}
}
