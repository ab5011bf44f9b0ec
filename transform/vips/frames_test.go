package vips

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func gifFrames(t *testing.T, n int) []byte {
	t.Helper()
	colours := color.Palette{picturetest.Red, picturetest.Blue}
	g := &gif.GIF{Config: image.Config{Width: 8, Height: 8, ColorModel: colours}}
	for i := range n {
		m := image.NewPaletted(image.Rect(0, 0, 8, 8), colours)
		for p := range m.Pix {
			m.Pix[p] = uint8(min(i, 1))
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webpFrames is an animation (RFC 9649 §2.7) of n frames, of which the first is red.
func webpFrames(t *testing.T, n int) []byte {
	t.Helper()
	chunk := func(name string, data []byte) []byte {
		b := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data))), data...)
		return append(b, make([]byte, len(data)&1)...)
	}
	frame := func(c color.Color) []byte {
		m := image.NewRGBA(image.Rect(0, 0, 8, 8))
		for i := range 64 {
			m.Set(i%8, i/8, c)
		}
		p := transform.Params{Format: transform.WebP, WebP: transform.WebPOptions{Compression: transform.Lossless}}
		b := run(t, picturetest.PNG(m), p).Body
		at := bytes.Index(b, []byte("VP8L"))
		return chunk("ANMF", append([]byte{6: 7, 9: 7, 12: 10, 15: 0}, b[at:]...))
	}
	const animated, side = 2, 7 // one less than it is
	b := append([]byte("WEBP"), chunk("VP8X", []byte{animated, 4: side, 7: side, 9: 0})...)
	b = append(b, chunk("ANIM", make([]byte, 6))...)
	b = append(b, frame(picturetest.Red)...)
	b = append(b, bytes.Repeat(frame(picturetest.Blue), n-1)...)
	return chunk("RIFF", b)
}

// A still image is of one frame, so that those behind it are no reason to refuse a
// source. Listing 100,000 frames takes libwebp a minute: they are left out before.
func TestFirstOfAnyNumberOfFrames(t *testing.T) {
	for _, n := range []int{2, 301, 380, 100_000} {
		for format, b := range map[string][]byte{"GIF": gifFrames(t, n), "WebP": webpFrames(t, n)} {
			t.Run(fmt.Sprint(format, n), func(t *testing.T) {
				info, err := container.Sniff(b)
				if err != nil || info.Frames != n {
					t.Fatalf("%d frames, %v", info.Frames, err)
				}
				if err := (transform.Limits{MaxPixels: 64}).CheckSource(info); err != nil {
					t.Error(err)
				}
				m := pixels(t, run(t, b, transform.Params{Format: transform.PNG}))
				if m.Bounds().Dx() != 8 || m.Bounds().Dy() != 8 {
					t.Errorf("the result is %v", m.Bounds())
				}
				near(t, m, 0.5, 0.5, picturetest.Red)
			})
		}
	}
}
