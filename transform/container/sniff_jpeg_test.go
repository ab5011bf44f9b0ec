package container

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// jpegFile puts segments between SOI and nothing: EOI is a segment too.
func jpegFile(segments ...[]byte) []byte {
	return slices.Concat(append([][]byte{{0xFF, 0xD8}}, segments...)...)
}

var jpegEnd = []byte{0xFF, 0xD9}

func jpegSegment(marker byte, payload ...byte) []byte {
	b := []byte{0xFF, marker}
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)+2))
	return append(b, payload...)
}

// jpegSOF is a frame of components 1, 2, … with the given sampling factors.
func jpegSOF(marker byte, width, height uint16, factors ...byte) []byte {
	p := []byte{8}
	p = binary.BigEndian.AppendUint16(p, height)
	p = binary.BigEndian.AppendUint16(p, width)
	p = append(p, byte(len(factors)))
	for i, f := range factors {
		p = append(p, byte(i+1), f, 0)
	}
	return jpegSegment(marker, p...)
}

// jpegScan is a scan of the components with a little data, in which every kind
// of byte that is no marker is to be found.
func jpegScan(components ...byte) []byte {
	p := []byte{byte(len(components))}
	for _, c := range components {
		p = append(p, c, 0)
	}
	b := jpegSegment(0xDA, append(p, 0, 63, 0)...)
	return append(b, 0x12, 0xFF, 0x00, 0xFF, 0xD0, 0x34, 0xFF, 0xFF, 0xD1, 0xFF, 0xFF, 0x00, 0x56)
}

func jpegSamples() []sample {
	info := func(w, h, bands, scans int, coefficients, ancillary int64) transform.Info {
		return transform.Info{Format: transform.JPEG, Width: w, Height: h, Orientation: 1, Frames: 1, Bands: bands,
			Normalized: bands == 4, Bits: 8,
			Scans: scans, CoefficientBytes: coefficients, AncillaryBytes: ancillary}
	}
	sof420 := jpegSOF(0xC0, 100, 50, 0x22, 0x11, 0x11)
	thumbnail := append([]byte("JFXX\x00\x10"), jpegFile(jpegSOF(0xC0, 8, 8, 0x11), jpegScan(1), jpegEnd)...)
	return []sample{
		{"jpeg/interleaved", jpegFile(sof420, jpegScan(1, 2, 3), jpegEnd), info(100, 50, 3, 1, 0, 0)},
		{"jpeg/extendedSequential", jpegFile(jpegSOF(0xC1, 100, 50, 0x11), jpegScan(1), jpegEnd), info(100, 50, 1, 1, 0, 0)},
		// 100x50 in MCUs of 16x16 are 14x8 blocks of luma, 7x4 of each chroma.
		{"jpeg/planesApart", jpegFile(sof420, jpegScan(1), jpegScan(2), jpegScan(3), jpegEnd), info(100, 50, 3, 3, (14*8+2*7*4)*128, 0)},
		{"jpeg/twoAndOne", jpegFile(sof420, jpegScan(1, 2), jpegScan(3), jpegEnd), info(100, 50, 3, 2, (14*8+2*7*4)*128, 0)},
		{"jpeg/progressiveOfOneScan", jpegFile(jpegSOF(0xC2, 9, 8, 0x11), jpegScan(1), jpegEnd), info(9, 8, 1, 1, 2*128, 0)},
		// A lone component with factors of its own: blocks round up to them.
		{"jpeg/lonelyFactors", jpegFile(jpegSOF(0xC2, 8, 8, 0x42), jpegScan(1), jpegEnd), info(8, 8, 1, 1, 4*2*128, 0)},
		{"jpeg/cmyk", jpegFile(jpegSOF(0xC2, 65535, 65535, 0x11, 0x11, 0x11, 0x11), jpegScan(1, 2, 3, 4), jpegEnd),
			info(65535, 65535, 4, 1, 4*8192*8192*128, 0)},
		{"jpeg/oneIdentifierForAll", jpegFile(slices.Concat(sof420[:10], []byte{0, 0x11, 0, 0, 0x11, 0, 0, 0x11, 0}),
			jpegScan(0, 0, 0), jpegEnd),
			info(100, 50, 3, 1, 0, 0)},
		{"jpeg/thumbnailInside", jpegFile(jpegSegment(0xE0, thumbnail...), sof420, jpegScan(1, 2, 3), jpegEnd),
			info(100, 50, 3, 1, 0, int64(len(thumbnail)+4))},
		{"jpeg/tablesAndComments", jpegFile(jpegSegment(0xFE, 'h', 'i'), jpegSegment(0xDB, 1), jpegSegment(0xC4, 2),
			jpegSegment(0xE2, 3),
			jpegSegment(0xDD, 0, 4), sof420, jpegScan(1, 2, 3), jpegSegment(0xDC, 0, 50), jpegEnd),
			info(100, 50, 3, 1, 0, 6+5)},
		{"jpeg/fillAndJunkBetweenSegments", jpegFile([]byte{0xFF, 0xFF}, sof420, []byte("junk\xff\x00\xff"),
			jpegScan(1, 2, 3), jpegEnd),
			info(100, 50, 3, 1, 0, 0)},
	}
}

func TestSniffRefusesBrokenAndForeignJPEGs(t *testing.T) {
	sof, scan := jpegSOF(0xC0, 100, 50, 0x11, 0x11, 0x11), jpegScan(1, 2, 3)
	all := []refusal{
		{"no picture", jpegFile(jpegEnd), transform.ErrMalformed, "no image data"},
		{"no scan", jpegFile(sof, jpegEnd), transform.ErrMalformed, "no image data"},
		{"scan first", jpegFile(scan, sof, jpegEnd), transform.ErrMalformed, "before its frame header"},
		{"two frames", jpegFile(sof, sof, scan, jpegEnd), transform.ErrMalformed, "more than one frame"},
		{"frame after scan", jpegFile(sof, scan, sof, jpegEnd), transform.ErrMalformed, "more than one frame"},
		{"second picture inside", jpegFile(sof, scan, jpegFile(sof, scan, jpegEnd)), transform.ErrMalformed, "second JPEG"},
		{"no width", jpegFile(jpegSOF(0xC0, 0, 50, 0x11), jpegScan(1), jpegEnd), transform.ErrMalformed, "no width"},
		{"no height", jpegFile(jpegSOF(0xC0, 100, 0, 0x11), jpegScan(1), jpegEnd), transform.ErrMalformed, "no height"},
		{"height afterwards", jpegFile(jpegSOF(0xC0, 100, 0, 0x11), jpegScan(1), jpegSegment(0xDC, 0, 50), jpegEnd), transform.ErrUnsupported, "height"},
		{"colour missing", jpegFile(sof, jpegScan(1, 2), jpegEnd), transform.ErrMalformed, "no data for one"},
		{"unknown component", jpegFile(sof, jpegScan(9), jpegEnd), transform.ErrMalformed, "unknown component"},
		{"component twice", jpegFile(sof, jpegScan(1, 1, 2), jpegEnd), transform.ErrMalformed, "unknown component"},
		{"scan of none", jpegFile(sof, jpegScan(), jpegEnd), transform.ErrMalformed, "scan header"},
		{"scan of five", jpegFile(sof, jpegScan(1, 2, 3, 1, 2), jpegEnd), transform.ErrMalformed, "scan header"},
		{"short frame header", jpegFile(jpegSegment(0xC0, 8, 0, 1), scan, jpegEnd), transform.ErrMalformed, "frame header"},
		{"long frame header", jpegFile(append(jpegSegment(0xC0, append(sof[4:], 0)...), scan...), jpegEnd), transform.ErrMalformed, "frame header"},
		{"no components", jpegFile(jpegSOF(0xC0, 1, 1), scan, jpegEnd), transform.ErrMalformed, "frame header"},
		{"factor of 0", jpegFile(jpegSOF(0xC0, 1, 1, 0x01), scan, jpegEnd), transform.ErrMalformed, "sampling"},
		{"factor of 5", jpegFile(jpegSOF(0xC0, 1, 1, 0x15), scan, jpegEnd), transform.ErrMalformed, "sampling"},
		{"length of 1", jpegFile([]byte{0xFF, 0xE0, 0, 1}, sof, scan, jpegEnd), transform.ErrMalformed, "length"},
		{"reserved marker", jpegFile(jpegSegment(0x42), sof, scan, jpegEnd), transform.ErrMalformed, "unknown marker"},
		{"reserved frame", jpegFile(jpegSOF(0xC8, 1, 1, 0x11), scan, jpegEnd), transform.ErrMalformed, "unknown marker"},
		{"12 bits", jpegFile(jpegSegment(0xC1, 12, 0, 1, 0, 1, 1, 1, 0x11, 0), scan, jpegEnd), transform.ErrUnsupported, "12 bits"},
		{"two components", jpegFile(jpegSOF(0xC0, 1, 1, 0x11, 0x11), scan, jpegEnd), transform.ErrUnsupported, "2 colour components"},
		{"JPEG-LS", jpegFile(jpegSOF(0xF7, 1, 1, 0x11), scan, jpegEnd), transform.ErrUnsupported, "JPEG-LS"},
		{"hierarchical", jpegFile(jpegSegment(0xDE, 0), sof, scan, jpegEnd), transform.ErrUnsupported, "hierarchical"},
	}
	for marker, name := range map[byte]string{
		0xC3: "lossless JPEGs", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
		0xC9: "arithmetic-coded", 0xCA: "arithmetic-coded", 0xCB: "arithmetic-coded lossless",
		0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical",
	} {
		b := jpegFile(jpegSOF(marker, 1, 1, 0x11), jpegScan(1), jpegEnd)
		all = append(all, refusal{fmt.Sprintf("frame %x", marker), b, transform.ErrUnsupported, name})
	}
	wantRefusals(t, all)
}

// The end mark inside of a segment is not the end of the image.
func TestSniffFindsTheEndOfTheJPEGItself(t *testing.T) {
	b := jpegFile(jpegSOF(0xC0, 10, 10, 0x11), jpegSegment(0xE1, jpegEnd...), jpegScan(1),
		jpegSegment(0xFE, jpegEnd...))
	wantRefusals(t, []refusal{{"only marks in segments", b, transform.ErrTruncated, "in the middle"}})
	if _, err := Sniff(append(b, jpegEnd...)); err != nil {
		t.Error(err)
	}
}

func TestSniffReadsTheFirstOrientationBeforeTheScans(t *testing.T) {
	sof, scan := jpegSOF(0xC0, 10, 10, 0x11), jpegScan(1)
	exif := func(o uint16) []byte {
		return jpegSegment(0xE1, append([]byte(exifPrefix), exifBlock(binary.BigEndian, o)...)...)
	}
	xmp := jpegSegment(0xE1, []byte("http://ns.adobe.com/xap/1.0/\x00")...)
	bare := jpegSegment(0xE1, exifBlock(binary.BigEndian, 8)...)
	for name, tc := range map[string]struct {
		b    []byte
		want int
	}{
		"one":        {jpegFile(exif(6), sof, scan, jpegEnd), 6},
		"after XMP":  {jpegFile(xmp, exif(6), sof, scan, jpegEnd), 6},
		"two":        {jpegFile(exif(3), exif(6), sof, scan, jpegEnd), 3},
		"late":       {jpegFile(sof, scan, exif(6), jpegEnd), 1},
		"no prefix":  {jpegFile(bare, sof, scan, jpegEnd), 1},
		"before SOS": {jpegFile(sof, exif(6), scan, jpegEnd), 6},
	} {
		if got, err := Sniff(tc.b); err != nil || got.Orientation != tc.want {
			t.Errorf("%s: %+v, %v, want orientation %d", name, got, err, tc.want)
		}
	}
}

// Every byte is looked at once: a source made of marker bytes, the worst there
// is, ends as quickly as any other.
func TestSniffTakesOnePassOverMarkerBytes(t *testing.T) {
	head := jpegFile(jpegSOF(0xC0, 10, 10, 0x11), jpegScan(1))
	for _, unit := range []string{"\xff", "\xff\x00", "\xff\xd0", "\x00"} {
		b := append(slices.Clip(head), bytes.Repeat([]byte(unit), 4<<20/len(unit))...)
		wantRefusals(t, []refusal{{fmt.Sprintf("%x", unit), b, transform.ErrTruncated, "in the middle"}})
	}
}
