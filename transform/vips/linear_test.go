package vips

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// checkerboard has pixels of two colours in turn.
func checkerboard(a, b color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			c := a
			if (x+y)%2 > 0 {
				c = b
			}
			m.Set(x, y, c)
		}
	}
	return m
}

// Black and white in turn are half of the light, which sRGB says by 188, and 128 where samples
// are averaged as they stand.
func TestLinearLight(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range gray.Pix {
		gray.Pix[i] = uint8(255 * ((i + i/64) % 2))
	}
	for _, tc := range []struct {
		name    string
		m       image.Image
		options string
		want    color.NRGBA
	}{
		{"linear", checkerboard(color.Black, color.White), "w:16/linear:1", color.NRGBA{188, 188, 188, 255}},
		{"as they stand", checkerboard(color.Black, color.White), "w:16", color.NRGBA{128, 128, 128, 255}},
		{"grey", gray, "w:16/linear:1", color.NRGBA{188, 188, 188, 255}},
		{"factor of eight", checkerboard(color.Black, color.White), "w:8/linear:1", color.NRGBA{188, 188, 188, 255}},
		{"colours", checkerboard(color.NRGBA{255, 0, 100, 255}, color.NRGBA{0, 255, 100, 255}), "w:16/linear:1",
			color.NRGBA{188, 188, 100, 255}},
		// Alpha is no light, and transparent colours do not count.
		{"alpha", checkerboard(color.NRGBA{10, 200, 30, 255}, color.NRGBA{255, 0, 0, 0}), "w:16/linear:1",
			color.NRGBA{10, 200, 30, 128}},
	} {
		out := pixels(t, run(t, picturetest.PNG(tc.m), parse(t, tc.options+"/f:png")))
		got := color.NRGBAModel.Convert(out.At(4, 4)).(color.NRGBA)
		for i, d := range []int{int(got.R) - int(tc.want.R), int(got.G) - int(tc.want.G), int(got.B) - int(tc.want.B),
			int(got.A) - int(tc.want.A)} {
			if max(d, -d) > 1 {
				t.Errorf("%s: %v, want %v (band %d)", tc.name, got, tc.want, i)
			}
		}
	}
}

// A ramp of all values comes back as it was, where it is only made smaller across the other side.
func TestLinearLightKeepsEveryShade(t *testing.T) {
	ramp := image.NewGray(image.Rect(0, 0, 256, 8))
	for i := range ramp.Pix {
		ramp.Pix[i] = uint8(i % 256)
	}
	out := pixels(t, run(t, picturetest.PNG(ramp), parse(t, "rs:force:256:4/linear:1/f:png")))
	for x := range 256 {
		r, _, _, _ := out.At(x, 2).RGBA()
		if got := int(r >> 8); got != x {
			t.Errorf("shade %d became %d", x, got)
		}
	}
}

// All sources give the size that they give otherwise, and hardly another image.
func TestLinearLightOfEverySource(t *testing.T) {
	for name, b := range sharedSources(t) {
		for _, options := range []string{"w:301", "w:100/h:80/rt:fill", "w:150/rot:90", "w:200/bl:1/bg:ff0000"} {
			plain := pixels(t, run(t, b, parse(t, options+"/f:png")))
			linear := pixels(t, run(t, b, parse(t, options+"/linear:1/f:png")))
			if plain.Bounds() != linear.Bounds() {
				t.Errorf("%s, %s: %v, want %v", name, options, linear.Bounds(), plain.Bounds())
			} else if d := picturetest.Perceived(plain, linear); d > 12 || math.IsNaN(d) {
				t.Errorf("%s, %s: %.1f away", name, options, d)
			}
		}
	}
}
