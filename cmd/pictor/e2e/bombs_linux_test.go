package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// What a hostile image must end in.
const (
	refused = "a 4xx"
	either  = "an image or a 4xx"
)

// bomb is a file that is not what it says, or costs more than it looks like.
type bomb struct {
	name, want string
	bytes      []byte
}

// bombs are all of them, of every format and of none.
func bombs(t testing.TB) (all []bomb) {
	all = append(all, pngBombs()...)
	all = append(all, jpegBombs()...)
	all = append(all, gifBombs()...)
	all = append(all, webpBombs(t)...)
	all = append(all, avifBombs(t)...)
	return append(all, noImages()...)
}

// concat is one file of parts.
func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// pngWith is a small PNG with chunks before its data.
func pngWith(chunks ...[]byte) []byte {
	b := blankPNG(8, 8)
	const header = 8 + 25
	return concat(b[:header], concat(chunks...), b[header:])
}

func pngBombs() []bomb {
	const mb = 1 << 20
	text := func(kind, head string, n int64) []byte { return pngChunk(kind, append([]byte(head), zeros(n)...)) }
	small := blankPNG(8, 8)
	long := bytes.Clone(small)
	binary.BigEndian.PutUint32(long[33:], 0xffffffff) // the length of IDAT
	crc := bytes.Clone(small)
	crc[30] ^= 1
	deep := func(w, h uint32) []byte {
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
		return concat([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(b, 16, 6, 0, 0, 1)), pngChunk("IDAT",
			zeros(4*mb)), pngChunk("IEND", nil))
	}
	end := pngChunk("IEND", nil)
	return []bomb{
		{"zero.png", refused, concat(pngHeader(0, 0), pngChunk("IDAT", zeros(mb)), end)}, {"zero-high.png", refused,
			concat(pngHeader(9, 0), end)},
		{"largest.png", refused, concat(pngHeader(1<<31-1, 1<<31-1), pngChunk("IDAT", zeros(2*mb)), end)},
		{"negative.png", refused, concat(pngHeader(1<<32-1, 8), pngChunk("IDAT", zeros(2*mb)), end)},
		{"sides-multiply-to-0.png", refused, concat(pngHeader(1<<16, 1<<16), pngChunk("IDAT", zeros(2*mb)), end)},
		{"one-high.png", either, blankPNG(1_000_000, 1)}, {"one-wide.png", either, blankPNG(1, 1_000_000)},
		{"deep-interlaced-lie.png", refused, deep(9000, 9000)},
		{"idat-too-long.png", either, concat(pngHeader(8, 8), pngChunk("IDAT", zeros(64*mb)), end)},
		{"ztxt.png", either, pngWith(text("zTXt", "a\x00\x00", 48*mb))}, {"itxt.png", either, pngWith(text("iTXt",
			"a\x00\x01\x00\x00\x00", 48*mb))},
		{"iccp.png", either, pngWith(text("iCCP", "a\x00\x00", 48*mb))}, {"ztxt-20.png", either,
			pngWith(bytes.Repeat(text("zTXt", "a\x00\x00", 2*mb), 20))},
		{"chunks-100000.png", either, pngWith(bytes.Repeat(pngChunk("tEXt", []byte("a\x00bc")), 100_000))},
		{"empty-idat-100000.png", either, concat(pngHeader(8, 8), bytes.Repeat(pngChunk("IDAT", nil), 100_000), small[33:])},
		{"chunk-of-4g.png", refused, long}, {"wrong-crc.png", either, crc},
		{"apng-of-2g-frames.png", either, pngWith(pngChunk("acTL", []byte("\x7f\xff\xff\xff\x00\x00\x00\x00")))},
		{"two-headers.png", either, pngWith(pngHeader(60000, 60000)[8:])}, {"no-data.png", refused, concat(pngHeader(8,
			8), end)},
		{"header-only.png", refused, pngHeader(8, 8)}, {"magic-only.png", refused, []byte("\x89PNG\r\n\x1a\n")},
		{"behind-its-end.png", either, append(blankPNG(8, 8), make([]byte, 4*mb)...)},
		{"gamma-zero.png", either, pngWith(pngChunk("gAMA", make([]byte, 4)), pngChunk("cHRM", make([]byte, 32)))},
		{"transparent-of-nothing.png", either, pngWith(pngChunk("tRNS", bytes.Repeat([]byte{9}, 5000)))},
	}
}

// segment is a marker of a JPEG with its length and data.
func segment(marker byte, data []byte) []byte {
	return append([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)}, data...)
}

// ifd is EXIF data of one directory with one entry, whose next directory is at an
// offset.
func ifd(tag, kind uint16, count, value, next uint32) []byte {
	b := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01")
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, tag), kind)
	for _, v := range []uint32{count, value, next} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func jpegBombs() []bomb {
	base := photo(64, 48)
	with := func(parts ...[]byte) []byte { return concat(base[:2], concat(parts...), base[2:]) }
	sof := bytes.Index(base, []byte{0xff, 0xc0})
	changed := func(at int, values ...byte) []byte {
		b := bytes.Clone(base)
		copy(b[sof+at:], values)
		return b
	}
	icc := func(i, n byte) []byte { return segment(0xe2, append([]byte("ICC_PROFILE\x00"), i, n, 0, 0, 0, 0)) }
	half := base[:len(base)/2]
	return []bomb{
		{"zero.jpg", refused, changed(5, 0, 0, 0, 0)}, {"no-height.jpg", refused, changed(5, 0, 0)}, {"largest.jpg",
			refused, changed(5, 0xff, 0xff, 0xff, 0xff)},
		{"sides-lie.jpg", either, changed(5, 0x20, 0x00, 0x20, 0x00)}, {"one-high.jpg", either, changed(5, 0, 1, 0xff, 0xdc)},
		{"no-components.jpg", refused, changed(9, 0)}, {"components-255.jpg", refused, changed(9, 255)},
		{"sampling-zero.jpg", refused, changed(11, 0)},
		{"sampling-15.jpg", refused, changed(11, 0xff)}, {"twelve-bits.jpg", either, changed(4, 12)}, {"lossless.jpg",
			refused, changed(1, 0xc3)},
		{"arithmetic.jpg", either, changed(1, 0xc9)}, {"progressive-lie.jpg", either, changed(1, 0xc2)},
		{"hierarchical.jpg", refused, changed(1, 0xc5)},
		{"comments-20000.jpg", either, with(bytes.Repeat(segment(0xfe, []byte("a")), 20_000))},
		{"comments-full.jpg", either, with(bytes.Repeat(segment(0xfe, make([]byte, 65_000)), 60))},
		{"filled-with-ff.jpg", either, with(bytes.Repeat([]byte{0xff}, 1<<20))},
		{"exif-loop.jpg", either, with(segment(0xe1, ifd(0x0112, 3, 1, 6<<16, 8)))}, {"exif-in-itself.jpg", either,
			with(segment(0xe1, ifd(0x8769, 4, 1, 8, 8)))},
		{"exif-count.jpg", either, with(segment(0xe1, ifd(0x0112, 3, 1<<32-1, 1<<31, 0)))}, {"exif-far.jpg", either,
			with(segment(0xe1, ifd(0x0112, 3, 1, 1, 1<<32-1)))},
		{"exif-orientation-9.jpg", either, with(segment(0xe1, ifd(0x0112, 3, 1, 9<<16, 0)))}, {"exif-500.jpg", either,
			with(bytes.Repeat(segment(0xe1, ifd(0x0112, 3, 1, 6<<16, 8)), 500))},
		{"icc-255-parts.jpg", either, with(bytes.Repeat(icc(1, 255), 255))}, {"icc-part-0.jpg", either, with(icc(0, 0),
			icc(9, 1))},
		{"xmp-not-closed.jpg", either, with(segment(0xe1,
			[]byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta "+strings.Repeat("<a>", 9000))))},
		{"tables-2000.jpg", either, with(bytes.Repeat(segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)),
			2000))},
		{"restart-every-block.jpg", either, with(segment(0xdd, []byte{0, 1}))}, {"restarts-100000.jpg", either,
			concat(base[:len(base)-2], bytes.Repeat([]byte{0xff, 0xd0}, 100_000))},
		{"two-frames.jpg", either, with(changed(5, 0xff, 0xff)[sof : sof+19])}, {"cut.jpg", refused, half},
		{"cut-header.jpg", refused, base[:sof+4]},
		{"magic-only.jpg", refused, base[:3]}, {"behind-its-end.jpg", either, append(bytes.Clone(base), make([]byte,
			4<<20)...)},
		{"jpeg-in-jpeg.jpg", either, with(segment(0xe1, append([]byte("Exif\x00\x00"), base[:min(len(base), 60_000)]...)))},
	}
}

func gifBombs() []bomb {
	screen := func(w, h uint16) []byte {
		b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16([]byte("GIF89a"), w), h)
		return append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255) // two colours
	}
	frame := func(x, y, w, h uint16, size byte, blocks []byte) []byte {
		b := []byte{','}
		for _, v := range []uint16{x, y, w, h} {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
		return concat(b, []byte{0, size}, blocks, []byte{0})
	}
	pixel := []byte{2, 0x44, 0x01} // 1×1 of colour 0
	end := []byte{';'}
	one := frame(0, 0, 1, 1, 2, pixel)
	loop := append([]byte("\x21\xff\x0bNETSCAPE2.0\x03\x01\xff\xff"), 0)
	return []bomb{
		{"44-bytes.gif", refused, concat(screen(65535, 65535), frame(0, 0, 65535, 65535, 2, pixel), end)},
		{"zero.gif", either, concat(screen(0, 0), one, end)}, {"zero-frame.gif", either, concat(screen(8, 8), frame(0, 0,
			0, 0, 2, pixel), end)},
		{"beyond-canvas.gif", either, concat(screen(8, 8), frame(65000, 65000, 65535, 65535, 2, pixel), end)},
		{"no-pixels.gif", either, concat(screen(9000, 9000), frame(0, 0, 9000, 9000, 2, nil), end)}, {"no-frame.gif",
			refused, concat(screen(8, 8), end)},
		{"frames-100000.gif", either, concat(screen(1, 1), bytes.Repeat(one, 100_000), end)},
		{"blocks-200000.gif", either, concat(screen(8, 8), frame(0, 0, 8, 8, 2, bytes.Repeat([]byte{1, 0}, 200_000)), end)},
		{"code-size-0.gif", either, concat(screen(1, 1), frame(0, 0, 1, 1, 0, pixel), end)}, {"code-size-12.gif", either,
			concat(screen(1, 1), frame(0, 0, 1, 1, 12, pixel), end)},
		{"code-size-255.gif", either, concat(screen(1, 1), frame(0, 0, 1, 1, 255, pixel), end)},
		{"comments.gif", either, concat(screen(1, 1), []byte{0x21, 0xfe}, bytes.Repeat(append([]byte{255}, make([]byte,
			255)...), 16_000), []byte{0}, one, end)},
		{"loops.gif", either, concat(screen(1, 1), bytes.Repeat(loop, 50_000), one, end)}, {"extensions-not-closed.gif",
			refused, concat(screen(1, 1), bytes.Repeat([]byte{0x21, 0xf9, 4}, 9))},
		{"no-trailer.gif", either, concat(screen(1, 1), one)}, {"script.gif", refused,
			[]byte("GIF89a/*" + strings.Repeat("x", 40) + "*/=1;alert(1)")},
	}
}

// riff is a chunk of a WebP.
func riff(kind string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data)))
	b = append(b, data...)
	return append(b, make([]byte, len(data)&1)...)
}

func webpOf(chunks ...[]byte) []byte {
	return riff("RIFF", append([]byte("WEBP"), concat(chunks...)...))
}

func webpBombs(t testing.TB) []bomb {
	base := saved(t, photo(64, 48), "webp", "Q=50")
	whole := base[12:] // its chunks
	extended := func(flags byte, w, h uint32) []byte {
		return riff("VP8X", []byte{flags, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8),
			byte(h >> 16)})
	}
	sized := func(n uint32) []byte {
		b := bytes.Clone(base)
		binary.LittleEndian.PutUint32(b[4:], n)
		return b
	}
	lossless := func(bits uint32) []byte { return riff("VP8L", binary.LittleEndian.AppendUint32([]byte{0x2f}, bits)) }
	nested := whole
	for range 1000 {
		nested = riff("RIFF", append([]byte("WEBP"), nested...))
	}
	return []bomb{
		{"size-0.webp", either, sized(0)}, {"size-4g.webp", either, sized(1<<32 - 1)}, {"size-odd.webp", either,
			sized(uint32(len(base) - 9))},
		{"canvas-16m.webp", refused, webpOf(extended(0, 1<<24-1, 1<<24-1), whole)}, {"canvas-lies.webp", either,
			webpOf(extended(0, 8000, 8000), whole)},
		{"lossless-lie.webp", refused, webpOf(lossless(1<<28 - 1))}, {"lossless-version.webp", refused,
			webpOf(lossless(7 << 29))}, {"zero.webp", refused, webpOf(riff("VP8 ", make([]byte, 10)))},
		{"frames-100000.webp", either,
			webpOf(extended(2, 0, 0), riff("ANIM", make([]byte, 6)), bytes.Repeat(riff("ANMF",
				make([]byte, 16)), 100_000))},
		{"nested-1000.webp", refused, nested}, {"chunks-200000.webp", either, webpOf(extended(0, 63, 47), whole,
			bytes.Repeat(riff("XXXX", nil), 200_000))},
		{"icc-4m.webp", either, webpOf(extended(0x20, 63, 47), riff("ICCP", make([]byte, 4<<20)), whole)},
		{"exif-loop.webp", either, webpOf(extended(8, 63, 47), whole, riff("EXIF", ifd(0x8769, 4, 1, 8, 8)))},
		{"alpha-of-nothing.webp", either, webpOf(extended(0x10, 63, 47), riff("ALPH", []byte{1}), whole)}, {"cut.webp",
			refused, base[:len(base)/2]}, {"no-chunks.webp", refused, webpOf()},
		{"magic-only.webp", refused, base[:12]}, {"wave.webp", refused, riff("RIFF", append([]byte("WAVE"), whole...))},
	}
}

// box is a box of ISO/IEC 14496-12.
func box(kind string, data []byte) []byte {
	return concat(binary.BigEndian.AppendUint32(nil, uint32(len(data)+8)), []byte(kind), data)
}

func avifBombs(t testing.TB) []bomb {
	base := saved(t, photo(64, 48), "avif", "effort=0")
	brand := box("ftyp", []byte("avif\x00\x00\x00\x00avifmif1"))
	// replaced has other bytes at an offset behind the first box of a kind.
	replaced := func(kind string, at int, values ...byte) []byte {
		b := bytes.Clone(base)
		copy(b[bytes.Index(b, []byte(kind))+at:], values)
		return b
	}
	deep := func(kind string, n int) []byte {
		head := make([]byte, 0, 12*n)
		for i := range n {
			head = append(binary.BigEndian.AppendUint32(head, uint32(12*(n-i))), kind...)
			head = append(head, 0, 0, 0, 0)
		}
		return concat(brand, head)
	}
	ff := bytes.Repeat([]byte{0xff}, 8)
	return []bomb{
		{"zero.avif", refused, replaced("ispe", 8, 0, 0, 0, 0, 0, 0, 0, 0)}, {"largest.avif", refused, replaced("ispe", 8,
			ff...)},
		{"size-of-meta-0.avif", either, replaced("meta", -4, 0, 0, 0, 0)}, {"size-of-meta-7.avif", refused,
			replaced("meta", -4, 0, 0, 0, 7)},
		{"size-of-meta-4g.avif", refused, replaced("meta", -4, 0xff, 0xff, 0xff, 0xff)}, {"size-of-meta-1.avif", refused,
			replaced("meta", -4, 0, 0, 0, 1)},
		{"iloc-extents.avif", refused, replaced("iloc", 10, ff...)}, {"iloc-items.avif", refused, replaced("iloc", 10,
			0xff, 0xff)}, {"iloc-version.avif", refused, replaced("iloc", 4, 9)},
		{"ipma-many.avif", refused, replaced("ipma", 8, 0xff, 0xff, 0xff, 0xff)}, {"pitm-missing.avif", refused,
			replaced("pitm", 8, 0xff, 0xff)},
		{"av1c.avif", either, replaced("av1C", 4, ff[:4]...)}, {"iinf-many.avif", either, replaced("iinf", 8, 0xff,
			0xff)}, {"mdat-of-zeros.avif", refused, replaced("mdat", 4, make([]byte, 60)...)},
		{"meta-10000-deep.avif", refused, deep("meta", 10_000)}, {"moov-10000-deep.avif", refused, deep("moov", 10_000)},
		{"iprp-10000-deep.avif", refused, deep("iprp", 10_000)},
		{"boxes-200000.avif", refused, concat(brand, bytes.Repeat(box("free", nil), 200_000))}, {"brands-100000.avif",
			refused, box("ftyp", append([]byte("avif\x00\x00\x00\x00"), bytes.Repeat([]byte("mif1"), 100_000)...))},
		{"largesize.avif", refused, concat(brand, []byte("\x00\x00\x00\x01meta\x7f\xff\xff\xff\xff\xff\xff\xff"))},
		{"cut.avif", refused, base[:len(base)*2/3]}, {"brand-only.avif", refused, brand},
		{"free-first.avif", either, concat(brand, bytes.Repeat(box("free", make([]byte, 100)), 5000), base[len(brand):])},
		{"heic.heic", refused, box("ftyp", []byte("heic\x00\x00\x00\x00heicmif1"))},
	}
}

// noImages are what other decoders would take, and what is no image at all.
func noImages() []bomb {
	var laughs strings.Builder
	laughs.WriteString(`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">`)
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&laughs, `<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	laughs.WriteString(`]><svg xmlns="http://www.w3.org/2000/svg"><text>&j;</text></svg>`)
	noise := make([]byte, 2<<20)
	for i, r := 0, rand.New(rand.NewPCG(1, 1)); i < len(noise); i++ {
		noise[i] = byte(r.Uint32())
	}
	var all []bomb
	for name, text := range map[string]string{
		"empty": "", "one-byte": "\xff", "laughs.svg": laughs.String(),
		"giant.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="10000000" height="10000000"/>`,
		"file.svg":  `<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="file:///etc/passwd"/></svg>`,
		"page.html": "<html><script>alert(1)</script>",
		"a.pdf":     "%PDF-1.7\n1 0 obj<</Length 99999999999>>stream", "a.ps": "%!PS\n{} loop",
		"a.tif": "II*\x00\x08\x00\x00\x00\xff\xff", "loop.tif": "MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x08",
		"a.bmp": "BM\xff\xff\xff\x7f\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00", "a.ico": "\x00\x00\x01\x00\xff\xff",
		"a.jxl": "\xff\x0a\xff\xff", "a.jp2": "\x00\x00\x00\x0cjP  \r\n\x87\n", "a.psd": "8BPS\x00\x01",
		"a.mat": "MATLAB 5.0 MAT-file", "a.zip": "PK\x03\x04", "a.gz": "\x1f\x8b\x08", "a.exr": "v/1\x01",
		"a.mp4": "\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2",
		"a.mvg": "push graphic-context\nimage over 0,0 0,0 'https://x/|id'",
		"a.msl": "<image><read filename=\"/etc/passwd\"/></image>",
		"a.txt": "text:/etc/passwd", "a.v": "\x08\xf2\xa6\xb6", "a.ppm": "P6 1000000 1000000 255 ",
		"a.pfm": "PF\n1000000 1000000\n1\n", "a.hdr": "#?RADIANCE\n\n-Y 99999999 +X 99999999\n", "a.fits": "SIMPLE  =",
		"zeros": strings.Repeat("\x00", 2<<20), "noise": string(noise),
	} {
		want := refused
		if name == "giant.svg" || name == "file.svg" {
			want = either // a large size costs nothing, and a file is not read
		}
		all = append(all, bomb{name, want, []byte(text)})
	}
	return all
}

// Some 150 files, each with an image or a clear 4xx for an answer, with the memory
// under its ceiling, the server alive, and no worker that crashed.
func TestBombs(t *testing.T) {
	long(t, "load in a memory cgroup")
	const limit = 256 * mib
	origin := newSite(t)
	all := bombs(t)
	for _, b := range all {
		origin.put("/"+b.name, b.bytes)
	}
	g := newCgroup(t, limit)
	s := serveIn(t, g)
	watch := g.watch()
	overran := 0
	for _, b := range all {
		for _, options := range []string{"w:64", "raw:1"} {
			a := s.get("/insecure/" + options + "/plain/" + origin.URL + "/" + b.name)
			code, sentence, _ := strings.Cut(string(a.body), ": ")
			info, err := container.Sniff(a.body)
			if code == "overran" && a.status == 422 {
				overran++
			}
			// Raw bytes are looked at and not decoded.
			image := a.status == http.StatusOK &&
				(options == "raw:1" || err == nil && info.Width <= 64 && b.want == either)
			clear := (a.status == 415 || a.status == 422) && slices.Contains(clearCodes, code) && len(sentence) > 20
			if !clear && !image {
				t.Errorf("%s of %s, want %s: %v, %v", options, b.name, b.want, a, err)
			}
		}
	}
	if peak := watch(); peak > limit/10*9 || g.oomKills() > 0 {
		t.Errorf("%d MiB of %d were in use, %d OOM kills", peak/mib, limit/mib, g.oomKills())
	}
	if a := s.get("/health/ready"); a.status != 200 {
		t.Errorf("afterwards: %v", a)
	}
	for why, want := range map[string]int{"crashed": 0, "killed": 0, "overran": overran} {
		if n := ended(t, s, why); n != want {
			t.Errorf("%d workers ended as %s, and %d responses say so", n, why, want)
		}
	}
	t.Logf("%d files", len(all))
}

// clearCodes are those that say what is wrong with an image.
var clearCodes = []string{"unsupported-type", "truncated", "broken-picture", "over-limit", "too-large",
	"source-too-large", "overran"}

// ended is how many workers ended for a reason.
func ended(t testing.TB, s *server, why string) int {
	t.Helper()
	resp, err := client.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^pictor_workers_ended_total\{why="` + why +
		`"\} (\d+)$`).FindStringSubmatch(b.String())
	if m == nil {
		t.Fatalf("no figure of workers that %s", why)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
