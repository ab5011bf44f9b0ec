package e2e

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// decoderOf are programs that are neither pictor's nor libvips' and make a PNG of a file: their arguments
// are that file and the PNG.
var decoderOf = map[transform.Format][]string{
	transform.WebP: {"dwebp", "-quiet", "IN", "-o", "OUT"},
	transform.AVIF: {"avifdec", "IN", "OUT"},
	transform.JXL:  {"djxl", "IN", "OUT"},
}

// decodedBy decodes an image, of an animation the first frame, by other decoders than pictor's.
func decodedBy(t *testing.T, f transform.Format, b []byte) (m image.Image) {
	t.Helper()
	var err error
	switch f {
	case transform.JPEG:
		m, err = jpeg.Decode(bytes.NewReader(b))
	case transform.PNG:
		m, err = png.Decode(bytes.NewReader(b))
	case transform.GIF:
		m, err = gif.Decode(bytes.NewReader(b))
	case transform.ICO:
		m, err = png.Decode(bytes.NewReader(b[binary.LittleEndian.Uint32(b[18:]):]))
	default:
		m, err = png.Decode(bytes.NewReader(decodedToPNG(t, f, b)))
	}
	if err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	return m
}

// decodedToPNG is an image as a PNG.
func decodedToPNG(t *testing.T, f transform.Format, b []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in."+f.Ext()), filepath.Join(dir, "out.png")
	if f == transform.WebP {
		b = firstFrame(t, dir, b)
	}
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	command := decoderOf[f]
	if command == nil {
		command = []string{"vips", "copy", "IN", "OUT"}
	}
	needs(t, command[0])
	for i, arg := range command {
		if with, ok := map[string]string{"IN": in, "OUT": out}[arg]; ok {
			command = append(append(append([]string{}, command[:i]...), with), command[i+1:]...)
		}
	}
	if text, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, text)
	}
	decoded, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// firstFrame is the first frame of an animated WebP, which dwebp does not decode, and any other as it is.
func firstFrame(t *testing.T, dir string, b []byte) []byte {
	t.Helper()
	if !bytes.Contains(b[:min(len(b), 64)], []byte("ANIM")) {
		return b
	}
	needs(t, "webpmux")
	in, out := filepath.Join(dir, "all.webp"), filepath.Join(dir, "first.webp")
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("webpmux", "-get", "frame", "1", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("webpmux: %v\n%s", err, text)
	}
	frame, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

var (
	webpLoop  = regexp.MustCompile(`Loop Count : (\d+)`)
	webpFrame = regexp.MustCompile(`(?m)^ *\d+: +\d+ +\d+ +\w+ +\d+ +\d+ +(\d+)`)
)

// movesOf tells what an animation is besides its pixels. delay is -1 where frames differ.
func movesOf(t *testing.T, f transform.Format, b []byte) (m moves) {
	t.Helper()
	var delays []int
	if f == transform.GIF {
		g, err := gif.DecodeAll(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		m.plays = map[bool]int{true: g.LoopCount + 1}[g.LoopCount != 0] // it counts repetitions, -1 for none
		for _, d := range g.Delay {
			delays = append(delays, 10*d)
		}
	} else {
		needs(t, "webpmux")
		file := filepath.Join(t.TempDir(), "in.webp")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("webpmux", "-info", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		if loop := webpLoop.FindSubmatch(out); loop != nil {
			m.plays, _ = strconv.Atoi(string(loop[1]))
		}
		for _, frame := range webpFrame.FindAllSubmatch(out, -1) {
			d, _ := strconv.Atoi(string(frame[1]))
			delays = append(delays, d)
		}
	}
	m.frames = len(delays)
	for _, d := range delays {
		if m.delay = d; d != delays[0] {
			m.delay = -1
			break
		}
	}
	return m
}

// halved is an image at half its size, each pixel the mean of four.
func halved(m image.Image) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
	for i := range out.Pix {
		x, y, channel := i/4%out.Rect.Dx(), i/4/out.Rect.Dx(), i%4
		sum := uint32(0)
		for k := range 4 {
			r, g, blue, a := m.At(b.Min.X+2*x+k%2, b.Min.Y+2*y+k/2).RGBA()
			sum += [4]uint32{r, g, blue, a}[channel]
		}
		out.Pix[i] = uint8(sum / 4 >> 8)
	}
	return out
}

// overWhite is an image over white.
func overWhite(m image.Image) image.Image {
	out := image.NewNRGBA(m.Bounds())
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), m, m.Bounds().Min, draw.Over)
	return out
}
