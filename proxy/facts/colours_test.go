package facts

import (
	"image"
	"image/color"
	"math/bits"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// striped has columns of colours.
func striped(colours ...color.NRGBA) *Pixels {
	p := &Pixels{placeholder.Image{Width: len(colours), Height: 10}}
	for range p.Height {
		p.At = append(p.At, colours...)
	}
	return p
}

var (
	red   = color.NRGBA{200, 20, 20, 255}
	green = color.NRGBA{20, 90, 20, 255}
	clear = color.NRGBA{0, 0, 255, 0}
	half  = color.NRGBA{200, 20, 20, 128}
)

func TestAverage(t *testing.T) {
	for _, tc := range []struct {
		p         *Pixels
		want, all rgba
		page      string
	}{
		{striped(red), rgba{200, 20, 20, 255}, rgba{200, 20, 20, 255}, "#c81414"},
		{striped(red, green), rgba{110, 55, 20, 255}, rgba{110, 55, 20, 255}, "#6e3714"},
		{striped(red, clear), rgba{200, 20, 20, 255}, rgba{200, 20, 20, 128}, "#e48a8a"},
		{striped(half, red), rgba{200, 20, 20, 192}, rgba{200, 20, 20, 192}, "#d64f4f"},
		{striped(clear), rgba{}, rgba{}, "#ffffff"},
	} {
		if got := tc.p.average(true); got != tc.want {
			t.Errorf("%v: %v", tc.p.At[:tc.p.Width], got)
		}
		if got := tc.p.average(false); got != tc.all {
			t.Errorf("%v, all: %v", tc.p.At[:tc.p.Width], got)
		}
		if got := tc.p.AverageColour(); got != tc.page {
			t.Errorf("%v on a page: %v", tc.p.At[:tc.p.Width], got)
		}
	}
	if striped(red, green).isTransparent() || !striped(red, half).isTransparent() {
		t.Error("transparency is told where there is none, or not where there is")
	}
}

func TestPalette(t *testing.T) {
	blue := color.NRGBA{10, 10, 220, 255}
	p := striped(red, red, red, green, green, blue)
	got := p.palette(8)
	if len(got) != 3 || got[0].rgba != (rgba{200, 20, 20, 255}) || got[1].rgba != (rgba{20, 90, 20, 255}) ||
		got[2].rgba != (rgba{10, 10, 220, 255}) || got[0].pixels != 30 {
		t.Errorf("three colours: %v", got)
	}
	if got := p.palette(2); len(got) != 2 || got[0].pixels+got[1].pixels != len(p.At) {
		t.Errorf("two of three colours: %v", got)
	}
	chart := pixelsOf(picturetest.Chart(100, 75))
	for _, most := range []int{2, 16, 256} {
		got := chart.palette(most)
		n := 0
		for _, c := range got {
			n += c.pixels
		}
		if len(got) > most || n != len(chart.At) {
			t.Errorf("%d colours of at most %d, for %d pixels", len(got), most, n)
		}
	}
}

func TestDominantColours(t *testing.T) {
	dull := color.NRGBA{140, 120, 115, 255}
	got := striped(red, dull, dull, green, clear).dominantColours(false)
	if len(got) != 3 || got["vibrant"] != (rgb{200, 20, 20}) || got["dark_vibrant"] != (rgb{20, 90, 20}) ||
		got["muted"] != (rgb{140, 120, 115}) {
		t.Errorf("%v", got)
	}
	built := striped(red, dull).dominantColours(true)
	if len(built) != len(kindsOfColours) || built["vibrant"] != (rgb{200, 20, 20}) {
		t.Errorf("built: %v", built)
	}
	for _, kind := range kindsOfColours {
		_, _, l := hslOf(built[kind.name])
		if l < kind.lightness[0] || l > kind.lightness[2] {
			t.Errorf("%s %v is of lightness %v", kind.name, built[kind.name], l)
		}
	}
	if got := striped(clear).dominantColours(true); len(got) != 0 {
		t.Errorf("nothing to see: %v", got)
	}
}

func TestColoursBecomeHSLAndBack(t *testing.T) {
	for n := 0; n < 1<<24; n += 4099 {
		c := rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}
		if again := colourOf(hslOf(c)); again != c {
			t.Fatalf("%v became %v", c, again)
		}
	}
}

// Of the same image in other sizes few bits differ, and of other images many.
func TestPerceptualHash(t *testing.T) {
	chart := pixelsOf(picturetest.Chart(100, 75)).perceptualHash()
	small := pixelsOf(picturetest.Lanczos(picturetest.Chart(100, 75), 64, 48)).perceptualHash()
	if n := bits.OnesCount64(chart ^ small); n > 4 {
		t.Errorf("%d bits differ of one image in two sizes", n)
	}
	other := pixelsOf(picturetest.Photo(100, 75, 3)).perceptualHash()
	if n := bits.OnesCount64(chart ^ other); n < 16 {
		t.Errorf("%d bits differ of two images", n)
	}
	if striped(red).perceptualHash() != striped(green).perceptualHash() {
		t.Error("two flat images differ")
	}
}

func TestReadPixels(t *testing.T) {
	for _, side := range []int{1, Side} {
		m := image.NewNRGBA(image.Rect(0, 0, side, 1))
		m.SetNRGBA(0, 0, half)
		if p, err := ReadPixels(picturetest.PNG(m)); err != nil || p.Width != side || p.At[0] != half {
			t.Errorf("%d: %v %v", side, p, err)
		}
	}
	large := picturetest.PNG(image.NewNRGBA(image.Rect(0, 0, Side+1, 1)))
	for what, b := range map[string][]byte{"too large": large, "none": nil, "cut off": large[:len(large)/2],
		"no PNG": []byte(strings.Repeat("x", 100))} {
		if _, err := ReadPixels(b); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}

func FuzzReadPixels(f *testing.F) {
	f.Add(picturetest.PNG(picturetest.Chart(20, 10)))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ReadPixels(b)
		if err == nil && (len(p.At) != p.Width*p.Height || p.Width > Side || p.Height > Side) {
			t.Fatalf("%d pixels of %dx%d", len(p.At), p.Width, p.Height)
		}
	})
}
