package picturetest

import (
	"image"
	"math"
	"sync"
)

// Perceived is how different two images of one size look: the mean distance
// in CIE L*a*b* (CIE 15:2004 §8.2.1, D65) of what the eye makes of them, which
// is a blur of three pixels, over mid-grey where they are transparent. A
// difference of about 2 can just be seen where both touch. It is infinite
// where the sizes differ.
func Perceived(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() {
		return math.Inf(1)
	}
	la, lb := linearLight(a), linearLight(b)
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	var sum float64
	for y := range h {
		for x := range w {
			p, q := toLab(neighbourMean(la, w, h, x, y)), toLab(neighbourMean(lb, w, h, x, y))
			sum += math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]))
		}
	}
	return sum / float64(w*h)
}

// linearLight is light: linear red, green and blue of every pixel over mid-grey.
func linearLight(m image.Image) [][3]float64 {
	b := m.Bounds()
	out, linear := make([][3]float64, 0, b.Dx()*b.Dy()), linearOf()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, a := m.At(x, y).RGBA()
			if a == 0xffff { // as most pixels are: a power of each takes half of the time of all tests of looks
				out = append(out, [3]float64{linear[r], linear[g], linear[bl]})
				continue
			}
			under := float64(0xffff-a) / 0xffff * 0.5
			out = append(out, [3]float64{toLinear(float64(r)/0xffff + under), toLinear(float64(g)/0xffff + under),
				toLinear(float64(bl)/0xffff + under)})
		}
	}
	return out
}

// linearOf is toLinear of every value of 16 bits.
var linearOf = sync.OnceValue(func() *[1 << 16]float64 {
	var all [1 << 16]float64
	for i := range all {
		all[i] = toLinear(float64(i) / 0xffff)
	}
	return &all
})

func toLinear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func neighbourMean(m [][3]float64, w, h, x, y int) (c [3]float64) {
	n := 0.0
	for j := max(0, y-1); j <= min(h-1, y+1); j++ {
		for i := max(0, x-1); i <= min(w-1, x+1); i++ {
			for k, v := range m[j*w+i] {
				c[k] += v
			}
			n++
		}
	}
	for k := range c {
		c[k] /= n
	}
	return c
}

func toLab(c [3]float64) [3]float64 {
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124*c[0] + 0.3576*c[1] + 0.1805*c[2]) / 0.9505)
	y := f(0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2])
	z := f((0.0193*c[0] + 0.1192*c[1] + 0.9505*c[2]) / 1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}
