package facts

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// paletteColour is a colour for so many pixels.
type paletteColour struct {
	rgba
	pixels int
}

// colourBox has pixels that become one colour.
type colourBox struct {
	pixels []color.NRGBA
	// channel is the one in which they differ most, and spread the sum of the squares of the differences there.
	channel int
	spread  float64
}

func newColourBox(pixels []color.NRGBA) colourBox {
	b := colourBox{pixels: pixels}
	n := float64(len(pixels))
	for channel := range 4 {
		var sum, squares float64
		for _, c := range pixels {
			v := channelOf(c, channel)
			sum += v
			squares += v * v
		}
		if spread := squares - sum*sum/n; spread > b.spread {
			b.channel, b.spread = channel, spread
		}
	}
	return b
}

// channelOf is a channel of a colour. Colours of what is transparent do not differ.
func channelOf(c color.NRGBA, channel int) float64 {
	v := [4]uint8{c.R, c.G, c.B, c.A}[channel]
	if channel == 3 {
		return float64(v)
	}
	return float64(v) * float64(c.A) / 255
}

// split cuts a box at the mean of its channel.
func (b colourBox) split() (low, high colourBox) {
	mean := 0.0
	for _, c := range b.pixels {
		mean += channelOf(c, b.channel)
	}
	mean /= float64(len(b.pixels))
	at := 0
	for i, c := range b.pixels {
		if channelOf(c, b.channel) <= mean {
			b.pixels[i], b.pixels[at] = b.pixels[at], c
			at++
		}
	}
	return newColourBox(b.pixels[:at]), newColourBox(b.pixels[at:])
}

// colour is the mean of a box.
func (b colourBox) colour() paletteColour {
	p := Pixels{placeholder.Image{At: b.pixels}}
	return paletteColour{p.average(false), len(b.pixels)}
}

// palette has at most so many colours, those of the most pixels first: boxes of colours are cut where they differ
// most (P. Heckbert, Color image quantization for frame buffer display, 1982; by variance instead of size).
func (p *Pixels) palette(most int) []paletteColour {
	boxes := []colourBox{newColourBox(slices.Clone(p.At))}
	for len(boxes) < most {
		widest := 0
		for i, b := range boxes {
			if b.spread > boxes[widest].spread {
				widest = i
			}
		}
		if boxes[widest].spread < 0.5 {
			break // all are of one colour
		}
		low, high := boxes[widest].split()
		if len(low.pixels) == 0 || len(high.pixels) == 0 {
			boxes[widest].spread = math.Inf(-1)
			continue
		}
		boxes[widest] = low
		boxes = append(boxes, high)
	}
	var colours []paletteColour
	for _, b := range boxes {
		colours = mergedInto(colours, b.colour())
	}
	slices.SortFunc(colours, func(a, b paletteColour) int {
		return cmp.Or(b.pixels-a.pixels, cmp.Compare(a.brightness(), b.brightness()))
	})
	return colours
}

func mergedInto(colours []paletteColour, c paletteColour) []paletteColour {
	for i := range colours {
		if colours[i].rgba == c.rgba {
			colours[i].pixels += c.pixels
			return colours
		}
	}
	return append(colours, c)
}

// brightness orders colours of as many pixels.
func (c rgba) brightness() int {
	return (int(c.R)*299+int(c.G)*587+int(c.B)*114)<<8 + int(c.A)
}
