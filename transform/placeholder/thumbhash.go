package placeholder

import "math"

// ThumbHash is the ThumbHash of the image (evanw.github.io/thumbhash), of up to 25 bytes.
func (p *Image) ThumbHash() []byte {
	light, isOpaque := p.lightChannels()
	limit := 7.0
	if !isOpaque {
		limit = 5 // alpha takes the rest of the bits
	}
	longer := float64(max(p.Width, p.Height))
	lx := max(1, roundHalfUp(limit*float64(p.Width)/longer))
	ly := max(1, roundHalfUp(limit*float64(p.Height)/longer))
	l := p.waves(light[0], max(3, lx), max(3, ly))
	yellow, red := p.waves(light[1], 3, 3), p.waves(light[2], 3, 3)
	all := []waveShares{l, yellow, red}
	wide := p.Width > p.Height
	header := roundHalfUp(63*l.mean) | roundHalfUp(31.5+31.5*yellow.mean)<<6 | roundHalfUp(31.5+31.5*red.mean)<<12 |
		roundHalfUp(31*l.scale)<<18
	shape := roundHalfUp(63*yellow.scale)<<3 | roundHalfUp(63*red.scale)<<9
	if wide {
		shape |= ly | 1<<15
	} else {
		shape |= lx
	}
	if !isOpaque {
		header |= 1 << 23
	}
	hash := []byte{byte(header), byte(header >> 8), byte(header >> 16), byte(shape), byte(shape >> 8)}
	if !isOpaque {
		alpha := p.waves(light[3], 5, 5)
		all = append(all, alpha)
		hash = append(hash, byte(roundHalfUp(15*alpha.mean)|roundHalfUp(15*alpha.scale)<<4))
	}
	return appendNibbles(hash, all)
}

// appendNibbles appends the shares of all waves, of four bits each.
func appendNibbles(hash []byte, all []waveShares) []byte {
	low := true
	for _, w := range all {
		for _, share := range w.shares {
			n := byte(roundHalfUp(15 * share))
			if low {
				hash = append(hash, n)
			} else {
				hash[len(hash)-1] |= n << 4
			}
			low = !low
		}
	}
	return hash
}

// roundHalfUp rounds as the reference does.
func roundHalfUp(v float64) int { return int(math.Floor(v + 0.5)) }

// lightChannels are luminance, yellow to blue, red to green, and alpha, on a page of the mean colour.
func (p *Image) lightChannels() (channels [4][]float64, isOpaque bool) {
	var mean [4]float64
	for _, c := range p.At {
		alpha := float64(c.A) / 255
		mean[0] += alpha / 255 * float64(c.R)
		mean[1] += alpha / 255 * float64(c.G)
		mean[2] += alpha / 255 * float64(c.B)
		mean[3] += alpha
	}
	if mean[3] > 0 {
		for i := range mean[:3] {
			mean[i] /= mean[3]
		}
	}
	for _, c := range p.At {
		alpha := float64(c.A) / 255
		r := mean[0]*(1-alpha) + alpha/255*float64(c.R)
		g := mean[1]*(1-alpha) + alpha/255*float64(c.G)
		b := mean[2]*(1-alpha) + alpha/255*float64(c.B)
		for i, v := range [4]float64{(r + g + b) / 3, (r+g)/2 - b, r - g, alpha} {
			channels[i] = append(channels[i], v)
		}
	}
	return channels, mean[3] >= float64(len(p.At))
}

// waveShares are what waves have in a channel: its mean, and the rest from 0 to 1, of which 0.5 is none, and the
// scale that makes it so.
type waveShares struct {
	mean, scale float64
	shares      []float64
}

// waves finds the triangle of the low frequencies among nx by ny.
func (p *Image) waves(channel []float64, nx, ny int) (w waveShares) {
	cosX, cosY := CentredCosines(nx, p.Width), CentredCosines(ny, p.Height)
	for cy := range ny {
		for cx := 0; cx*ny < nx*(ny-cy); cx++ {
			f := 0.0
			for y, fy := range cosY[cy] {
				for x, fx := range cosX[cx] {
					f += channel[x+y*p.Width] * fx * fy
				}
			}
			f /= float64(p.Width * p.Height)
			if cx == 0 && cy == 0 {
				w.mean = f
				continue
			}
			w.shares = append(w.shares, f)
			w.scale = max(w.scale, math.Abs(f))
		}
	}
	if w.scale > 0 {
		for i, f := range w.shares {
			w.shares[i] = 0.5 + 0.5/w.scale*f
		}
	}
	return w
}

// CentredCosines are the cosines of n waves in the middle of each of size places. The order of operations is that of
// the reference.
func CentredCosines(n, size int) [][]float64 {
	waves := make([][]float64, n)
	for i := range waves {
		waves[i] = make([]float64, size)
		for x := range waves[i] {
			waves[i][x] = math.Cos(math.Pi / float64(size) * float64(i) * (float64(x) + 0.5))
		}
	}
	return waves
}
