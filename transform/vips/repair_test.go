package vips

import (
	"bytes"
	"compress/flate"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// ended is an image file, and what an independent reader says of its first n
// bytes: whether all of the image's data is among them.
type ended struct {
	name string
	b    []byte
	all  func(cut []byte) bool
}

func endedFiles(t *testing.T) []ended {
	t.Helper()
	photo := picturetest.Photo(61, 43, 5)
	as := func(p transform.Params) []byte { return run(t, picturetest.PNG(photo), p).Body }
	restarts, err := os.ReadFile(filepath.Join("testdata", "restarts.jpg")) // vips jpegsave --restart-interval 3
	if err != nil {
		t.Fatal(err)
	}
	progressiveRestarts, err := os.ReadFile(filepath.Join("testdata", "progressive-restarts.jpg")) // and --interlace
	if err != nil {
		t.Fatal(err)
	}
	progressive := transform.Params{Format: transform.JPEG, JPEG: transform.JPEGOptions{Progressive: true}}
	fullChroma := progressive
	fullChroma.JPEG.FullChroma = true
	lossless := transform.Params{Format: transform.WebP, WebP: transform.WebPOptions{Compression: transform.Lossless}}
	still := picturetest.GIFStill(61, 43)
	best := bytes.Buffer{}
	(&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&best, photo)
	return []ended{
		{"baseline.jpg", picturetest.JPEG(photo, 80), jpegHasAll(picturetest.JPEG(photo, 80))},
		{"grey.jpg", picturetest.JPEG(image.NewGray(image.Rect(0, 0, 33, 17)), 80), jpegHasAll(picturetest.JPEG(image.NewGray(image.Rect(0, 0, 33, 17)), 80))},
		{"progressive.jpg", as(progressive), jpegHasAll(as(progressive))},
		{"progressive444.jpg", as(fullChroma), jpegHasAll(as(fullChroma))},
		{"restarts.jpg", restarts, jpegHasAll(restarts)},
		{"progressive-restarts.jpg", progressiveRestarts, jpegHasAll(progressiveRestarts)},
		{"fast.png", picturetest.PNG(photo), pngHasAll(picturetest.PNG(photo))},
		{"best.png", best.Bytes(), pngHasAll(best.Bytes())},
		{"libvips.png", as(transform.Params{Format: transform.PNG}), pngHasAll(as(transform.Params{Format: transform.PNG}))},
		{"interlaced.png", as(transform.Params{Format: transform.PNG, PNG: transform.PNGOptions{Interlaced: true}}), pngHasAll(as(transform.Params{Format: transform.PNG, PNG: transform.PNGOptions{Interlaced: true}}))},
		{"grey1.png", picturetest.PNG(image.NewPaletted(image.Rect(0, 0, 29, 13), color.Palette{color.White, color.Black})), pngHasAll(picturetest.PNG(image.NewPaletted(image.Rect(0, 0, 29, 13), color.Palette{color.White, color.Black})))},
		{"stored.png", storedPNG(photo), pngHasAll(storedPNG(photo))},
		{"still.gif", still, gifHasAll},
		{"libvips.gif", as(transform.Params{Format: transform.GIF}), gifHasAll},
		{"lossy.webp", as(transform.Params{Format: transform.WebP}), webpHasAll},
		{"lossless.webp", as(lossless), webpHasAll},
		{"lossyWithMore.webp", withChunks(as(transform.Params{Format: transform.WebP}), 61, 43), webpHasAll},
		{"losslessWithMore.webp", withChunks(as(lossless), 61, 43), webpHasAll},
	}
}

func storedPNG(m image.Image) []byte {
	var b bytes.Buffer
	(&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, m)
	return b.Bytes()
}

// jpegHasAll asks Go's image/jpeg, which tells data that breaks off, of the
// bytes with an end mark; an image that lacks scans has other pixels.
func jpegHasAll(whole []byte) func([]byte) bool {
	want, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil { // it does not read a restart within a run of blocks
		return func(cut []byte) bool { return len(cut) >= len(whole)-2 }
	}
	return func(cut []byte) bool {
		got, err := jpeg.Decode(bytes.NewReader(append(slices.Clip(cut), 0xFF, 0xD9)))
		return err == nil && picturetest.Distance(got, want) == 0
	}
}

// pngHasAll inflates what there is of IDAT with Go's compress/flate. That asks
// for bits before it needs them, so that it is given some more: where they make
// no difference to the rows, they were not needed.
func pngHasAll(whole []byte) func([]byte) bool {
	want := inflated(whole, 0)
	return func(cut []byte) bool {
		zeros, ones := inflated(cut, 0), inflated(cut, 0xFF)
		return bytes.HasPrefix(zeros, want) && bytes.HasPrefix(ones, want)
	}
}

// inflated is what IDAT gives, with two more bytes behind it.
func inflated(png []byte, more byte) []byte {
	var data []byte
	for rest := png[8:]; len(rest) >= 8; {
		n := min(int(binary.BigEndian.Uint32(rest)), len(rest)-8)
		if string(rest[4:8]) == "IDAT" {
			data = append(data, rest[8:8+n]...)
		}
		rest = rest[min(8+n+4, len(rest)):]
	}
	out, _ := io.ReadAll(flate.NewReader(bytes.NewReader(append(data, more, more)[2:])))
	return out
}

// gifHasAll decodes the codes of the first frame with Go's compress/lzw.
func gifHasAll(cut []byte) bool {
	at := 13
	if cut[10]&0x80 != 0 {
		at += 3 << (cut[10]&7 + 1)
	}
	for cut[at] == '!' {
		for at += 2; cut[at] != 0; at += int(cut[at]) + 1 {
		}
		at++
	}
	d := cut[at:]
	pixels := int(binary.LittleEndian.Uint16(d[5:])) * int(binary.LittleEndian.Uint16(d[7:]))
	at = 10
	if d[9]&0x80 != 0 {
		at += 3 << (d[9]&7 + 1)
	}
	var data []byte
	for rest := d[at+1:]; len(rest) > 0 && rest[0] != 0; {
		n := min(int(rest[0])+1, len(rest))
		data, rest = append(data, rest[1:n]...), rest[n:]
	}
	out, _ := io.ReadAll(lzw.NewReader(bytes.NewReader(data), lzw.LSB, int(d[at])))
	return len(out) >= pixels
}

// webpHasAll goes by the length of the chunk of the image.
func webpHasAll(cut []byte) bool {
	for at := 12; len(cut)-at >= 8; {
		n := int(binary.LittleEndian.Uint32(cut[at+4:]))
		if id := string(cut[at : at+4]); id == "VP8 " || id == "VP8L" {
			return len(cut) >= at+8+n
		}
		at += 8 + n + n%2
	}
	return false
}

// withChunks makes a WebP an extended one, with chunks of metadata behind.
func withChunks(webp []byte, w, h int) []byte {
	b := []byte("WEBPVP8X\x0a\x00\x00\x00\x04\x00\x00\x00")
	b = append(b, byte(w-1), 0, 0, byte(h-1), 0, 0)
	b = append(append(b, webp[12:]...), "XMP \x05\x00\x00\x00<x/>\n\x00what\x04\x00\x00\x001234"...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

// A source that lacks marks behind its data gives the very pixels of the whole
// one; one that lacks data is refused as truncated.
func TestACutImageIsServedOnceAllItsDataIsThere(t *testing.T) {
	for _, f := range endedFiles(t) {
		t.Run(f.name, func(t *testing.T) {
			whole := run(t, f.b, transform.Params{Format: transform.PNG}).Body
			served := 0
			for n := max(64, len(f.b)-64); n < len(f.b); n++ {
				cut := f.b[:n]
				info, err := container.Sniff(cut)
				if all := f.all(cut); all != (err == nil) {
					t.Errorf("%d of %d bytes, all data there: %v, but %+v, %v", n, len(f.b), all, info, err)
				}
				if err != nil {
					if !errors.Is(err, transform.ErrTruncated) {
						t.Errorf("%d of %d bytes: %v", n, len(f.b), err)
					}
					continue
				}
				served++
				wantPixels(t, cut, whole)
			}
			// What follows the image itself: in a WebP there may be nothing.
			if more := len(f.b) > 64 && !f.all(f.b[:len(f.b)-1]); (served == 0) != more || served == 64 {
				t.Errorf("%d of 64 cuts are served", served)
			}
		})
	}
}

func wantPixels(t *testing.T, b, whole []byte) {
	t.Helper()
	info, err := container.Sniff(b)
	if err != nil {
		t.Errorf("%d bytes: %v", len(b), err)
		return
	}
	got, err := runInfo(t, b, info, transform.Params{Format: transform.PNG})
	if err != nil {
		t.Errorf("%d bytes, %+v: %v", len(b), info, detailed(err))
		return
	}
	want, _ := png.Decode(bytes.NewReader(whole))
	have, err := png.Decode(bytes.NewReader(got.Body))
	if err != nil || picturetest.Distance(have, want) != 0 {
		t.Errorf("%d bytes give other pixels (%v)", len(b), err)
	}
}

func detailed(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return err.Error() + ": " + e.Detail
	}
	return err.Error()
}
