package vips

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// pngParts are the chunks of a PNG: those before IDAT, its data, and those
// behind it without IEND.
func pngParts(b []byte) (before, data, behind []byte) {
	for rest := b[8:]; len(rest) >= 12; {
		n := int(binary.BigEndian.Uint32(rest)) + 12
		switch name := string(rest[4:8]); {
		case name == "IDAT":
			data = append(data, rest[8:n-4]...)
		case data == nil:
			before = append(before, rest[:n]...)
		case name != "IEND":
			behind = append(behind, rest[:n]...)
		}
		rest = rest[n:]
	}
	return slices.Concat(b[:8], before), data, behind
}

func pngChunk(name string, data []byte) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), name...)
	b = append(b, data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// idats are the data in chunks of n bytes; those with a number in bad have a
// wrong checksum.
func idats(data []byte, n int, bad ...int) (b []byte) {
	for i := 0; len(data) > 0; i++ {
		k := min(n, len(data))
		b = append(b, pngChunk("IDAT", data[:k])...)
		if slices.Contains(bad, i) {
			b[len(b)-1] ^= 0x55
		}
		data = data[k:]
	}
	return b
}

// oddFile is whole or not, whatever its marks and checksums say.
type oddFile struct {
	name  string
	b     []byte
	whole []byte // the file that has the same pixels; nil where it is refused
}

func oddPNGs() []oddFile {
	whole := picturetest.PNG(picturetest.Photo(61, 43, 5))
	before, data, _ := pngParts(whole)
	end, text := pngChunk("IEND", nil), pngChunk("tEXt", []byte("Title\x00x"))
	wrongSum := slices.Clone(data)
	wrongSum[len(data)-2] ^= 0xFF
	noSum := data[:len(data)-4]
	wrong := func(b []byte, at int) []byte {
		b = slices.Clone(b)
		b[at] ^= 0x10
		return b
	}
	last := (len(data) - 1) / 100
	return []oddFile{
		{"no end", slices.Concat(before, idats(data, 100)), whole},
		{"no end behind text", slices.Concat(before, idats(data, 100), text), whole},
		{"end without checksum", slices.Concat(before, idats(data, 100), end[:8]), whole},
		{"wrong checksum at the end", slices.Concat(before, idats(data, 100), wrong(end, 10)), whole},
		{"junk instead of an end", slices.Concat(before, idats(data, 100), make([]byte, 100)), whole},
		{"another PNG instead of an end", slices.Concat(before, idats(data, 100), whole), whole},
		{"last checksum wrong", slices.Concat(before, idats(data, 100, last), end), whole},
		{"a checksum wrong", slices.Concat(before, idats(data, 100, 3), text, end), whole},
		{"many checksums wrong", slices.Concat(before, idats(data, 100, 0, 1, 2, 3, 7, 9, last), text, end), whole},
		{"a checksum wrong and no end", slices.Concat(before, idats(data, 100, 3)), whole},
		{"Adler wrong", slices.Concat(before, idats(wrongSum, 100), text, end), whole},
		{"Adler wrong in tiny chunks", slices.Concat(before, idats(wrongSum, 1), text, end)[:], whole},
		{"Adler and last checksum wrong", slices.Concat(before, idats(wrongSum, len(data), 0), end), whole},
		{"Adler missing", slices.Concat(before, idats(noSum, 100), end), whole},
		{"Adler and end missing", slices.Concat(before, idats(noSum, 100)), whole},
		{"Adler and an earlier checksum wrong", slices.Concat(before, idats(wrongSum, 100, 3), end), nil},
		{"a row missing", slices.Concat(before, idats(data[:len(data)-100], 100), end), nil},
		{"a row and the end missing", slices.Concat(before, idats(data[:len(data)-100], 100)), nil},
	}
}

func oddJPEGs(t *testing.T) []oddFile {
	photo := picturetest.Photo(61, 43, 5)
	base := picturetest.JPEG(photo, 80)
	progressive := run(t, picturetest.PNG(photo), transform.Params{Format: transform.JPEG,
		JPEG: transform.JPEGOptions{Progressive: true}}).Body
	var all []oddFile
	for name, whole := range map[string][]byte{"baseline": base, "progressive": progressive} {
		open := whole[:len(whole)-2]
		for what, tail := range map[string]string{
			"nothing": "", "half a mark": "\xff", "zeros": strings.Repeat("\x00", 5000), "trailer": "\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1519000",
			"another JPEG": string(base), "line ends": "\r\n", "unknown marker": "\xff\x02\x00\x04ab", "segment cut": "\xff\xe1\x10\x00Exif",
			"marks of fill": strings.Repeat("\xff", 100), "restart": "\xff\xd0", "two ends' worth of text": "the end",
		} {
			all = append(all, oddFile{name + " with " + what, slices.Concat(open, []byte(tail)), whole})
			all = append(all, oddFile{name + " cut with " + what, slices.Concat(open[:len(open)-3], []byte(tail)), nil})
		}
	}
	// Between the scans of a progressive JPEG nothing tells that more follow.
	for at, scan := 0, 0; ; scan++ {
		next := bytes.Index(progressive[at+2:], []byte("\xff\xda"))
		if next < 0 {
			return all
		}
		at += 2 + next
		table := bytes.LastIndex(progressive[:at], []byte("\xff\xc4"))
		if scan > 0 {
			all = append(all, oddFile{"progressive without later scans", progressive[:at], nil})
			all = append(all, oddFile{"progressive without later scans and tables", progressive[:table], nil})
		}
	}
}

func oddGIFs() []oddFile {
	whole := picturetest.GIFStill(61, 43)
	open := whole[:len(whole)-1]
	frame := whole[bytes.LastIndex(whole, []byte{',', 0, 0, 0, 0, 61}) : len(whole)-1]
	var all []oddFile
	for what, tail := range map[string]string{
		"nothing": "", "zeros": strings.Repeat("\x00", 5000), "unknown block": "?abc;", "line end": "\r\n", "line end and a frame": "\r\n" + string(frame),
		"a frame, junk, a frame": string(frame) + "junk" + string(frame), "half a frame": string(frame[:len(frame)/2]), "empty extension": "!\xf9\x00;",
	} {
		all = append(all, oddFile{"GIF with " + what, slices.Concat(open, []byte(tail)), whole})
	}
	for what, empty := range map[string]string{"application": "!\xff\x00", "text": "!\x01\x00",
		"unknown": "!\x42\x00"} {
		b := slices.Concat(open[:len(open)-len(frame)], []byte(empty), frame)
		all = append(all, oddFile{"GIF with an empty " + what + " extension", append(slices.Clip(b), ';'), whole},
			oddFile{"GIF with an empty " + what + " extension and no end", b[:len(b)-1], whole})
	}
	return append(all, oddFile{"GIF cut", open[:len(open)-9], nil})
}

// A sub-block of 255 bytes has no place for the code that ends the data.
func fullBlockGIF() (whole, cut []byte) {
	for w := 40; ; w++ {
		var b bytes.Buffer
		m := image.NewPaletted(image.Rect(0, 0, w, 43),
			color.Palette{color.White, color.Black, picturetest.Red, picturetest.Blue})
		for i := range m.Pix {
			m.Pix[i] = uint8(i * i % 11 % 4)
		}
		gif.Encode(&b, m, nil)
		if n := b.Len(); b.Bytes()[n-4] == 1 && b.Bytes()[n-5-255] == 255 {
			return b.Bytes(), b.Bytes()[:n-4]
		}
	}
}

func oddWebPs(t *testing.T) []oddFile {
	var all []oddFile
	for _, c := range []transform.Compression{transform.Lossy, transform.Lossless} {
		p := transform.Params{Format: transform.WebP, WebP: transform.WebPOptions{Compression: c}}
		whole := run(t, picturetest.PNG(picturetest.Photo(61, 43, 5)), p).Body
		size := binary.LittleEndian.Uint32(whole[4:])
		for by := -9; by <= 9; by++ {
			for _, more := range []string{"", "x", "junk"} {
				b := slices.Concat(whole, []byte(more))
				binary.LittleEndian.PutUint32(b[4:], uint32(int(size)+by))
				all = append(all, oddFile{"WebP of a wrong size", b, whole})
			}
		}
		cut := slices.Clone(whole[:len(whole)-4])
		binary.LittleEndian.PutUint32(cut[4:], size-4)
		all = append(all, oddFile{"WebP cut", cut, nil})
	}
	return all
}

// What is whole but for marks and checksums gives the pixels of the whole file,
// and what is not is refused.
func TestOddEndsAreServedWhereTheImageIsWhole(t *testing.T) {
	full, cut := fullBlockGIF()
	all := slices.Concat(oddPNGs(), oddJPEGs(t), oddGIFs(), oddWebPs(t),
		[]oddFile{{"GIF of full sub-blocks", cut, full}})
	for _, f := range all {
		if f.whole != nil {
			t.Run(f.name, func(t *testing.T) {
				wantPixels(t, f.b,
					run(t, f.whole, transform.Params{Format: transform.PNG}).Body)
			})
			continue
		}
		info, err := container.Sniff(f.b)
		if err == nil {
			_, err = runInfo(t, f.b, info, transform.Params{Format: transform.PNG})
		}
		if !errors.Is(err, transform.ErrTruncated) && !errors.Is(err, transform.ErrMalformed) {
			t.Errorf("%s: %+v, %v", f.name, info, err)
		}
	}
}
