package e2e

import (
	"encoding/binary"
	"image"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// tiffForms are the TIFFs that libvips does not write: of one strip, which some decoders need whole.
var tiffForms = map[string]picturetest.TIFFForm{
	"tiff-strip":       {Kind: picturetest.TIFFRGB, Bits: 8, Deflate: true},
	"tiff-planes":      {Kind: picturetest.TIFFRGB, Bits: 8, Deflate: true, Separate: true},
	"tiff-planes-16":   {Kind: picturetest.TIFFRGB, Bits: 16, Separate: true},
	"tiff-planes-rows": {Kind: picturetest.TIFFRGB, Bits: 8, Separate: true, Rows: 400},
	"tiff-tiles-1024":  {Kind: picturetest.TIFFRGB, Bits: 8, Extra: 3, Deflate: true, Tile: 1024},
	"tiff-multiplied":  {Kind: picturetest.TIFFRGB, Bits: 8, Deflate: true, Extra: 2, Tile: 256},
	"tiff-bilevel":     {Bits: 1, Deflate: true},
}

// tiffOf writes one of these forms, or a TIFF of one JPEG.
func tiffOf(form string, m *image.YCbCr) []byte {
	if form != "tiff-jpeg-strip" {
		return picturetest.TIFF(m, binary.LittleEndian, tiffForms[form])
	}
	return picturetest.TIFFOfJPEG(picturetest.JPEG(m, 85), m.Rect.Dx(), m.Rect.Dy())
}

// tiffCases are TIFFs of each layout.
func tiffCases(mp float64) []calibration {
	var out []calibration
	for _, form := range []string{"tiff", "tiff-tiles", "tiff-alpha", "tiff-cmyk", "tiff-16", "tiff-jpeg", "tiff-strip",
		"tiff-planes", "tiff-planes-16", "tiff-planes-rows", "tiff-tiles-1024", "tiff-multiplied", "tiff-bilevel", "tiff-jpeg-strip"} {
		out = append(out, calibration{megapixels(form, mp), toJPEG})
	}
	hdr := transform.Params{Width: 720, Format: transform.PNG, PreserveHDR: true}
	return append(out, calibration{megapixels("tiff-16", mp), hdr}, calibration{megapixels("tiff-planes-16", mp), hdr})
}
