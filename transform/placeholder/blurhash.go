package placeholder

import (
	"math"
	"strings"
)

const base83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"

// linearLight is sRGB's curve for eight bits (IEC 61966-2-1).
var linearLight = func() (curve [256]float64) {
	for i := range curve {
		v := float64(i) / 255
		if v <= 0.04045 {
			curve[i] = v / 12.92
		} else {
			curve[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return curve
}()

// Blurhash is the BlurHash of the image on a white page, with 1 to 9 components each way. It is to the letter that of
// the package blurhash of npm, whose largest component is not the one of the largest absolute value.
func (p *Image) Blurhash(across, down int) string {
	p = p.OverWhite()
	cosX, cosY := cosines(across, p.Width), cosines(down, p.Height)
	var parts [][3]float64
	most := math.Inf(-1)
	for j := range down {
		for i := range across {
			part := p.component(cosX[i], cosY[j], i == 0 && j == 0)
			parts = append(parts, part)
			if len(parts) > 1 {
				most = max(most, part[0], part[1], part[2])
			}
		}
	}
	var b strings.Builder
	appendBase83(&b, across-1+(down-1)*9, 1)
	scale, quantised := 1.0, 0
	if len(parts) > 1 {
		quantised = int(max(0, min(82, math.Floor(most*166-0.5))))
		scale = float64(quantised+1) / 166
	}
	appendBase83(&b, quantised, 1)
	first := 0
	for _, v := range parts[0] {
		first = first<<8 | inSRGB(v)
	}
	appendBase83(&b, first, 4)
	for _, part := range parts[1:] {
		value := 0
		for _, v := range part {
			root := math.Copysign(math.Sqrt(math.Abs(v/scale)), v)
			value = value*19 + int(max(0, min(18, math.Floor(root*9+9.5))))
		}
		appendBase83(&b, value, 2)
	}
	return b.String()
}

// cosines are those of n waves at each of size places. The order of operations is that of the reference.
func cosines(n, size int) [][]float64 {
	waves := make([][]float64, n)
	for i := range waves {
		waves[i] = make([]float64, size)
		for x := range waves[i] {
			waves[i][x] = math.Cos(math.Pi * float64(i) * float64(x) / float64(size))
		}
	}
	return waves
}

// component is the share of a pair of waves in linear light.
func (p *Image) component(cosX, cosY []float64, flat bool) (sum [3]float64) {
	normal := 2.0
	if flat {
		normal = 1
	}
	for x, cx := range cosX {
		for y, cy := range cosY {
			c, basis := p.At[y*p.Width+x], normal*cx*cy
			sum[0] += basis * linearLight[c.R]
			sum[1] += basis * linearLight[c.G]
			sum[2] += basis * linearLight[c.B]
		}
	}
	for i := range sum {
		sum[i] /= float64(len(p.At))
	}
	return sum
}

// inSRGB is the inverse of linearLight.
func inSRGB(v float64) int {
	v = max(0, min(1, v))
	if v <= 0.0031308 {
		return int(v*12.92*255 + 0.5)
	}
	return int((1.055*math.Pow(v, 1/2.4)-0.055)*255 + 0.5)
}

func appendBase83(b *strings.Builder, value, digits int) {
	var text [4]byte
	for i := digits - 1; i >= 0; i-- {
		text[i] = base83[value%83]
		value /= 83
	}
	b.Write(text[:digits])
}
