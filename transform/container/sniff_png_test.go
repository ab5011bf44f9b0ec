package container

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func pngFile(chunks ...[]byte) []byte {
	return slices.Concat(append([][]byte{[]byte(pngSignature)}, chunks...)...)
}

func pngChunk(name string, data ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func pngIHDR(width, height uint32, depth, colour, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, width)
	b = binary.BigEndian.AppendUint32(b, height)
	return pngChunk("IHDR", append(b, depth, colour, 0, 0, interlace)...)
}

func TestSniffReadsEveryKindOfPNG(t *testing.T) {
	data, end := pngChunk("IDAT", 1, 2, 3), pngChunk("IEND")
	valid := map[byte][]byte{0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
	bands := map[byte]int{0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
	for colour := range byte(8) {
		for depth := range byte(40) {
			b := pngFile(pngIHDR(7, 5, depth, colour, 1), data, end)
			if !slices.Contains(valid[colour], depth) {
				wantRefusals(t, []refusal{{"", b, transform.ErrMalformed, "colour type"}})
				continue
			}
			want := transform.Info{Format: transform.PNG, Width: 7, Height: 5, Orientation: 1, Frames: 1,
				Bands: bands[colour],
				Bits:  max(8, int(depth)), Alpha: colour >= 4, Interlaced: true}
			if got, err := Sniff(b); err != nil || got != want {
				t.Errorf("colour type %d, depth %d: %+v, %v", colour, depth, got, err)
			}
		}
	}
}

func TestSniffReadsTheChunksOfAPNG(t *testing.T) {
	data, end := pngChunk("IDAT", 1, 2, 3), pngChunk("IEND")
	base := transform.Info{Format: transform.PNG, Width: 7, Height: 5, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	rgb := pngIHDR(7, 5, 8, 2, 0)
	for name, tc := range map[string]struct {
		b    []byte
		want func(*transform.Info)
	}{
		"plain": {pngFile(rgb, data, data, end), func(*transform.Info) {}},
		"transparent colour": {pngFile(rgb, pngChunk("tRNS", 0, 0, 0, 0, 0, 0), data, end),
			func(i *transform.Info) { i.Alpha, i.Bands, i.AncillaryBytes = true, 4, 18 }},
		"transparency twice": {pngFile(rgb, pngChunk("tRNS"), pngChunk("tRNS"), data, end),
			func(i *transform.Info) { i.Alpha, i.Bands, i.AncillaryBytes = true, 4, 24 }},
		"transparency beside alpha": {pngFile(pngIHDR(7, 5, 8, 6, 0), pngChunk("tRNS"), data, end),
			func(i *transform.Info) { i.Alpha, i.Bands, i.AncillaryBytes = true, 4, 12 }},
		"animation": {pngFile(rgb, pngChunk("acTL", 0, 0, 0, 9, 0, 0, 0, 0), pngChunk("fcTL", 1),
			data, pngChunk("fdAT", 1, 2), end),
			func(i *transform.Info) { i.Frames, i.AncillaryBytes = 9, 20 }},
		"animation of none": {pngFile(rgb, pngChunk("acTL", 0, 0, 0, 0, 0, 0, 0, 0), data, end),
			func(i *transform.Info) { i.AncillaryBytes = 20 }},
		"late animation": {pngFile(rgb, data, pngChunk("acTL", 0, 0, 0, 9, 0, 0, 0, 0), end), func(*transform.Info) {}},
		"metadata": {pngFile(rgb, pngChunk("iCCP", 1), pngChunk("tEXt", 1), pngChunk("zTXt", 1),
			data, pngChunk("iTXt", 1), pngChunk("xyZw"), end),
			func(i *transform.Info) { i.AncillaryBytes, i.Profile, i.Normalized = 4*13+12, true, true }},
		"palette is no metadata": {pngFile(rgb, pngChunk("PLTE", 1, 2, 3), data, end), func(*transform.Info) {}},
		"orientation of the first": {pngFile(rgb, pngChunk("eXIf", exifBlock(binary.LittleEndian, 5)...),
			pngChunk("eXIf", exifBlock(binary.BigEndian, 6)...), data, end),
			func(i *transform.Info) { i.Orientation, i.AncillaryBytes = 5, 2*(38+12) }},
		"orientation too late": {pngFile(rgb, data, pngChunk("eXIf", exifBlock(binary.BigEndian, 6)...), end),
			func(i *transform.Info) { i.AncillaryBytes = 38 + 12 }},
		"orientation": {pngFile(rgb, pngChunk("eXIf", exifBlock(binary.BigEndian, 5)...), data, end),
			func(i *transform.Info) { i.Orientation, i.AncillaryBytes = 5, 38+12 }},
	} {
		want := base
		tc.want(&want)
		if got, err := Sniff(tc.b); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

// Without its end a PNG is whole where its rows are, but libpng and browsers do not come
// to the rows behind what ends them before.
func TestSniffRefusesWholePNGsBehindBrokenChunks(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 7, 5))); err != nil {
		t.Fatal(err)
	}
	head, rows := b.Bytes()[:33], b.Bytes()[33:b.Len()-12]
	if _, err := Sniff(pngFile(head[8:], rows)); err != nil {
		t.Fatalf("without its end: %v", err)
	}
	long := pngChunk("tEXt", 1)
	long[0] = 0x80
	wantRefusals(t, []refusal{
		{"name of digits", pngFile(head[8:], pngChunk("0000", 1), rows), transform.ErrMalformed, "impossible"},
		{"name of zeros", pngFile(head[8:], make([]byte, 12), rows), transform.ErrMalformed, "impossible"},
		{"length of 32 bits", pngFile(head[8:], long, rows), transform.ErrMalformed, "impossible"},
		{"length beyond the file", pngFile(head[8:], []byte{0, 9, 0, 0}, []byte("tEXt"), rows), transform.ErrTruncated, "before"},
		{"second header", pngFile(head[8:], head[8:], rows), transform.ErrMalformed, "more than one"},
		{"end", pngFile(head[8:], pngChunk("IEND"), rows), transform.ErrMalformed, "no image data"},
	})
}

func TestSniffRefusesBrokenPNGs(t *testing.T) {
	rgb, data, end := pngIHDR(7, 5, 8, 2, 0), pngChunk("IDAT", 1, 2, 3), pngChunk("IEND")
	wrongSum := slices.Clone(rgb)
	wrongSum[8+3]++ // the width
	unknown := func(at int) []byte {
		h := slices.Clone(rgb[8:21])
		h[at] = 9
		return pngChunk("IHDR", h...)
	}
	wantRefusals(t, []refusal{
		{"no width", pngFile(pngIHDR(0, 5, 8, 2, 0), data, end), transform.ErrMalformed, "width or height"},
		{"no height", pngFile(pngIHDR(5, 0, 8, 2, 0), data, end), transform.ErrMalformed, "width or height"},
		{"width of 32 bits", pngFile(pngIHDR(1<<31, 5, 8, 2, 0), data, end), transform.ErrMalformed, "width or height"},
		{"height of 32 bits", pngFile(pngIHDR(5, 1<<31, 8, 2, 0), data, end), transform.ErrMalformed, "width or height"},
		{"wrong checksum", pngFile(wrongSum, data, end), transform.ErrMalformed, "checksum"},
		{"compression", pngFile(unknown(10), data, end), transform.ErrMalformed, "unknown compression"},
		{"filter", pngFile(unknown(11), data, end), transform.ErrMalformed, "unknown compression"},
		{"interlace", pngFile(unknown(12), data, end), transform.ErrMalformed, "unknown compression"},
		{"data first", pngFile(data, rgb, end), transform.ErrMalformed, "start with a header"},
		{"long header", pngFile(pngChunk("IHDR", make([]byte, 14)...), data, end), transform.ErrMalformed, "start with a header"},
		{"for iOS", pngFile(pngChunk("CgBI", 0, 0, 0, 0), rgb, data, end), transform.ErrUnsupported, "CgBI"},
		{"two headers", pngFile(rgb, rgb, data, end), transform.ErrMalformed, "more than one header"},
		{"no data", pngFile(rgb, end), transform.ErrMalformed, "no image data"},
		{"chunk of 32 bits", pngFile(rgb, []byte{0x80, 0, 0, 0, 'I', 'D', 'A', 'T', 0, 0, 0, 0}), transform.ErrMalformed, "chunk"},
		{"chunk without a name", pngFile(rgb, data, make([]byte, 12), end), transform.ErrMalformed, "chunk"},
		{"endless animation", pngFile(rgb, pngChunk("acTL", 0x80, 0, 0, 0, 0, 0, 0, 0), data, end), transform.ErrMalformed, "frames"},
		{"no end", pngFile(rgb, data), transform.ErrTruncated, "in the middle"},
		{"no data and no end", pngFile(rgb, pngChunk("tEXt", 1)), transform.ErrTruncated, "before the image data"},
		{"chunk past the end", pngFile(rgb, []byte{0x7F, 0xFF, 0xFF, 0xFF, 'I', 'D', 'A', 'T', 0, 0, 0, 0}), transform.ErrTruncated, "before the image data"},
		{"signature alone", pngFile(), transform.ErrTruncated, "header"},
	})
}

func TestSniffOfTheLargestPNGDoesNotOverflow(t *testing.T) {
	got, err := Sniff(pngFile(pngIHDR(1<<31-1, 1<<31-1, 16, 6, 0), pngChunk("IDAT"), pngChunk("IEND")))
	if err != nil || got.Pixels() != (1<<31-1)*(1<<31-1) {
		t.Errorf("%+v, %v, %d pixels", got, err, got.Pixels())
	}
}
