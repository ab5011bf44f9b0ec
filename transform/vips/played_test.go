package vips

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// played is an animation as decoders other than the pipeline's see it.
type played struct {
	frames []image.Image
	delays []int // in milliseconds
	plays  int   // 0 for without end
}

// play decodes an animated result.
func play(t testing.TB, pic transform.Picture) played {
	t.Helper()
	switch pic.Format {
	case transform.GIF:
		return playGIF(t, pic.Body)
	case transform.WebP:
		return playWebP(t, pic.Body)
	}
	t.Fatalf("%v is no animation", pic.Format)
	return played{}
}

// playGIF takes the blocks from image/gif, and lays them on the screen as the tests' own reference.
func playGIF(t testing.TB, b []byte) (p played) {
	t.Helper()
	g, err := gif.DecodeAll(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	m := picturetest.GIFMovie{Width: g.Config.Width, Height: g.Config.Height}
	for i, f := range g.Image {
		part := picturetest.GIFPart{At: f.Rect, Pix: f.Pix, Transparent: -1, Disposal: int(g.Disposal[i]),
			Delay: g.Delay[i]}
		for n, c := range f.Palette {
			nc := color.NRGBAModel.Convert(c).(color.NRGBA)
			if nc.A == 0 {
				part.Transparent = n
			}
			part.Palette = append(part.Palette, nc)
		}
		m.Parts = append(m.Parts, part)
	}
	for _, f := range m.Shown() {
		p.frames = append(p.frames, f)
	}
	switch {
	case g.LoopCount < 0:
		p.plays = 1
	case g.LoopCount > 0:
		p.plays = g.LoopCount + 1
	}
	p.delays = m.Delays()
	return p
}

// playWebP reads the chunks (RFC 9649 §2.7.1), decodes the image of each frame by itself, and lays it on the
// canvas as the tests' own reference.
func playWebP(t testing.TB, b []byte) (p played) {
	t.Helper()
	uint24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	var canvas *image.NRGBA
	var gone image.Rectangle
	for rest := b[12:]; len(rest) > 8; {
		size := int(binary.LittleEndian.Uint32(rest[4:]))
		data := rest[8 : 8+size]
		switch string(rest[:4]) {
		case "VP8X":
			canvas = image.NewNRGBA(image.Rect(0, 0, uint24(data[4:])+1, uint24(data[7:])+1))
		case "ANIM":
			p.plays = int(binary.LittleEndian.Uint16(data[4:]))
		case "ANMF":
			p.delays = append(p.delays, uint24(data[12:]))
			draw.Draw(canvas, gone, image.Transparent, image.Point{}, draw.Src)
			m := pixels(t, transform.Picture{Format: transform.WebP, Body: webpOfFrame(data[16:], data[6:12])})
			at := m.Bounds().Sub(m.Bounds().Min).Add(image.Pt(2*uint24(data), 2*uint24(data[3:])))
			const noBlend, dispose = 2, 1
			op := draw.Over
			if data[15]&noBlend != 0 {
				op = draw.Src
			}
			draw.Draw(canvas, at, m, m.Bounds().Min, op)
			if gone = (image.Rectangle{}); data[15]&dispose != 0 {
				gone = at
			}
			now := &image.NRGBA{Pix: slices.Clone(canvas.Pix), Stride: canvas.Stride, Rect: canvas.Rect}
			p.frames = append(p.frames, now)
		}
		rest = rest[8+size+size&1:]
	}
	return p
}

// webpOfFrame is a file of one frame.
func webpOfFrame(chunks, size []byte) []byte {
	const alpha = 0x10
	b := append([]byte("WEBPVP8X\x0a\x00\x00\x00"), alpha, 0, 0, 0)
	b = append(append(b, size...), chunks...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

// animate runs an output that is an animation, and checks what the result says of itself.
func animate(t testing.TB, b []byte, p transform.Params) transform.Picture {
	t.Helper()
	if p.Format == transform.FormatUnknown {
		p.Format = sniffed(t, b).Format
	}
	pic := run(t, b, p)
	out, err := container.Sniff(pic.Body)
	if want := transform.ResultFrames(sniffed(t, b), p); err != nil || out.Frames != want {
		t.Fatalf("%v: %d frames instead of %d, %v", p, out.Frames, want, err)
	}
	return pic
}
