package picturetest

import (
	"image"
	"math"
)

// similarityWeights are those of the scales in Wang, Simoncelli and Bovik,
// "Multi-scale structural similarity for image quality assessment", 2003.
var similarityWeights = []float64{0.0448, 0.2856, 0.3001, 0.2363, 0.1333}

// similarityWindow is the side of the windows that are compared.
const similarityWindow = 8

// Similarity is the multi-scale structural similarity of the luma of two images,
// 1 for equal ones, and 0 where their sizes differ. It sees what a mean of
// distances does not: shifts by fractions of a pixel, and lost detail. Small images
// are compared at fewer scales.
func Similarity(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() {
		return 0
	}
	p, q := lumaOf(a), lumaOf(b)
	var result, used = 0.0, 0.0
	for i, weight := range similarityWeights {
		if i > 0 {
			p, q = p.half(), q.half()
		}
		if min(p.w, p.h) < similarityWindow {
			break
		}
		structure, light := compare(p, q)
		if i+1 == len(similarityWeights) || min(p.w, p.h) < 2*similarityWindow {
			structure *= light // only of the coarsest scale
		}
		result += weight * math.Log(max(structure, 1e-9))
		used += weight
	}
	if used == 0 {
		return 0
	}
	return math.Exp(result / used)
}

type luma struct {
	w, h    int
	samples []float64
}

func lumaOf(m image.Image) luma {
	b := m.Bounds()
	l := luma{w: b.Dx(), h: b.Dy()}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			l.samples = append(l.samples, (0.299*float64(r)+0.587*float64(g)+0.114*float64(bl))/257)
		}
	}
	return l
}

func (l luma) half() luma {
	out := luma{w: l.w / 2, h: l.h / 2}
	for y := range out.h {
		for x := range out.w {
			i := 2*y*l.w + 2*x
			out.samples = append(out.samples,
				(l.samples[i]+l.samples[i+1]+l.samples[i+l.w]+l.samples[i+l.w+1])/4)
		}
	}
	return out
}

// compare gives the means over all windows of contrast and structure, and of
// luminance, each 1 for equal images.
func compare(p, q luma) (structure, light float64) {
	const c1, c2 = 0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255
	n := 0.0
	for y := 0; y+similarityWindow <= p.h; y += 2 {
		for x := 0; x+similarityWindow <= p.w; x += 2 {
			s := momentsOf(p, q, x, y)
			structure += (2*s.both + c2) / (s.varP + s.varQ + c2)
			light += (2*s.meanP*s.meanQ + c1) / (s.meanP*s.meanP + s.meanQ*s.meanQ + c1)
			n++
		}
	}
	return structure / n, light / n
}

type moments struct{ meanP, meanQ, varP, varQ, both float64 }

func momentsOf(p, q luma, x, y int) (m moments) {
	const n = similarityWindow * similarityWindow
	for j := range similarityWindow {
		for i := range similarityWindow {
			a, b := p.samples[(y+j)*p.w+x+i], q.samples[(y+j)*p.w+x+i]
			m.meanP += a / n
			m.meanQ += b / n
			m.varP += a * a / n
			m.varQ += b * b / n
			m.both += a * b / n
		}
	}
	m.varP -= m.meanP * m.meanP
	m.varQ -= m.meanQ * m.meanQ
	m.both -= m.meanP * m.meanQ
	return m
}
