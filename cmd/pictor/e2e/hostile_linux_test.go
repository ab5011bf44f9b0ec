package e2e

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// flatPNG is a grey PNG of one colour, whose size costs its sender nothing.
func flatPNG(w, h int) []byte {
	var out bytes.Buffer
	chunk := func(kind string, data []byte) {
		binary.Write(&out, binary.BigEndian, uint32(len(data)))
		start := out.Len()
		out.WriteString(kind)
		out.Write(data)
		binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(out.Bytes()[start:]))
	}
	out.WriteString("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32(nil, uint32(w))
	header = binary.BigEndian.AppendUint32(header, uint32(h))
	chunk("IHDR", append(header, 8, 0, 0, 0, 0)) // 8 bits, grey
	chunk("IDAT", zeros(int64(1+w)*int64(h)))
	chunk("IEND", nil)
	return out.Bytes()
}

// zeros is what zlib makes of n zeros (RFC 1950). To compress them all would
// take half a minute under the race detector, so a part in the middle, where all
// parts look the same, is repeated.
func zeros(n int64) []byte {
	const part = 1 << 20
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.BestSpeed) // the level is one
	block := make([]byte, part)
	write := func(b []byte) []byte {
		before := out.Len()
		z.Write(b)
		z.Flush()
		return bytes.Clone(out.Bytes()[before:])
	}
	stream := []byte{0x78, 0x01}
	stream = append(stream, write(block[:n%part])...)
	stream = append(stream, write(block)...)
	stream = append(stream, bytes.Repeat(write(block), int(n/part-1))...)
	stream = append(stream, 1, 0, 0, 0xff, 0xff) // the last block, with nothing in it
	// Adler-32 is 1 and, in its upper half, the sum of as many 1s.
	return binary.BigEndian.AppendUint32(stream, uint32(n%65521)<<16|1)
}

// It is what a whole compressor makes.
func TestZeros(t *testing.T) {
	const n = 5<<20 + 12345
	r, err := zlib.NewReader(bytes.NewReader(zeros(n)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || len(b) != n || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// manyScans repeats the last scan of a progressive JPEG until it has n: a
// refinement that a decoder does again and again, over the whole picture.
func manyScans(t testing.TB, jpg []byte, n int) []byte {
	t.Helper()
	sos := []byte{0xff, 0xda}
	have := bytes.Count(jpg, sos)
	last := bytes.LastIndex(jpg, sos)
	end := len(jpg) - 2 // EOI
	if have < 2 || have >= n || !bytes.Equal(jpg[end:], []byte{0xff, 0xd9}) {
		t.Fatalf("a JPEG of %d scans cannot be given %d", have, n)
	}
	out := append([]byte(nil), jpg[:end]...)
	out = append(out, bytes.Repeat(jpg[last:end], n-have)...)
	return append(out, 0xff, 0xd9)
}

// manyFrames is an animation of n frames.
func manyFrames(t testing.TB, w, h, n int) []byte {
	t.Helper()
	g := &gif.GIF{Config: image.Config{Width: w, Height: h, ColorModel: color.Palette{color.Black, color.White}}}
	for i := range n {
		m := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black, color.White})
		m.Pix[i%len(m.Pix)] = 1
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lyingAVIF is a small AVIF whose header says that it is w×h.
func lyingAVIF(t testing.TB, w, h uint32) []byte {
	t.Helper()
	avif := saved(t, picturetest.PNG(picturetest.Chart(64, 64)), "avif", "effort=0")
	at := bytes.Index(avif, []byte("ispe"))
	if at < 0 {
		t.Fatal("no ispe in an AVIF")
	}
	// The box's kind, version and flags, then the sides (ISO/IEC 23008-12 §6.5.3).
	binary.BigEndian.PutUint32(avif[at+8:], w)
	binary.BigEndian.PutUint32(avif[at+12:], h)
	return avif
}

// plain is a picture of w×h that is quick to make and to encode.
func plain(w, h int) image.Image {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Pix[y*m.Stride+x] = byte(x/64 + y/64)
		}
	}
	return m
}

// Pictures that ask for much more than they look like, or than they have. Each
// ends in a picture or in a clear refusal, and under the ceiling;
// also where the limits of pictures are set out of the way.
func TestHostilePictures(t *testing.T) {
	long(t, "load in a memory cgroup")
	t.Parallel() // it has a cgroup of its own
	const limit = 256 * mib
	progressive := saved(t, picturetest.PNG(plain(6592, 4400)), "jpg", "interlace,Q=85")
	origin := newSite(t)
	for name, b := range map[string][]byte{
		"lossless-40mp.webp":   saved(t, picturetest.PNG(plain(7744, 5168)), "webp", "lossless,effort=0"),
		"scans-1000.jpg":       manyScans(t, progressive, 1000),
		"scans-400.jpg":        manyScans(t, progressive, 400),
		"frames-4000.gif":      manyFrames(t, 200, 200, 4000),
		"header-17000.avif":    lyingAVIF(t, 17000, 17000),
		"header-5000.avif":     lyingAVIF(t, 5000, 2000),
		"one-colour-250mp.png": flatPNG(16000, 15625),
	} {
		origin.put("/"+name, b)
	}
	for _, settings := range [][]string{nil, {"--max-source-pixels", "400MP", "--max-frames", "10000"}} {
		g := newCgroup(t, limit)
		s := serveIn(t, g, settings...)
		watch := g.watch()
		for _, tc := range []struct {
			name   string
			status []int
		}{
			{"lossless-40mp.webp", []int{200, 422}},
			{"scans-1000.jpg", []int{422}},
			{"scans-400.jpg", []int{200, 422, 504}},
			{"frames-4000.gif", []int{200, 422}},
			{"header-17000.avif", []int{422}},
			{"header-5000.avif", []int{422}},
			{"one-colour-250mp.png", []int{200, 422}},
		} {
			l := s.burst(2, 2, func(i int) string {
				return "/insecure/w:" + []string{"720", "721"}[i] + "/plain/" + origin.URL + "/" + tc.name + "@jpg"
			})
			t.Logf("%v %s: %v; %v", settings, tc.name, l, s.get("/insecure/w:722/plain/"+origin.URL+"/"+tc.name+"@jpg"))
			for status := range l.status {
				if l.failed > 0 || !slices.Contains(tc.status, status) {
					t.Errorf("%v %s: %v", settings, tc.name, l)
				}
			}
		}
		if peak := watch(); peak > limit/10*9 || g.oomKills() > 0 {
			t.Errorf("%v: %d MiB of %d were in use, %d OOM kills", settings, peak/mib, limit/mib, g.oomKills())
		} else {
			t.Logf("%v: anonymous and shared memory at most %d MiB", settings, peak/mib)
		}
		if a := s.get("/health/ready"); a.status != 200 {
			t.Errorf("afterwards: %v", a)
		}
		s.stop()
	}
}
