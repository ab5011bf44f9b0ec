package facts

import (
	"math"
	"slices"

	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// perceptualSide is the side of the square whose low frequencies make the hash, perceptualWaves how many each way.
const perceptualSide, perceptualWaves = 32, 8

// perceptualHash is pHash: one bit for each of the 64 lowest frequencies, which says whether it is above the median.
// Of two images alike few bits differ.
func (p *Pixels) perceptualHash() (hash uint64) {
	grey := squareGrey(p.OverWhite())
	cos := placeholder.CentredCosines(perceptualWaves, perceptualSide)
	var shares []float64
	for j := range perceptualWaves {
		for i := range perceptualWaves {
			sum := 0.0
			for y := range perceptualSide {
				for x := range perceptualSide {
					sum += grey[y*perceptualSide+x] * cos[i][x] * cos[j][y]
				}
			}
			// What is flat has no waves but for rounding.
			shares = append(shares, math.Round(sum*1e6)/1e6)
		}
	}
	sorted := slices.Clone(shares)
	slices.Sort(sorted)
	median := (sorted[31] + sorted[32]) / 2
	for _, s := range shares {
		hash <<= 1
		if s > median {
			hash |= 1
		}
	}
	return hash
}

// squareGrey is luma in a square of perceptualSide, each pixel of which is the mean of the area that it covers.
func squareGrey(p *placeholder.Image) []float64 {
	across, down := shareOfPixels(p.Width), shareOfPixels(p.Height)
	grey := make([]float64, perceptualSide*perceptualSide)
	for y, rows := range down {
		for x, columns := range across {
			sum := 0.0
			for row, h := range rows {
				if h == 0 {
					continue
				}
				for column, w := range columns {
					c := p.At[row*p.Width+column]
					sum += h * w * (0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B))
				}
			}
			grey[y*perceptualSide+x] = sum
		}
	}
	return grey
}

// shareOfPixels is for each of perceptualSide places what of it each of n pixels covers.
func shareOfPixels(n int) [perceptualSide][]float64 {
	var shares [perceptualSide][]float64
	scale := float64(n) / perceptualSide
	for i := range shares {
		shares[i] = make([]float64, n)
		from, to := float64(i)*scale, float64(i+1)*scale
		for j := range n {
			if covered := min(to, float64(j+1)) - max(from, float64(j)); covered > 0 {
				shares[i][j] = covered / scale
			}
		}
	}
	return shares
}
