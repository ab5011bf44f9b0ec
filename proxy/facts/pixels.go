package facts

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// Pixels are those of a small image.
type Pixels struct{ placeholder.Image }

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

func pixelsOf(m image.Image) *Pixels { return &Pixels{placeholder.Of(m)} }

// rgba is a colour as imgproxy tells it.
type rgba struct{ R, G, B, A uint8 }

// rgb is one without alpha.
type rgb struct{ R, G, B uint8 }

// isTransparent says whether some pixel is not opaque.
func (p *Pixels) isTransparent() bool {
	for _, c := range p.At {
		if c.A < 255 {
			return true
		}
	}
	return false
}

// average is the mean colour: see placeholder.Image.Average.
func (p *Pixels) average(ignoreTransparent bool) rgba { return rgba(p.Average(ignoreTransparent)) }

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
