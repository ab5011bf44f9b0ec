package placeholder

import (
	"encoding/base64"
	"fmt"
	"image"
	"image/color"

	"github.com/pictor-proxy/pictor/transform"
)

// Side is the most that either side of an Image has that placeholders are made of, in pixels: the blurred ones need no
// more, and ThumbHash takes no more.
const Side = 100

// Image is a small image, whose pixels are not premultiplied.
type Image struct {
	Width, Height int
	// At are rows from top to bottom.
	At []color.NRGBA
}

// Of has the pixels of m.
func Of(m image.Image) Image {
	b := m.Bounds()
	p := Image{Width: b.Dx(), Height: b.Dy(), At: make([]color.NRGBA, 0, b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p.At = append(p.At, color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA))
		}
	}
	return p
}

// Average is the mean colour, in which pixels count by their alpha. Its alpha is the mean of all, or of those that
// are not fully transparent.
func (p *Image) Average(ignoreTransparent bool) color.NRGBA {
	var r, g, b, a, n uint64
	for _, c := range p.At {
		if c.A == 0 && ignoreTransparent {
			continue
		}
		w := uint64(c.A)
		r += w * uint64(c.R)
		g += w * uint64(c.G)
		b += w * uint64(c.B)
		a += w
		n++
	}
	if a == 0 {
		return color.NRGBA{}
	}
	mean := func(sum, n uint64) uint8 { return uint8((sum + n/2) / n) }
	return color.NRGBA{mean(r, a), mean(g, a), mean(b, a), mean(a, n)}
}

// AverageColour is the mean colour over white, as CSS writes it: "#8b8479".
func (p *Image) AverageColour() string {
	c := p.OverWhite().Average(false)
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}

// OverWhite is the image on a white page.
func (p *Image) OverWhite() *Image {
	q := &Image{Width: p.Width, Height: p.Height, At: make([]color.NRGBA, len(p.At))}
	for i, c := range p.At {
		over := func(v uint8) uint8 { return uint8((uint32(v)*uint32(c.A) + 255*(255-uint32(c.A)) + 127) / 255) }
		q.At[i] = color.NRGBA{over(c.R), over(c.G), over(c.B), 255}
	}
	return q
}

// OfRGBA has so many pixels of four bytes, rows from top to bottom.
func OfRGBA(b []byte, width, height int) Image {
	p := Image{Width: width, Height: height, At: make([]color.NRGBA, width*height)}
	for i := range p.At {
		p.At[i] = color.NRGBA{b[4*i], b[4*i+1], b[4*i+2], b[4*i+3]}
	}
	return p
}

// The components of the BlurHash that is a placeholder.
const blurhashAcross, blurhashDown = 4, 3

// Text is a placeholder as URLs have it; "" for none.
func (p *Image) Text(kind transform.Placeholder) string {
	switch kind {
	case transform.ThumbHash:
		return base64.StdEncoding.EncodeToString(p.ThumbHash())
	case transform.BlurHash:
		return p.Blurhash(blurhashAcross, blurhashDown)
	case transform.MeanColour:
		return p.AverageColour()
	}
	return ""
}
