package picturetest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// exifBlock is an EXIF block whose first directory says orientation o, and
// besides whose image it is if copyright is not empty.
func exifBlock(o int, copyright string) []byte {
	le := binary.LittleEndian
	b := []byte{'I', 'I', 42, 0, 8, 0, 0, 0}
	entries := uint16(1)
	if copyright != "" {
		entries = 2
	}
	b = le.AppendUint16(b, entries)
	b = append(b, 0x12, 0x01, 3, 0, 1, 0, 0, 0, byte(o), 0, 0, 0) // Orientation, SHORT
	if copyright != "" {
		text := append([]byte(copyright), 0, 0, 0, 0) // longer than an entry holds
		b = le.AppendUint16(b, 0x8298)                // Copyright
		b = le.AppendUint16(b, 2)                     // ASCII
		b = le.AppendUint32(b, uint32(len(text)))
		b = le.AppendUint32(b, uint32(len(b)+8))
		b = append(b, 0, 0, 0, 0)
		return append(b, text...)
	}
	return append(b, 0, 0, 0, 0)
}

// EXIF is an EXIF block that says orientation o.
func EXIF(o int) []byte { return exifBlock(o, "") }

// WithRIFFChunk puts a chunk at the end of an extended WebP, and XMP among its
// flags.
func WithRIFFChunk(webp []byte, name string, data []byte) []byte {
	const flags, xmp = 20, 0x04
	out := append(slices.Clone(webp), name...)
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(data))), data...)
	out = append(out, make([]byte, len(data)&1)...)
	out[flags] |= xmp
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// WithSegment puts an application segment (T.81 B.2.4.6) behind a JPEG's start
// marker: n is its number, 1 for APP1.
func WithSegment(jpg []byte, n byte, data []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xe0 + n}, uint16(len(data)+2))
	return slices.Concat(jpg[:2], head, data, jpg[2:])
}

// WithEXIF puts an EXIF block that says orientation o and whose the image is
// into a JPEG.
func WithEXIF(jpg []byte, o int, copyright string) []byte {
	return WithSegment(jpg, 1, append([]byte("Exif\x00\x00"), exifBlock(o, copyright)...))
}

// WebPWithEXIF is a WebP of one still image without alpha, w by h, with an
// EXIF block (RFC 9649 §2.7).
func WebPWithEXIF(webp []byte, w, h, o int, copyright string) []byte {
	data := webp[12:]
	if string(data[:4]) == "VP8X" {
		data = data[18:]
	}
	if i := bytes.Index(data, []byte("EXIF")); i >= 0 {
		data = data[:i]
	}
	chunk := func(name string, body []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body)))
		b = append(b, body...)
		if len(body)%2 != 0 {
			b = append(b, 0)
		}
		return b
	}
	size := func(n int) []byte { return []byte{byte(n - 1), byte((n - 1) >> 8), byte((n - 1) >> 16)} }
	header := slices.Concat([]byte{0x08, 0, 0, 0}, size(w), size(h))
	return chunk("RIFF", slices.Concat([]byte("WEBP"), chunk("VP8X", header), data,
		chunk("EXIF", exifBlock(o, copyright))))
}

// box is an ISO base media box (ISO/IEC 14496-12 §4.2); fullBox has a version
// too, and no flags.
func box(name string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), []byte(name), body)
}

func fullBox(name string, version byte, parts ...[]byte) []byte {
	return box(name, append([][]byte{{version, 0, 0, 0}}, parts...)...)
}

func be16(n ...int) []byte {
	var b []byte
	for _, v := range n {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func be32(n ...int) []byte {
	var b []byte
	for _, v := range n {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// coded is the coded image of an AVIF or HEIC with one item, and the boxes that say
// what it is.
type coded struct {
	kind               string
	config, size, data []byte
}

func codedOf(heif []byte) coded {
	find := func(name string) []byte {
		i := bytes.Index(heif, []byte(name))
		return heif[i-4 : i-4+int(binary.BigEndian.Uint32(heif[i-4:]))]
	}
	kind, config := "av01", "av1C"
	if bytes.Contains(heif, []byte("hvcC")) {
		kind, config = "hvc1", "hvcC"
	}
	return coded{kind, find(config), find("ispe"), find("mdat")[8:]}
}

// typeBox is the ftyp of a file of such images.
func (c coded) typeBox() []byte {
	if c.kind == "hvc1" {
		return box("ftyp", []byte("heic\x00\x00\x00\x00heicmif1miaf"))
	}
	return box("ftyp", []byte("avif\x00\x00\x00\x00avifmif1miaf"))
}

// AVIF lays an image out anew: turned and mirrored by its container so that
// it comes out upright that is stored as Stored does for orientation o (irot
// and imir, ISO/IEC 23008-12 §6.5.10 and §6.5.12), and with a thumbnail, if
// there is one. Both are AVIFs, or both HEICs, of one item without alpha.
func AVIF(picture []byte, o int, thumbnail []byte) []byte {
	return buildAVIF(picture, o, thumbnail)
}

// WithAVIFProfile lays an image out anew, as AVIF does, with a profile.
func WithAVIFProfile(picture, profile []byte) []byte {
	return buildAVIF(picture, 1, nil, box("colr", []byte("prof"), profile))
}

// WithAVIFCode lays an image out anew, as AVIF does, with the code points of
// its primaries, transfer and matrix (nclx), and in full range.
func WithAVIFCode(picture []byte, primaries, transfer, matrix int) []byte {
	return buildAVIF(picture, 1, nil, box("colr", []byte("nclx"), be16(primaries, transfer, matrix), []byte{0x80}))
}

// buildAVIF gives the image more properties.
func buildAVIF(picture []byte, o int, thumbnail []byte, more ...[]byte) []byte {
	items := []coded{codedOf(picture)}
	if thumbnail != nil {
		items = append(items, codedOf(thumbnail))
	}
	properties := [][]byte{items[0].config, items[0].size}
	turn := map[int]byte{3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[o] // quarters anti-clockwise
	associated := []byte{0x81, 2}
	for _, p := range more {
		properties = append(properties, p)
		associated = append(associated, byte(len(properties)))
	}
	if turn != 0 {
		properties = append(properties, box("irot", []byte{turn}))
		associated = append(associated, 0x80|byte(len(properties)))
	}
	if o == 2 || o == 4 || o == 5 || o == 7 {
		properties = append(properties, box("imir", []byte{1})) // left to right
		associated = append(associated, 0x80|byte(len(properties)))
	}
	entries := slices.Concat(be16(1), []byte{byte(len(associated))}, associated)
	var refs []byte
	if thumbnail != nil {
		properties = append(properties, items[1].config, items[1].size)
		n := byte(len(properties))
		entries = slices.Concat(entries, be16(2), []byte{2, 0x80 | (n - 1), n})
		refs = fullBox("iref", 0, box("thmb", be16(2, 1, 1)))
	}
	meta := func(start int) []byte {
		var infos, places []byte
		for i, item := range items {
			infos = append(infos, fullBox("infe", 2, be16(i+1, 0), []byte(item.kind+"\x00"))...)
			places = slices.Concat(places, be16(i+1, 0, 1), be32(start, len(item.data)))
			start += len(item.data)
		}
		return fullBox("meta", 0,
			fullBox("hdlr", 0, be32(0), []byte("pict"), make([]byte, 13)),
			fullBox("pitm", 0, be16(1)),
			fullBox("iloc", 0, []byte{0x44, 0}, be16(len(items)), places),
			fullBox("iinf", 0, be16(len(items)), infos),
			refs,
			box("iprp", box("ipco", properties...), fullBox("ipma", 0, be32(len(items)), entries)))
	}
	head := items[0].typeBox()
	start := len(head) + len(meta(0)) + 8
	var data []byte
	for _, item := range items {
		data = append(data, item.data...)
	}
	return slices.Concat(head, meta(start), box("mdat", data))
}
