package vips

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// fourColours are those of small movies, of which the last is the transparent one where there is one.
var fourColours = []color.NRGBA{{210, 40, 50, 255}, {40, 180, 70, 255}, {40, 60, 200, 255}, {230, 230, 40, 255}}

// part is a frame of one colour, but for a pixel of another one at its left top.
func part(x, y, w, h int, colour byte) picturetest.GIFPart {
	pix := make([]byte, w*h)
	for i := range pix {
		pix[i] = colour
	}
	if len(pix) > 0 {
		pix[0] = (colour + 1) % 3
	}
	return picturetest.GIFPart{At: image.Rect(x, y, x+w, y+h), Pix: pix, Transparent: -1, Delay: 5}
}

// disposed are parts, each with a way to be taken away.
func disposed(methods ...int) (parts []picturetest.GIFPart) {
	for i, m := range methods {
		p := part(2*i%9, i%5, 12-2*i%7, 8-i%4, byte(i%3))
		if i == 0 {
			p = part(0, 0, 16, 12, 0)
		}
		p.Disposal = m
		parts = append(parts, p)
	}
	return parts
}

func transparentWhere(index byte, parts []picturetest.GIFPart) []picturetest.GIFPart {
	for i := range parts {
		for k := range parts[i].Pix {
			if k%5 == 2 {
				parts[i].Pix[k] = index
			}
		}
		parts[i].Transparent = int(index)
	}
	return parts
}

func interlacedParts(parts []picturetest.GIFPart) []picturetest.GIFPart {
	for i := range parts {
		parts[i].Interlaced = true
	}
	return parts
}

func localPalettes(parts []picturetest.GIFPart) []picturetest.GIFPart {
	for i := range parts {
		for k := range 4 {
			c := fourColours[(k+i)%4]
			c.R ^= byte(16 * i)
			parts[i].Palette = append(parts[i].Palette, c)
		}
	}
	return parts
}

// odd are movies of 16 by 12 whose frames follow each other in every way that there is.
var odd = map[string][]picturetest.GIFPart{
	"whole frames":             {part(0, 0, 16, 12, 0), part(0, 0, 16, 12, 1), part(0, 0, 16, 12, 2)},
	"kept":                     disposed(1, 1, 1, 1, 1),
	"unspecified":              disposed(0, 0, 0),
	"cleared":                  disposed(2, 2, 2, 2),
	"restored":                 disposed(1, 3, 3, 3, 1),
	"restored by 4":            disposed(1, 4, 4, 1),
	"first one restored":       disposed(3, 3, 1),
	"reserved methods":         disposed(5, 6, 7, 1),
	"all ways":                 disposed(1, 2, 3, 1, 3, 2, 1, 2, 3, 3, 1),
	"transparent":              transparentWhere(3, disposed(1, 1, 1, 1)),
	"transparent and cleared":  transparentWhere(3, disposed(2, 1, 2, 2)),
	"transparent and restored": transparentWhere(3, disposed(1, 3, 2, 3, 3)),
	"own palettes":             localPalettes(disposed(1, 1, 2, 3, 1)),
	"interlaced":               interlacedParts(disposed(1, 2, 3, 1)),
	"first in the middle":      {part(4, 3, 5, 5, 0), part(1, 1, 3, 3, 1), part(9, 6, 4, 4, 2)},
	"beyond the screen":        {part(0, 0, 16, 12, 0), part(10, 8, 12, 9, 1), part(14, 0, 20, 3, 2), part(0, 11, 3, 30, 1)},
	"interlaced beyond":        interlacedParts([]picturetest.GIFPart{part(0, 0, 16, 12, 0), part(10, 2, 12, 10, 1), part(10, 8, 6, 9, 2)}),
	"outside":                  {part(0, 0, 16, 12, 0), part(16, 2, 4, 4, 1), part(3, 12, 4, 4, 2), part(100, 100, 9, 9, 1), part(1, 1, 2, 2, 2)},
	"first enlarges it":        {part(4, 4, 16, 12, 0), part(10, 10, 20, 20, 1), part(0, 0, 5, 5, 2)},
	"empty frames":             {part(0, 0, 16, 12, 0), part(3, 3, 0, 0, 1), part(3, 3, 0, 4, 1), part(2, 2, 3, 3, 2)},
	"one pixel":                {part(0, 0, 16, 12, 0), part(15, 11, 1, 1, 1), part(0, 0, 1, 1, 2)},
}

func oddMovie(name string) picturetest.GIFMovie {
	return picturetest.GIFMovie{Width: 16, Height: 12, Palette: fourColours, Parts: odd[name]}
}

// Each frame is what browsers show at its time, as an animation and as a still page.
func TestFramesOfAnOddGIF(t *testing.T) {
	for name := range odd {
		t.Run(name, func(t *testing.T) {
			m := oddMovie(name)
			b, shown := m.Encode(), m.Shown()
			for _, options := range []string{"f:gif", "f:webp/webpo:lossless"} {
				p := parse(t, options)
				got := play(t, run(t, b, p))
				compareFrames(t, options, got.frames, shown, 4)
			}
			for i := range shown {
				p := parse(t, "f:png")
				p.Page = i
				compareFrames(t, fmt.Sprint("page ", i), []image.Image{pixels(t, run(t, b, p))}, shown[i:i+1], 0)
			}
		})
	}
}

// compareFrames compares frames pixel by pixel. Encoders may join frames that are equal.
func compareFrames(t *testing.T, name string, got []image.Image, want []*image.NRGBA, tolerance int) {
	t.Helper()
	if len(got) < len(want) {
		want = slices.CompactFunc(slices.Clone(want), func(a, b *image.NRGBA) bool { return bytes.Equal(a.Pix, b.Pix) })
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d frames, want %d", name, len(got), len(want))
		return
	}
	for i, w := range want {
		if wrong := wrongPixel(got[i], w, tolerance); wrong != "" {
			t.Errorf("%s, frame %d: %s", name, i, wrong)
			return
		}
	}
}

func wrongPixel(got image.Image, want *image.NRGBA, tolerance int) string {
	if got.Bounds().Size() != want.Bounds().Size() {
		return fmt.Sprintf("it is %v, want %v", got.Bounds(), want.Bounds())
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			g := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
			w := want.NRGBAAt(x, y)
			if g.A == 0 && w.A == 0 {
				continue
			}
			if apart(g, w) > tolerance || g.A != w.A {
				return fmt.Sprintf("%d, %d is %v, want %v", x, y, g, w)
			}
		}
	}
	return ""
}

// How long frames are shown and how often all of them stays as it is, both ways between the formats.
func TestTimingOfAnAnimation(t *testing.T) {
	for _, repeats := range []int{-1, 0, 1, 7, 65534} {
		m := oddMovie("whole frames")
		m.Repeats = repeats
		for i := range m.Parts {
			m.Parts[i].Delay = []int{3, 120, 7}[i]
		}
		for _, options := range []string{"f:gif", "f:webp", "f:gif/w:8", "f:webp/w:8"} {
			first := animate(t, m.Encode(), parse(t, options))
			for _, again := range []string{"f:gif", "f:webp"} {
				got := play(t, animate(t, first.Body, parse(t, again)))
				want := map[int]int{-1: 1, 0: 0, 1: 2, 7: 8, 65534: 65535}[repeats]
				if got.plays != want || !slices.Equal(got.delays, m.Delays()) {
					t.Errorf("%d repeats, %s, %s: %d times %v, want %d times %v", repeats, options, again,
						got.plays, got.delays, want, m.Delays())
				}
			}
		}
	}
}
