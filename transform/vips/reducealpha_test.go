package vips

import (
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// translucentNoise are the samples of a PNG of two or four bands: a third is transparent, a third opaque.
func translucentNoise(w, h, bands int) []byte {
	r := rand.New(rand.NewPCG(18, 2))
	out := make([]byte, w*h*bands)
	for i := range out {
		out[i] = byte(r.IntN(2) * 255)
		if i%bands == bands-1 {
			out[i] = byte(min(max(r.IntN(768)-256, 0), 255))
		}
	}
	return out
}

// multipliedPlane is one band of samples, each multiplied by alpha.
func multipliedPlane(samples []byte, w, h, bands, band int) [][]float64 {
	out := make([][]float64, h)
	for y := range out {
		for x := range w {
			pixel := samples[(y*w+x)*bands:][:bands]
			alpha := float64(pixel[bands-1]) / 255
			if band == bands-1 {
				alpha = 1
			}
			out[y] = append(out[y], float64(pixel[band])*alpha)
		}
	}
	return out
}

// A reduced image with alpha is that of Lanczos3 in floating point, of colours multiplied by alpha and divided
// by it after, rounded: off by no more than one as far as a pixel shows.
func TestReductionOfAlphaIsLanczos(t *testing.T) {
	const w, h = 131, 97
	for bands, colourType := range map[int]byte{2: 4, 4: 6} {
		samples := translucentNoise(w, h, bands)
		file := picturetest.RawPNG(w, h, 8, colourType, samples)
		for _, size := range [][2]int{{130, 96}, {131, 50}, {66, 49}, {57, 41}, {34, 25}, {33, 90}} {
			t.Run(fmt.Sprint(bands, size), func(t *testing.T) {
				p := transform.Params{Width: size[0], Height: size[1], Mode: transform.Force, Format: transform.PNG}
				got := pixels(t, run(t, file, p))
				alphas := reducePlane(multipliedPlane(samples, w, h, bands, bands-1), size[0], size[1])
				for band := range bands - 1 {
					colours := reducePlane(multipliedPlane(samples, w, h, bands, band), size[0], size[1])
					for y := range alphas {
						for x, alpha := range alphas[y] {
							c := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
							isDivided(t, c, []uint8{c.R, c.G, c.B}[band], colours[y][x], alpha)
						}
					}
				}
			})
		}
	}
}

// isDivided compares a colour and its alpha with what they are of in floating point.
func isDivided(t *testing.T, got color.NRGBA, sample uint8, colour, alpha float64) {
	t.Helper()
	shown := min(max(alpha, 0), 255)
	if math.Abs(float64(got.A)-shown) > 1 {
		t.Fatalf("%v, want an alpha of %.2f", got, shown)
	}
	if shown < 1 {
		return // no colour shows
	}
	want := min(max(colour/alpha*255, 0), 255)
	if d := math.Abs(float64(sample) - want); d*shown/255 > 1 || shown >= 16 && d > 1 {
		t.Fatalf("%v at an alpha of %.2f, want %.2f", got, alpha, want)
	}
}

// A plain area keeps its colour, however many pixels are averaged before the kernel. Rows between the
// directions have 64 steps for one of alpha: under an alpha of one the colour is not exact.
func TestReductionOfAlphaKeepsPlainColours(t *testing.T) {
	const side = 203
	for _, alpha := range []uint8{1, 2, 8, 127, 254, 255} {
		want := color.NRGBA{1, 128, 254, alpha}
		samples := make([]byte, 0, 4*side*side)
		for range side * side {
			samples = append(samples, want.R, want.G, want.B, want.A)
		}
		file := picturetest.RawPNG(side, side, 8, 6, samples)
		for _, w := range []int{1, 2, 5, 20, 63, 199} {
			got := pixels(t, run(t, file, transform.Params{Width: w, Format: transform.PNG}))
			for y := range got.Bounds().Dy() {
				for x := range got.Bounds().Dx() {
					c := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
					if apart(c, want) > 4/int(alpha) || c.A != alpha {
						t.Fatalf("%d wide: %v at %d,%d, want %v", w, c, x, y, want)
					}
				}
			}
		}
	}
}
