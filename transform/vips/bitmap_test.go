package vips

import (
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

var bgra = [4]uint32{0xFF0000, 0xFF00, 0xFF, 0xFF000000}

func TestBMPs(t *testing.T) {
	chart := picturetest.Chart(320, 240)
	for name, f := range map[string]picturetest.BMPForm{
		"8":     {Bits: 8, Header: 40},
		"runs":  {Bits: 4, Header: 40, RunLength: true},
		"24":    {Bits: 24, Header: 12},
		"alpha": {Bits: 32, Header: 124, Masks: bgra, TopDown: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := picturetest.BMP(chart, f)
			for _, p := range []transform.Params{{Width: 100}, {Rotate: 90, Width: 100}, {Width: 90, Blur: 1}} {
				p.Format = transform.WebP
				m := pixels(t, run(t, b, p))
				if f.Bits > 8 && p.Rotate == 0 {
					upright(t, m)
				}
			}
		})
	}
	glass := picturetest.BMP(picturetest.Glass(320, 240), picturetest.BMPForm{Bits: 32, Header: 108, Masks: bgra})
	near(t, pixels(t, run(t, glass, transform.Params{Width: 160, Format: transform.PNG})), 0.5, 0.5, color.Transparent)
}

// The profile of a bitmap counts as that of any other image.
func TestProfileOfABMP(t *testing.T) {
	chart, profile := picturetest.Chart(64, 64), picturetest.Profile("mntr", "RGB ")
	b := picturetest.BMP(chart, picturetest.BMPForm{Bits: 24, Header: 124, Profile: profile})
	want := asPNG(t, picturetest.WithPNGProfile(picturetest.PNG(chart), profile))
	if d := picturetest.Distance(want, asPNG(t, b)); d > 0.5 {
		t.Errorf("%.1f away from a PNG with the same profile", d)
	}
	if d := picturetest.Distance(chart, asPNG(t, b)); d < 2 {
		t.Errorf("the profile has changed nothing: %.1f", d)
	}
}

func TestIconsInAndOut(t *testing.T) {
	small := picturetest.PNG(picturetest.Glass(16, 16))
	glass := picturetest.Glass(48, 48)
	for name, b := range map[string][]byte{
		"PNG":    picturetest.ICO(small, picturetest.PNG(glass)),
		"bitmap": picturetest.ICO(small, picturetest.IconBitmap(glass, picturetest.BMPForm{Bits: 24, Header: 40})),
	} {
		for _, f := range []transform.Format{transform.PNG, transform.WebP, transform.ICO} {
			pic := run(t, b, transform.Params{Width: 32, Format: f})
			m := pixels(t, pic)
			near(t, m, 0.5, 0.5, color.Transparent)
			near(t, m, 0.1, 0.1, picturetest.Red)
			near(t, m, 0.9, 0.9, picturetest.Yellow)
			if m.Bounds().Dx() != 32 {
				t.Errorf("%s to %v: %v", name, f, m.Bounds())
			}
		}
	}
}

// An icon has at most 256 pixels a side, and a larger result is made smaller.
func TestIconsAreSmall(t *testing.T) {
	pic := run(t, picturetest.PNG(picturetest.Chart(600, 300)), transform.Params{Format: transform.ICO})
	if pic.Width != 256 || pic.Height != 128 {
		t.Errorf("%dx%d", pic.Width, pic.Height)
	}
	if info, err := container.Sniff(pic.Body); err != nil || info.Inside != transform.PNG || info.Profile {
		t.Errorf("%+v, %v", info, err)
	}
}
