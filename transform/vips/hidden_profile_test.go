package vips

import (
	"image"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A profile behind an sRGB chunk counts, also in a PNG that is repaired for
// another reason.
func TestProfileBehindSRGBInOddPNGs(t *testing.T) {
	profile := picturetest.Profile("mntr", "RGB ")
	srgb := func(b []byte) []byte { return picturetest.WithPNGChunk(b, "sRGB", []byte{0}) }
	for _, f := range oddPNGs() {
		if f.whole == nil {
			continue
		}
		shown := run(t, picturetest.WithPNGProfile(f.whole, profile), transform.Params{Format: transform.PNG}).Body
		with := picturetest.WithPNGProfile(f.b, profile)
		for name, b := range map[string][]byte{"sRGB": srgb(with), "sRGB twice": srgb(srgb(with)),
			"profile first": with} {
			t.Run(f.name+", "+name, func(t *testing.T) {
				info := sniffed(t, b)
				if info.HiddenProfile != (name != "profile first") {
					t.Errorf("%+v", info)
				}
				wantPixels(t, b, shown)
			})
		}
	}
}

// Nothing is hidden where libpng sees the profile, or where there is none.
func TestProfileIsHiddenBySRGBAlone(t *testing.T) {
	plain := picturetest.PNG(flat(image.NewNRGBA, color.NRGBA{200, 60, 30, 255}))
	for chunks, want := range map[string]bool{
		"iCCP, sRGB": true, "iCCP, gAMA 1, sRGB": true, "sRGB, iCCP, sRGB": true,
		"sRGB, iCCP": false, "iCCP": false, "iCCP, gAMA 1": false, "sRGB": false, "iCCP, cICP P3": false,
	} {
		if got := sniffed(t, saying(t, plain, chunks)).HiddenProfile; got != want {
			t.Errorf("%s: %v, want %v", chunks, got, want)
		}
	}
}
