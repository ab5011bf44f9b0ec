package vips

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// deepAlphas are alphas of 16 bits about all places where rounding shows.
var deepAlphas = []uint16{0, 1, 64, 128, 129, 255, 256, 1000, 0x7fff, 0x8080, 60000, 65407, 0xffff}

// stripes is a PNG of 16 bits with a column of 8 pixels for each alpha, and
// colours samples before it.
func stripes(colours int) []byte {
	const side = 8
	var row []byte
	for _, a := range deepAlphas {
		for range side {
			for i := range colours {
				row = binary.BigEndian.AppendUint16(row, []uint16{200 * 257, 60 * 257, 30 * 257}[i])
			}
			row = binary.BigEndian.AppendUint16(row, a)
		}
	}
	kind := map[int]byte{1: 4, 3: 6}[colours]
	return picturetest.RawPNG(side*len(deepAlphas), side, 16, kind, bytes.Repeat(row, side))
}

// Every alpha is scaled to the depth of the result: a of 65535 is a/257 of 255,
// rounded. The colour beside it is what it is without alpha.
func TestAlphaIsScaledToTheDepthOfTheResult(t *testing.T) {
	grey, rgb := stripes(1), stripes(3)
	swap := picturetest.Profile("mntr", "RGB ")
	deepAVIF := func(options string, in []byte) []byte {
		return run(t, in,
			parse(t, "f:avif/ph:1/q:100/"+options)).Body
	}
	plain, exchanged := color.NRGBA{200, 60, 30, 0}, color.NRGBA{30, 60, 200, 0}
	for name, in := range map[string]struct {
		b     []byte
		shown color.NRGBA
		loose float64 // of 255
	}{
		"grey":                {grey, color.NRGBA{200, 200, 200, 0}, 0},
		"grey, profile":       {picturetest.WithPNGProfile(grey, picturetest.Profile("mntr", "GRAY")), color.NRGBA{229, 229, 229, 0}, 0},
		"RGB":                 {rgb, plain, 0},
		"RGB, profile":        {picturetest.WithPNGProfile(rgb, swap), exchanged, 0},
		"RGB, a misfit":       {picturetest.WithPNGProfile(rgb, picturetest.Profile("mntr", "GRAY")), plain, 0},
		"AVIF of 12":          {deepAVIF("", rgb), plain, 1.5},
		"AVIF of 12, profile": {deepAVIF("scp:0", picturetest.WithPNGProfile(rgb, swap)), exchanged, 1.5},
	} {
		for _, to := range []struct {
			options string
			loose   float64
		}{
			{"f:png", 0}, {"f:png/ph:1", 0}, {"f:webp/webpo:lossless", 0}, {"f:webp/q:100", 0}, {"f:avif/q:100", 1}, {"f:avif/q:100/ph:1", 1.5},
			{"f:png/rs:force:104:16/el:1", 0}, {"f:png/ph:1/rs:force:104:16/el:1", 0},
		} {
			t.Run(fmt.Sprintf("%s to %s", name, to.options), func(t *testing.T) {
				checkAlphas(t, run(t, in.b, parse(t, to.options)), in.shown, in.loose+to.loose)
			})
		}
		t.Run(name+" to JPEG", func(t *testing.T) {
			checkOverWhite(t, run(t, in.b, parse(t, "f:jpg/q:100/jpgo:0:1")), in.shown)
		})
		t.Run(name+" to GIF", func(t *testing.T) {
			m := pixels(t, run(t, in.b, parse(t, "f:gif")))
			for i, a := range deepAlphas {
				if _, _, _, got := m.At(8*i+4, 4).RGBA(); (got > 0) != (a >= 0x8080) && a != 0x7fff {
					t.Errorf("alpha %d became %d", a, got)
				}
			}
		})
	}
}

// checkAlphas holds a result's alphas, and the colours where one can tell them,
// against what they are by hand.
func checkAlphas(t *testing.T, pic transform.Picture, shown color.NRGBA, loose float64) {
	if pic.Format != transform.PNG {
		pic = run(t, pic.Body, parse(t, "f:png/ph:1"))
	}
	m, err := png.Decode(bytes.NewReader(pic.Body))
	if err != nil {
		t.Fatal(err)
	}
	deep := sniffed(t, pic.Body).Bits > 8
	for i, a := range deepAlphas {
		c := color.NRGBA64Model.Convert(m.At(8*i+4, m.Bounds().Dy()/2)).(color.NRGBA64)
		want := float64(a)
		if !deep {
			want = math.Round(want/257) * 257
		}
		if math.Abs(float64(c.A)-want) > loose*257 {
			t.Errorf("alpha %d became %d, want %.0f", a, c.A, want)
		}
		if a >= 0x7fff {
			got := color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), 0}
			if apart(opaqued(got), opaqued(shown)) > 4 {
				t.Errorf("at alpha %d the colour is %v, want %v", a, got, shown)
			}
		}
	}
}

func opaqued(c color.NRGBA) color.NRGBA {
	c.A = 255
	return c
}

func checkOverWhite(t *testing.T, pic transform.Picture, shown color.NRGBA) {
	m := pixels(t, pic)
	for i, a := range deepAlphas {
		got := color.NRGBAModel.Convert(m.At(8*i+4, 4)).(color.NRGBA)
		shown.A = uint8(math.Round(float64(a) / 257))
		if want := written(shown, transform.JPEG); apart(got, want) > 4 {
			t.Errorf("alpha %d over white is %v, want %v", a, got, want)
		}
	}
}
