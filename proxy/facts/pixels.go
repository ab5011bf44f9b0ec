package facts

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Pixels are those of a small image, not premultiplied.
type Pixels struct {
	width, height int
	// at are rows from top to bottom.
	at []color.NRGBA
}

// errNotSmall: the image that a worker made is not the one that it was asked for.
var errNotSmall = errors.New("facts: not an image of 1 to 100 pixels per side")

// ReadPixels reads an image as ImageFor asks for it: a PNG of at most Side pixels per side.
func ReadPixels(b []byte) (*Pixels, error) {
	cfg, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > Side || cfg.Height > Side {
		return nil, errNotSmall
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return pixelsOf(m), nil
}

func pixelsOf(m image.Image) *Pixels {
	b := m.Bounds()
	p := &Pixels{width: b.Dx(), height: b.Dy(), at: make([]color.NRGBA, 0, b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p.at = append(p.at, color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA))
		}
	}
	return p
}

// rgba is a colour as imgproxy tells it.
type rgba struct{ R, G, B, A uint8 }

// rgb is one without alpha.
type rgb struct{ R, G, B uint8 }

// isTransparent says whether some pixel is not opaque.
func (p *Pixels) isTransparent() bool {
	for _, c := range p.at {
		if c.A < 255 {
			return true
		}
	}
	return false
}

// average is the mean colour, in which pixels count by their alpha. Its alpha is the mean of all, or of those that
// are not fully transparent.
func (p *Pixels) average(ignoreTransparent bool) rgba {
	var r, g, b, a, n uint64
	for _, c := range p.at {
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
		return rgba{}
	}
	mean := func(sum, n uint64) uint8 { return uint8((sum + n/2) / n) }
	return rgba{mean(r, a), mean(g, a), mean(b, a), mean(a, n)}
}

// AverageColour is the mean colour over white, as CSS writes it: "#8b8479".
func (p *Pixels) AverageColour() string {
	c := p.overWhite().average(false)
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}

// overWhite is the image on a white page.
func (p *Pixels) overWhite() *Pixels {
	q := &Pixels{width: p.width, height: p.height, at: make([]color.NRGBA, len(p.at))}
	for i, c := range p.at {
		over := func(v uint8) uint8 { return uint8((uint32(v)*uint32(c.A) + 255*(255-uint32(c.A)) + 127) / 255) }
		q.at[i] = color.NRGBA{over(c.R), over(c.G), over(c.B), 255}
	}
	return q
}

// pixelFacts are what is told of pixels.
type pixelFacts struct {
	Transparent    *bool          `json:"transparent,omitempty"`
	Palette        []rgba         `json:"palette,omitempty"`
	Average        *rgba          `json:"average,omitempty"`
	Dominant       map[string]rgb `json:"dominant_colors,omitempty"`
	Blurhash       string         `json:"blurhash,omitempty"`
	ThumbHash      string         `json:"thumb_hash,omitempty"`
	PerceptualHash string         `json:"perceptual_hash,omitempty"`
}

func (f *pixelFacts) look(p *Pixels, asked signedurl.Facts) {
	has := asked.Asked.Has
	if has(signedurl.FactAlpha | signedurl.FactTransparency) {
		transparent := p.isTransparent()
		f.Transparent = &transparent
	}
	if asked.Palette > 0 {
		for _, c := range p.palette(asked.Palette) {
			f.Palette = append(f.Palette, c.rgba)
		}
	}
	if has(signedurl.FactAverage) {
		average := p.average(!has(signedurl.FactCountTransparent))
		f.Average = &average
	}
	if has(signedurl.FactDominant) {
		f.Dominant = p.dominantColours(has(signedurl.FactBuildMissed))
	}
	if asked.BlurhashX > 0 {
		f.Blurhash = p.Blurhash(asked.BlurhashX, asked.BlurhashY)
	}
	if has(signedurl.FactThumbHash) {
		f.ThumbHash = fmt.Sprintf("%X", p.ThumbHash())
	}
	if has(signedurl.FactPerceptualHash) {
		f.PerceptualHash = fmt.Sprintf("%016x", p.perceptualHash())
	}
}
