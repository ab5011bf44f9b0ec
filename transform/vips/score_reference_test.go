package vips

import (
	"image"
	"math"
)

// plane is one channel of an image in double precision.
type plane struct {
	w, h int
	v    []float64
}

func newPlane(w, h int) plane { return plane{w, h, make([]float64, w*h)} }

func (p plane) combine(q plane, f func(a, b float64) float64) plane {
	out := newPlane(p.w, p.h)
	for i := range p.v {
		out.v[i] = f(p.v[i], q.v[i])
	}
	return out
}

// gauss is a Gauss function as the sum of three cosines, 0 from 5 samples on.
var gauss = func() (weights [9]float64) {
	for at := range weights {
		for i, amplitude := range []float64{0.17893914164149133, 0.0727261447361902, 0.012955819110517089} {
			weights[at] += amplitude * math.Cos(float64(2*i+1)*math.Pi/10*float64(at-4))
		}
	}
	return weights
}()

// blur has nothing around the image.
func (p plane) blur() plane { return p.pass(1, 0).pass(0, 1) }

func (p plane) pass(dx, dy int) plane {
	out := newPlane(p.w, p.h)
	for i := range p.v {
		for at, weight := range gauss {
			x, y := i%p.w+(at-4)*dx, i/p.w+(at-4)*dy
			if x >= 0 && x < p.w && y >= 0 && y < p.h {
				out.v[i] += weight * p.v[y*p.w+x]
			}
		}
	}
	return out
}

func (p plane) half() plane {
	out := newPlane((p.w+1)/2, (p.h+1)/2)
	for i := range out.v {
		x, y := i%out.w*2, i/out.w*2
		right, below := min(x+1, p.w-1), min(y+1, p.h-1)
		out.v[i] = (p.v[y*p.w+x] + p.v[y*p.w+right] + p.v[below*p.w+x] + p.v[below*p.w+right]) / 4
	}
	return out
}

// lightOn is the linear light of an image on a grey ground.
func lightOn(m *image.NRGBA, ground float64) (rgb [3]plane) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for c := range rgb {
		rgb[c] = newPlane(w, h)
		for i := range rgb[c].v {
			a := float64(m.Pix[4*i+3]) / 255
			v := a*float64(m.Pix[4*i+c])/255 + (1-a)*ground
			if v <= 0.04045 {
				rgb[c].v[i] = v / 12.92
			} else {
				rgb[c].v[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
	}
	return rgb
}

func conesOf(rgb [3]plane) (xyb [3]plane) {
	const bias = 0.0037930732552754493
	by := [3][3]float64{{0.3, 0.622, 0.078}, {0.23, 0.692, 0.078},
		{0.24342268924547819, 0.20476744424496821, 1 - 0.24342268924547819 - 0.20476744424496821}}
	for c := range xyb {
		xyb[c] = newPlane(rgb[0].w, rgb[0].h)
	}
	for i := range rgb[0].v {
		var lms [3]float64
		for c := range lms {
			lms[c] = math.Cbrt(by[c][0]*rgb[0].v[i]+by[c][1]*rgb[1].v[i]+by[c][2]*rgb[2].v[i]+bias) - math.Cbrt(bias)
		}
		y := (lms[0] + lms[1]) / 2
		xyb[0].v[i], xyb[1].v[i], xyb[2].v[i] = (lms[0]-lms[1])/2*14+0.42, y+0.01, lms[2]-y+0.55
	}
	return xyb
}

// norms gives those of the three kinds of difference: means, then fourth roots of the mean fourth power.
func norms(a, b plane) (all [6]float64) {
	times := func(a, b float64) float64 { return a * b }
	ma, mb := a.blur(), b.blur()
	aa, bb, ab := a.combine(a, times).blur(), b.combine(b, times).blur(), a.combine(b, times).blur()
	for i := range a.v {
		spread := aa.v[i] - ma.v[i]*ma.v[i] + bb.v[i] - mb.v[i]*mb.v[i] + 0.0009
		alike := (1 - math.Pow(ma.v[i]-mb.v[i], 2)) * (2*(ab.v[i]-ma.v[i]*mb.v[i]) + 0.0009) / spread
		edge := (1+math.Abs(b.v[i]-mb.v[i]))/(1+math.Abs(a.v[i]-ma.v[i])) - 1
		for kind, d := range []float64{max(1-alike, 0), max(edge, 0), max(-edge, 0)} {
			all[kind] += d / float64(len(a.v))
			all[3+kind] += math.Pow(d, 4) / float64(len(a.v))
		}
	}
	for kind := range 3 {
		all[3+kind] = math.Pow(all[3+kind], 0.25)
	}
	return all
}

// referenceScore is SSIMULACRA2 as its definition is written down: of whole images in double precision.
func referenceScore(original, result *image.NRGBA) float64 {
	if original.Opaque() {
		return scoreOn(original, result, 0)
	}
	return min(scoreOn(original, result, 0.1), scoreOn(original, result, 0.9))
}

func scoreOn(original, result *image.NRGBA, ground float64) float64 {
	a, b := lightOn(original, ground), lightOn(result, ground)
	var scales [][3][6]float64
	for range 6 {
		if n := len(scales); n > 0 {
			for c := range 3 {
				a[c], b[c] = a[c].half(), b[c].half()
			}
		}
		x, y := conesOf(a), conesOf(b)
		var one [3][6]float64
		for c := range 3 {
			one[c] = norms(x[c], y[c])
		}
		scales = append(scales, one)
		if a[0].w < 8 || a[0].h < 8 {
			break
		}
	}
	sum, at := 0.0, 0
	for c := range 3 {
		for _, scale := range scales {
			for _, norm := range scale[c] {
				sum += referenceWeights[at] * norm
				at++
			}
		}
	}
	sum *= 0.9562382616834844
	sum = 2.326765642916932*sum - 0.020884521182843837*sum*sum + 6.248496625763138e-05*sum*sum*sum
	if sum <= 0 {
		return 100
	}
	return 100 - 10*math.Pow(sum, 0.6276336467831387)
}

func lumaOf(m *image.NRGBA) plane {
	p := newPlane(m.Rect.Dx(), m.Rect.Dy())
	for i := range p.v {
		p.v[i] = (0.299*float64(m.Pix[4*i]) + 0.587*float64(m.Pix[4*i+1]) + 0.114*float64(m.Pix[4*i+2])) / 255
	}
	return p
}

// referenceDSSIM is (1 - SSIM) / 2 of opaque images, in double precision.
func referenceDSSIM(original, result *image.NRGBA) float64 {
	a, b := lumaOf(original), lumaOf(result)
	times := func(a, b float64) float64 { return a * b }
	ma, mb := a.blur(), b.blur()
	aa, bb, ab := a.combine(a, times).blur(), b.combine(b, times).blur(), a.combine(b, times).blur()
	mean := 0.0
	for i := range a.v {
		both := ma.v[i] * mb.v[i]
		squares := ma.v[i]*ma.v[i] + mb.v[i]*mb.v[i]
		mean += (2*both + 0.0001) / (squares + 0.0001) * (2*(ab.v[i]-both) + 0.0009) /
			(aa.v[i] + bb.v[i] - squares + 0.0009) / float64(len(a.v))
	}
	return (1 - mean) / 2
}

var referenceWeights = [108]float64{
	0, 0.0007376606707, 0, 0, 0.0007793481683, 0,
	0, 0.000437115573, 0, 1.104172643, 0.0006628483413, 0.0001523163278,
	0, 0.001640643746, 0, 1.842245552, 11.4411726, 0,
	0.0007989109436, 0.0001768164381, 0, 1.878759498, 10.94906991, 0,
	0.0007289346992, 0.9677937081, 0, 0.0001400342429, 0.9981766978, 0.0003194975593,
	0.0004550992114, 0, 0, 0.001364876616, 0, 0,
	0, 0, 0, 7.466890328, 0, 17.44583398,
	0.0006235601634, 0, 0, 6.683678146, 0.0003772440798, 1.027889938,
	225.205153, 0, 0, 19.21323819, 0.001140152459, 0.001237755636,
	176.393176, 0, 0, 24.43301, 0.2852080261, 0.0004485436924,
	0, 0, 0, 34.77906344, 44.83562533, 0,
	0, 0, 0, 0, 0, 0,
	0, 0.0008680556573, 0, 0, 0, 0,
	0, 0.0005313191874, 0, 0.0001653381416, 0, 0,
	0, 0, 0, 0.0004179171803, 0.001729082823, 0,
	0.002082700585, 0, 0, 8.826982765, 23.19243344, 0,
	95.10804988, 0.9863978034, 0.9834382792, 0.001228640505, 171.2667256, 0.9807858872,
	0, 0, 0, 0.0005130064589, 0, 0.0001085405786,
}
