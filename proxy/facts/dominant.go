package facts

import "math"

// kindOfColour is what a dominant colour of a name is like: least, best and most lightness and saturation, 0 to 1.
// The figures and weights are those of Android's Palette, whose names these are.
type kindOfColour struct {
	name                  string
	lightness, saturation [3]float64
}

var (
	dark, normal, light = [3]float64{0, 0.26, 0.45}, [3]float64{0.3, 0.5, 0.7}, [3]float64{0.55, 0.74, 1}
	muted, vibrant      = [3]float64{0, 0.3, 0.4}, [3]float64{0.35, 1, 1}
)

var kindsOfColours = []kindOfColour{
	{"vibrant", normal, vibrant}, {"light_vibrant", light, vibrant}, {"dark_vibrant", dark, vibrant},
	{"muted", normal, muted}, {"light_muted", light, muted}, {"dark_muted", dark, muted},
}

// paletteForDominant is the size of the palette that dominant colours are chosen from.
const paletteForDominant = 32

// dominantColours has those that there are, each colour under one name. buildMissed makes the others of them.
func (p *Pixels) dominantColours(buildMissed bool) map[string]rgb {
	var colours []paletteColour
	for _, c := range p.palette(paletteForDominant) {
		if c.A >= 128 {
			colours = append(colours, c)
		}
	}
	found := map[string]rgb{}
	used := map[rgb]bool{}
	for _, kind := range kindsOfColours {
		best := 0.0
		for _, c := range colours {
			plain := rgb{c.R, c.G, c.B}
			if score := kind.scoreOf(c, colours[0].pixels); score > best && !used[plain] {
				best = score
				found[kind.name] = plain
			}
		}
		if c, ok := found[kind.name]; ok {
			used[c] = true
		}
	}
	if buildMissed {
		buildColours(found)
	}
	return found
}

// scoreOf is how well a colour is of a kind, 0 for not at all. most is how many pixels the most frequent colour has.
func (k kindOfColour) scoreOf(c paletteColour, most int) float64 {
	_, s, l := hslOf(rgb{c.R, c.G, c.B})
	if s < k.saturation[0] || s > k.saturation[2] || l < k.lightness[0] || l > k.lightness[2] {
		return 0
	}
	return 0.24*(1-math.Abs(s-k.saturation[1])) + 0.52*(1-math.Abs(l-k.lightness[1])) +
		0.24*float64(c.pixels)/float64(most)
}

// buildColours makes each kind that is not there of the first one that is, with its own lightness and saturation: of
// those that are as saturated, if there is one.
func buildColours(found map[string]rgb) {
	origin := map[string]rgb{}
	for _, missing := range kindsOfColours {
		if _, ok := found[missing.name]; ok {
			continue
		}
		for _, sameSaturation := range []bool{true, false} {
			for _, kind := range kindsOfColours {
				from, ok := found[kind.name]
				_, done := origin[missing.name]
				if !ok || done || sameSaturation && kind.saturation != missing.saturation {
					continue
				}
				h, s, _ := hslOf(from)
				if !sameSaturation && s > 0 {
					s = missing.saturation[1]
				}
				origin[missing.name] = colourOf(h, s, missing.lightness[1])
			}
		}
	}
	for name, c := range origin {
		found[name] = c
	}
}

// hslOf is hue, saturation and lightness, each 0 to 1 (CSS Color 4 §8.1).
func hslOf(c rgb) (h, s, l float64) {
	r, g := float64(c.R)/255, float64(c.G)/255
	b := float64(c.B) / 255
	high, low := max(r, g, b), min(r, g, b)
	l = (high + low) / 2
	span := high - low
	if span == 0 {
		return 0, 0, l
	}
	s = span / (1 - math.Abs(2*l-1))
	switch high {
	case r:
		h = (g - b) / span / 6
	case g:
		h = (b-r)/span/6 + 1.0/3
	default:
		h = (r-g)/span/6 + 2.0/3
	}
	return h - math.Floor(h), min(s, 1), l
}

// colourOf is the inverse of hslOf.
func colourOf(h, s, l float64) rgb {
	channel := func(n float64) uint8 {
		k := math.Mod(n+h*12, 12)
		a := s * min(l, 1-l)
		return uint8(math.Round(255 * (l - a*max(-1, min(k-3, 9-k, 1)))))
	}
	return rgb{channel(0), channel(8), channel(4)}
}
