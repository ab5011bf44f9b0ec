package picturetest

import (
	"image"
	"image/color"
	"math"
)

// lobes of the kernel on each side.
const lobes = 3

// Lanczos resizes an opaque image with Lanczos' kernel of three lobes in floating
// point, in one step and without any bound on the number of samples: the right
// values for what is made faster elsewhere. Pixels outside of the image are as
// those at its edge.
func Lanczos(m image.Image, width, height int) *image.NRGBA {
	b := m.Bounds()
	across := newKernels(b.Dx(), width)
	down := newKernels(b.Dy(), height)
	between := make([][3]float64, width*b.Dy()) // reduced from left to right
	row := make([][3]float64, b.Dx())
	for y := range b.Dy() {
		for x := range row {
			r, g, bl, _ := m.At(b.Min.X+x, b.Min.Y+y).RGBA()
			row[x] = [3]float64{float64(r) / 257, float64(g) / 257, float64(bl) / 257}
		}
		for x, k := range across {
			between[y*width+x] = k.sum(func(i int) [3]float64 { return row[i] })
		}
	}
	out := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y, k := range down {
		for x := range width {
			v := k.sum(func(i int) [3]float64 { return between[i*width+x] })
			out.SetNRGBA(x, y, color.NRGBA{toByte(v[0]), toByte(v[1]), toByte(v[2]), 255})
		}
	}
	return out
}

func toByte(v float64) uint8 { return uint8(math.Round(max(0, min(v, 255)))) }

// kernel are the weights of samples from first on, of side.
type kernel struct {
	first, side int
	weights     []float64
}

func newKernels(side, to int) (all []kernel) {
	factor := float64(side) / float64(to)
	wide := max(1, factor)
	for i := range to {
		centre := (float64(i) + 0.5) * factor
		k := kernel{first: int(math.Ceil(centre - lobes*wide - 0.5)), side: side}
		var sum float64
		for at := k.first; float64(at)+0.5 <= centre+lobes*wide; at++ {
			w := sinc((float64(at)+0.5-centre)/wide) * sinc((float64(at)+0.5-centre)/wide/lobes)
			k.weights = append(k.weights, w)
			sum += w
		}
		for j := range k.weights {
			k.weights[j] /= sum
		}
		all = append(all, k)
	}
	return all
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func (k kernel) sum(sample func(int) [3]float64) (v [3]float64) {
	for j, w := range k.weights {
		s := sample(max(0, min(k.first+j, k.side-1)))
		for c := range v {
			v[c] += w * s[c]
		}
	}
	return v
}
