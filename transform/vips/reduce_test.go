package vips

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// noise has the sharpest edges that there are, at its borders too.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(18, 14))
	for i := range m.Pix {
		m.Pix[i] = 255
		if i%4 < 3 {
			m.Pix[i] = uint8(r.IntN(2) * 255)
		}
	}
	return m
}

func lanczos3(x float64) float64 {
	switch {
	case x == 0:
		return 1
	case math.Abs(x) >= 3:
		return 0
	}
	return 3 * math.Sin(math.Pi*x) * math.Sin(math.Pi*x/3) / (math.Pi * math.Pi * x * x)
}

// reduceLine reduces one line of samples to n by Lanczos3, its ends repeated.
func reduceLine(line []float64, n int) []float64 {
	factor := float64(len(line)) / float64(n)
	out := make([]float64, n)
	for i := range out {
		centre := (float64(i)+0.5)*factor - 0.5
		sum, weights := 0.0, 0.0
		for at := int(centre - 3*factor - 1); at <= int(centre+3*factor+1); at++ {
			weight := lanczos3((float64(at) - centre) / factor)
			sum += weight * line[min(max(at, 0), len(line)-1)]
			weights += weight
		}
		out[i] = sum / weights
	}
	return out
}

// reducePlane reduces one channel in floating point.
func reducePlane(plane [][]float64, w, h int) [][]float64 {
	columns := make([][]float64, len(plane[0]))
	for x := range columns {
		for _, line := range plane {
			columns[x] = append(columns[x], line[x])
		}
		columns[x] = reduceLine(columns[x], h)
	}
	out := make([][]float64, h)
	for y := range out {
		for _, column := range columns {
			out[y] = append(out[y], column[y])
		}
		out[y] = reduceLine(out[y], w)
	}
	return out
}

// channel is red, green or blue of an image, or grey.
func channel(m image.Image, i int) [][]float64 {
	b := m.Bounds()
	out := make([][]float64, b.Dy())
	for y := range out {
		for x := range b.Dx() {
			c := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
			out[y] = append(out[y], float64([]uint8{c.R, c.G, c.B}[i]))
		}
	}
	return out
}

// A reduced image is that of Lanczos3 in floating point, rounded: off by no more than
// one, and by one in few samples only.
func TestReductionIsLanczos(t *testing.T) {
	colours, grey := noise(131, 97), image.NewGray(image.Rect(0, 0, 131, 97))
	for y := range 97 {
		for x := range 131 {
			grey.Set(x, y, colours.At(x, y))
		}
	}
	for _, size := range [][2]int{{130, 96}, {100, 97}, {131, 50}, {66, 49}, {57, 41}, {34, 25}, {33, 90}} {
		for name, m := range map[string]image.Image{"colours": colours, "grey": grey} {
			p := transform.Params{Width: size[0], Height: size[1], Mode: transform.Force, Format: transform.PNG}
			got := pixels(t, run(t, picturetest.PNG(m), p))
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				for i := range 3 {
					isRounded(t, channel(got, i), reducePlane(channel(m, i), size[0], size[1]))
				}
			})
		}
	}
}

// isRounded compares samples with what they are of in floating point.
func isRounded(t *testing.T, got, want [][]float64) {
	t.Helper()
	off := 0
	for y, line := range want {
		for x, v := range line {
			v = min(max(v, 0), 255)
			switch d := math.Abs(got[y][x] - v); {
			case d > 1:
				t.Fatalf("at %d,%d is %v, want %.2f", x, y, got[y][x], v)
			case d > 0.55:
				off++
			}
		}
	}
	if most := len(want) * len(want[0]) / 100; off > most {
		t.Errorf("%d samples are rounded the wrong way, want at most %d", off, most)
	}
}

// A plain area keeps its colour to the very border, and the strips in which rows are
// made do not show.
func TestReductionKeepsPlainColours(t *testing.T) {
	for _, w := range []int{1, 2, 5, 63, 199} {
		m := image.NewRGBA(image.Rect(0, 0, 200, 200))
		want := color.RGBA{1, 128, 254, 255}
		for y := range 200 {
			for x := range 200 {
				m.Set(x, y, want)
			}
		}
		got := pixels(t, run(t, picturetest.PNG(m), transform.Params{Width: w, Format: transform.PNG}))
		for y := range got.Bounds().Dy() {
			for x := range got.Bounds().Dx() {
				if c := color.RGBAModel.Convert(got.At(x, y)).(color.RGBA); c != want {
					t.Fatalf("%d wide: %v at %d,%d, want %v", w, c, x, y, want)
				}
			}
		}
	}
}
