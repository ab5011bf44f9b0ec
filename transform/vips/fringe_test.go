package vips

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// disc is white and has soft edges, over transparent black.
func disc(side int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			dx, dy := float64(2*x+1-side), float64(2*y+1-side)
			edge := (0.64*float64(side*side) - dx*dx - dy*dy) / float64(side) // of about two pixels
			if a := min(max(0.5+edge/4, 0), 1); a > 0 {
				m.SetNRGBA(x, y, color.NRGBA{255, 255, 255, uint8(255*a + 0.5)})
			}
		}
	}
	return m
}

// White over white is white, however transparent: black that no pixel shows must
// not come into the edges, whatever makes the image smaller.
func TestShrinkingLeavesNoFringe(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep of seconds")
	}
	const side = 600
	in := picturetest.PNG(disc(side))
	sources := map[string][]byte{"PNG": in, "deep PNG": deepened(in)}
	for _, options := range []string{
		"f:webp/q:100", "f:webp/q:75", "f:webp/webpo:lossless", "f:webp/webpo:near_lossless", "f:avif/q:100", "f:gif",
	} {
		sources[options] = run(t, in, parse(t, options)).Body
	}
	for name, b := range sources {
		for _, options := range []string{
			"w:601/el:1", "w:599", "w:301", "w:300", "w:299", "w:200", "w:77", "w:16", "w:3", "rs:force:100:500",
			"rs:fill:200:77", "c:300:300:soea/w:77",
			"w:200/rot:90", "w:200/pix:7", "w:200/bl:2",
		} {
			t.Run(fmt.Sprintf("%s, %s", name, options), func(t *testing.T) {
				m := pixels(t, run(t, b, parse(t, options+"/bg:fff/f:png")))
				if low := darkest(m); low < 250 {
					t.Errorf("the darkest pixel is %d", low)
				}
				m = pixels(t, run(t, b, parse(t, options+"/f:png")))
				if got := visible(m); got < 200 {
					t.Errorf("the darkest colour that shows is %d", got)
				}
			})
		}
	}
}

// deepened is a PNG in 16 bits.
func deepened(b []byte) []byte {
	m := image.NewNRGBA64(image.Rect(0, 0, 600, 600))
	d := disc(600)
	for y := range 600 {
		for x := range 600 {
			m.Set(x, y, d.At(x, y))
		}
	}
	return picturetest.PNG(m)
}

func darkest(m image.Image) uint8 {
	low := uint8(255)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			low = min(low, c.R, c.G, c.B)
		}
	}
	return low
}

// visible is the darkest colour of what is not nearly transparent.
func visible(m image.Image) uint8 {
	low := uint8(255)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA); c.A >= 64 {
				low = min(low, c.R, c.G, c.B)
			}
		}
	}
	return low
}
