package vips

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// webpPart is a frame of an animated WebP (RFC 9649 §2.7.1.2), whose place has even sides to the left and above.
type webpPart struct {
	at     image.Rectangle
	coding webpCoding
	// taken is a flag: its place becomes transparent behind it. alone is one, too: it takes the place
	// of what is there, else it is laid over that.
	taken, alone bool
	delay        int
}

// webpCoding is how a frame is stored, and whether it has alpha.
type webpCoding int

const (
	exact webpCoding = iota
	exactGlass
	lossy
	lossyGlass
)

// webpMovie is an animated WebP of noise and glass.
type webpMovie struct {
	width, height, plays int
	parts                []webpPart
	metadata             [][]byte // chunks before and behind the frames
	flags                byte     // that announce them
}

const (
	webpTaken, webpAlone   = 1, 2
	webpAnimated, webpSeen = 2, 0x10
)

func uint24(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }

// noisy is a picture in which each pixel counts, with all there is of alpha if it is of glass.
func noisy(r *rand.Rand, width, height int, glass bool) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = byte(r.IntN(256))
		if i%4 == 3 && (!glass || r.IntN(4) == 0) {
			m.Pix[i] = 255
		} else if i%4 == 3 && r.IntN(4) == 0 {
			m.Pix[i] = 0
		}
	}
	return m
}

// chunks are those of the image of a frame.
func (p webpPart) chunks(t *testing.T, r *rand.Rand) (out []byte) {
	t.Helper()
	params := transform.Params{Format: transform.WebP, Quality: 60}
	if p.coding == exact || p.coding == exactGlass {
		params.WebP.Compression = transform.Lossless
	}
	m := noisy(r, p.at.Dx(), p.at.Dy(), p.coding == exactGlass || p.coding == lossyGlass)
	for rest := run(t, picturetest.PNG(m), params).Body[12:]; len(rest) > 0; {
		size := 8 + int(binary.LittleEndian.Uint32(rest[4:]))
		size += size & 1
		if name := string(rest[:4]); name == "ALPH" || strings.HasPrefix(name, "VP8") && name != "VP8X" {
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return out
}

func (m webpMovie) encode(t *testing.T) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(m.width), uint64(len(m.parts))))
	head := append([]byte{m.flags | webpAnimated | webpSeen, 0, 0, 0}, uint24(m.width-1)...)
	all := [][]byte{webpChunk("VP8X", append(head, uint24(m.height-1)...))}
	if len(m.metadata) > 0 {
		all = append(all, m.metadata[0])
	}
	all = append(all, webpChunk("ANIM", []byte{1, 2, 3, 255, byte(m.plays), byte(m.plays >> 8)}))
	for _, p := range m.parts {
		var b []byte
		for _, n := range []int{p.at.Min.X / 2, p.at.Min.Y / 2, p.at.Dx() - 1, p.at.Dy() - 1, p.delay} {
			b = append(b, uint24(n)...)
		}
		flags := byte(0)
		if p.taken {
			flags |= webpTaken
		}
		if p.alone {
			flags |= webpAlone
		}
		all = append(all, webpChunk("ANMF", append(append(b, flags), p.chunks(t, r)...)))
	}
	if len(m.metadata) > 1 {
		all = append(all, m.metadata[1:]...)
	}
	return webpOf(all...)
}

// compiled is a C program of testdata, for a library.
func compiled(t testing.TB, name, library string) (program string) {
	t.Helper()
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", library).Output()
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(t.TempDir(), strings.TrimSuffix(name, ".c"))
	build := exec.Command("cc", append([]string{"-O2", "-o", program, "testdata/" + name},
		strings.Fields(string(flags))...)...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// decodedByLibwebp is an animation as libwebp's own decoder of animations shows it.
func decodedByLibwebp(t *testing.T, program string, b []byte) (frames []*image.NRGBA, p played) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	in := bufio.NewReader(bytes.NewReader(out))
	var width, height, count, end, before int
	if _, err := fmt.Fscanf(in, "%d %d %d %d\n", &width, &height, &count, &p.plays); err != nil {
		t.Fatal(err)
	}
	for range count {
		m := image.NewNRGBA(image.Rect(0, 0, width, height))
		if _, err := fmt.Fscanf(in, "%d\n", &end); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(in, m.Pix); err != nil {
			t.Fatal(err)
		}
		p.delays = append(p.delays, end-before)
		frames, before = append(frames, m), end
	}
	return frames, p
}

// checkFrame compares a frame with libwebp's. Where both what is laid and what lies there are seen through
// libwebp rounds down even what lies on nothing, so that such pixels may be one off.
func checkFrame(t *testing.T, name string, got image.Image, want *image.NRGBA) {
	t.Helper()
	if got.Bounds().Size() != want.Rect.Size() {
		t.Errorf("%s is %v, want %v", name, got.Bounds(), want.Rect)
		return
	}
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() {
			g := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
			w := want.NRGBAAt(x, y)
			tolerance := 0
			if w.A < 255 {
				tolerance = 1
			}
			if g.A != w.A || g.A > 0 && apart(g, w) > tolerance {
				t.Errorf("%s: %d, %d is %v, want %v", name, x, y, g, w)
				return
			}
		}
	}
}

// webpMovies are what frames can be.
func webpMovies() map[string]webpMovie {
	whole, part := placed(0, 0, 17, 13), placed(2, 4, 7, 5)
	movies := map[string]webpMovie{
		"whole frames":    {17, 13, 0, []webpPart{{at: whole}, {at: whole}, {at: whole, alone: true}}, nil, 0},
		"parts":           {17, 13, 1, []webpPart{{at: part}, {at: placed(16, 12, 1, 1)}, {at: placed(8, 0, 9, 13)}}, nil, 0},
		"parts of glass":  {17, 13, 7, []webpPart{{at: part, coding: exactGlass}, {at: whole, coding: exactGlass}}, nil, 0},
		"glass alone":     {17, 13, 7, []webpPart{{at: whole}, {at: part, coding: exactGlass, alone: true}}, nil, 0},
		"taken away":      {17, 13, 2, []webpPart{{at: whole}, {at: part, taken: true}, {at: placed(4, 2, 9, 9), coding: exactGlass}}, nil, 0},
		"all taken away":  {17, 13, 2, []webpPart{{at: whole, taken: true}, {at: part, taken: true, coding: lossyGlass}, {at: part, coding: exactGlass}}, nil, 0},
		"lossy":           {40, 30, 2, []webpPart{{at: placed(0, 0, 40, 30), coding: lossy}, {at: placed(6, 8, 33, 21), coding: lossy}}, nil, 0},
		"lossy glass":     {40, 30, 2, []webpPart{{at: placed(0, 0, 40, 30), coding: lossyGlass}, {at: placed(6, 8, 33, 21), coding: lossyGlass}}, nil, 0},
		"glass on glass":  {40, 30, 2, []webpPart{{at: placed(0, 0, 40, 30)}, {at: placed(0, 0, 40, 30), coding: lossyGlass}, {at: placed(0, 0, 40, 30), coding: exactGlass}}, nil, 0},
		"two of a pixel":  {1, 1, 0, []webpPart{{at: placed(0, 0, 1, 1)}, {at: placed(0, 0, 1, 1), coding: exact}}, nil, 0},
		"a wide canvas":   {16383, 2, 0, []webpPart{{at: placed(16382, 0, 1, 2)}, {at: placed(8000, 0, 300, 1), coding: lossyGlass}}, nil, 0},
		"a high canvas":   {2, 16383, 0, []webpPart{{at: placed(0, 16382, 2, 1)}, {at: placed(0, 8000, 1, 300), coding: lossy}}, nil, 0},
		"nothing remains": {8, 8, 0, []webpPart{{at: placed(0, 0, 8, 8), taken: true}, {at: placed(2, 2, 2, 2), coding: exactGlass, taken: true}, {at: placed(6, 6, 1, 1), coding: exactGlass}}, nil, 0},
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		m := webpMovie{width: 1 + r.IntN(40), height: 1 + r.IntN(40)}
		for range 2 + r.IntN(6) {
			x, y := r.IntN(m.width)&^1, r.IntN(m.height)&^1
			m.parts = append(m.parts, webpPart{at: placed(x, y, 1+r.IntN(m.width-x), 1+r.IntN(m.height-y)),
				coding: webpCoding(r.IntN(4)), taken: r.IntN(3) == 0, alone: r.IntN(3) == 0})
		}
		movies[fmt.Sprint("random ", i)] = m
	}
	return movies
}

// Each frame is what libwebp's own decoder of animations shows, as an animation and as a still page.
func TestFramesOfAnAnimatedWebP(t *testing.T) {
	libwebp := compiled(t, "webp_frames.c", "libwebpdemux")
	for name, m := range webpMovies() {
		t.Run(name, func(t *testing.T) {
			for i := range m.parts {
				m.parts[i].delay = []int{120, 40, 70, 1000}[i%4]
			}
			b := m.encode(t)
			want, says := decodedByLibwebp(t, libwebp, b)
			if len(want) != len(m.parts) {
				t.Fatalf("libwebp shows %d frames of %d", len(want), len(m.parts))
			}
			for i := range want {
				p := parse(t, "f:png")
				p.Page = i
				checkFrame(t, fmt.Sprint("page ", i), pixels(t, run(t, b, p)), want[i])
			}
			got := play(t, run(t, b, parse(t, "f:webp/webpo:lossless")))
			if got.plays != says.plays || len(got.frames) != len(want) || !slices.Equal(got.delays, says.delays) {
				t.Fatalf("%d frames %d times for %v ms, want %d, %d and %v", len(got.frames), got.plays, got.delays,
					len(want), says.plays, says.delays)
			}
			for i := range want {
				checkFrame(t, fmt.Sprint("frame ", i), got.frames[i], want[i])
			}
		})
	}
}

// webpParts are the chunks of a file by name, the last of each. Of EXIF the height of the image is left out, as
// libvips writes there that of all frames together.
func webpParts(b []byte) map[string][]byte {
	parts := map[string][]byte{}
	for rest := b[12:]; len(rest) > 8; {
		size := 8 + int(binary.LittleEndian.Uint32(rest[4:]))
		parts[string(rest[:4])] = rest[8:size]
		rest = rest[size+size&1:]
	}
	height := []byte("\x03\xa0\x04\x00\x01\x00\x00\x00")
	if i := bytes.Index(parts["EXIF"], height); i >= 0 {
		copy(parts["EXIF"][i+len(height):], "\x00\x00\x00\x00")
	}
	return parts
}

// Profile, EXIF and XMP of an animation are used and kept as those of a still image.
func TestMetadataOfAnAnimatedWebP(t *testing.T) {
	tagged := picturetest.WithEXIF(picturetest.JPEG(picturetest.Photo(40, 30, 1), 90), 1, "(c) Ann of EXIF")
	tagged = picturetest.WithSegment(tagged, 1, []byte(xmpHead+xmpText))
	from := webpParts(run(t, tagged, parse(t, "f:webp/sm:0")).Body)
	icc := webpChunk("ICCP", picturetest.Profile("mntr", "RGB "))
	tail := [][]byte{webpChunk("EXIF", from["EXIF"]), webpChunk("XMP ", from["XMP "])}
	whole := webpPart{at: placed(0, 0, 40, 30)}
	const all = 0x2c
	if len(from["EXIF"]) == 0 || len(from["XMP "]) == 0 {
		t.Fatal("no metadata")
	}
	m := webpMovie{40, 30, 0, []webpPart{whole, whole}, append([][]byte{icc}, tail...), all}
	movie := m.encode(t)
	frame := whole.chunks(t, rand.New(rand.NewPCG(40, 2))) // as the first one of the movie
	header := webpChunk("VP8X", slices.Concat([]byte{all, 0, 0, 0}, uint24(39), uint24(29)))
	still := webpOf(append([][]byte{header, icc, frame}, tail...)...)
	for _, options := range []string{
		"f:webp", "f:webp/kcr:0", "f:webp/sm:0", "f:webp/sm:0/scp:0", "f:webp/scp:0/w:20",
	} {
		want := webpParts(run(t, still, parse(t, options)).Body)
		for _, still := range []string{"", "/da:1", "/da:1/pg:1"} {
			got := webpParts(run(t, movie, parse(t, options+still)).Body)
			for _, name := range []string{"ICCP", "EXIF", "XMP "} {
				if !bytes.Equal(got[name], want[name]) {
					t.Errorf("%s%s: %s is %q, want %q", options, still, name, got[name], want[name])
				}
			}
		}
	}
	want := pixels(t, run(t, still, parse(t, "f:png")))
	plain := pixels(t, run(t, webpOf(frame), parse(t, "f:png")))
	if picturetest.Distance(want, plain) < 1 {
		t.Fatal("the profile changes nothing")
	}
	lossless := play(t, run(t, movie, parse(t, "f:webp/webpo:lossless")))
	for name, got := range map[string]image.Image{"page 0": pixels(t, run(t, movie, parse(t, "f:png"))),
		"frame 0": lossless.frames[0]} {
		if d := picturetest.Distance(got, want); d > 0 {
			t.Errorf("%s is %v from the still image", name, d)
		}
	}
}
