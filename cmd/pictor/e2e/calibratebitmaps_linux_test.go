package e2e

import (
	"image"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// bitmapForms are BMPs, and bitmaps in icons.
var bitmapForms = map[string]picturetest.BMPForm{
	"bmp":          {Bits: 24, Header: 40},
	"bmp-palette":  {Bits: 8, Header: 40, RunLength: true},
	"bmp-masks":    {Bits: 16, Header: 108, Masks: [4]uint32{0x7c00, 0x3e0, 0x1f, 0x8000}},
	"bmp-alpha":    {Bits: 32, Header: 124, Masks: [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000}, TopDown: true},
	"ico-bitmap":   {Bits: 32, Header: 40},
	"ico-bitmap-8": {Bits: 8, Header: 40},
}

// bitmapOf writes one of these forms, or an icon of a PNG.
func bitmapOf(form string, m *image.YCbCr) []byte {
	switch form {
	case "ico-png":
		return picturetest.ICO(picturetest.PNG(m))
	case "ico-bitmap", "ico-bitmap-8":
		return picturetest.ICO(picturetest.IconBitmap(m, bitmapForms[form]))
	}
	return picturetest.BMP(m, bitmapForms[form])
}

// bitmapCases are BMPs and icons of some sizes, and icons as results.
func bitmapCases() []calibration {
	var out []calibration
	for _, mp := range []float64{0.1, 1, 6} {
		for _, form := range []string{"bmp", "bmp-palette", "bmp-masks", "bmp-alpha"} {
			out = append(out, calibration{megapixels(form, mp), toJPEG})
		}
	}
	for _, side := range []int{48, 256, 1024} {
		for _, form := range []string{"ico-png", "ico-bitmap", "ico-bitmap-8"} {
			from := source{form, side, side}
			out = append(out, calibration{from, transform.Params{Format: transform.PNG}},
				calibration{from, transform.Params{Width: 32, Format: transform.ICO}})
		}
	}
	for _, form := range []string{"jpeg", "png-alpha", "bmp-alpha"} {
		out = append(out, calibration{megapixels(form, 6), transform.Params{Width: 256, Height: 256,
			Format: transform.ICO}})
	}
	return append(out, calibration{megapixels("bmp-alpha", 6), transform.Params{Format: transform.PNG}},
		calibration{megapixels("bmp", 6), transform.Params{Format: transform.WebP}})
}

// The peak of bitmaps and icons stays within its estimate.
func TestWorkingSetHoldsWhatBitmapsTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	set := newPictures(t)
	var charges []charge
	for _, c := range fewOf(bitmapCases(), 7) {
		charges = append(charges, set.measure(c))
	}
	t.Logf("working sets, MiB:\n%s", table(charges))
	for _, c := range charges {
		c.check(t)
	}
}
