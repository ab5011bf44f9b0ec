package picturetest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"slices"
	"strings"
)

// Bomb is a small image with metadata that costs a decoder far more than its
// pixels do. Plain is the same image without it.
type Bomb struct {
	Name         string
	Bytes, Plain []byte
}

// Bombs are those of all formats. The WebP is a still one, the AVIF has one
// item.
func Bombs(webp, progressive, avif []byte) []Bomb {
	return slices.Concat(pngBombs(), jpegBombs(progressive), webpBombs(webp), gifBombs(), avifBombs(avif))
}

const bombSide = 64

// deflatedRun is what zlib makes of n bytes that are all c.
func deflatedRun(n int, c byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	block := bytes.Repeat([]byte{c}, 1<<20)
	for ; n > 0; n -= len(block) {
		_, _ = w.Write(block[:min(n, len(block))]) // writing to memory does not fail
	}
	_ = w.Close()
	return b.Bytes()
}

// crowdedEXIF is a block of 64 KiB that says orientation 1 and whose image it
// is, and has entries that all hold the same bytes.
func crowdedEXIF() []byte {
	le := binary.LittleEndian
	const size, entries = 65000, 5000
	b := le.AppendUint16([]byte{'I', 'I', 42, 0, 8, 0, 0, 0}, entries)
	for i := range uint16(entries) {
		tag, count := i, uint32(size-100)
		switch i {
		case 0x0112:
			b = append(b, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0)
			continue
		case entries - 1:
			tag = 0x8298
		}
		b = le.AppendUint16(le.AppendUint16(b, tag), 2) // ASCII
		b = le.AppendUint32(le.AppendUint32(b, count), 8)
	}
	return append(b, make([]byte, size-len(b))...)
}

func pngBombs() []Bomb {
	plain := PNG(Photo(bombSide, bombSide, 3))
	const header, end = 8 + 25, 12
	before := func(chunks ...[]byte) []byte {
		return slices.Concat(plain[:header], slices.Concat(chunks...), plain[header:])
	}
	behind := func(chunks ...[]byte) []byte {
		at := len(plain) - end
		return slices.Concat(plain[:at], slices.Concat(chunks...), plain[at:])
	}
	const mib = 1 << 20
	text := deflatedRun(50*mib, 'a')
	zTXt := bytes.Repeat(pngChunk("zTXt", slices.Concat([]byte("Comment\x00\x00"), text)), 20)
	iTXt := bytes.Repeat(pngChunk("iTXt", slices.Concat([]byte("Comment\x00\x01\x00\x00\x00"), text)), 20)
	return []Bomb{
		{"png/zTXt", before(zTXt), plain},
		{"png/zTXt behind the data", behind(zTXt), plain},
		{"png/iTXt", before(iTXt), plain},
		{"png/iTXt behind the data", behind(iTXt), plain},
		{"png/XMP", before(pngChunk("iTXt",
			slices.Concat([]byte("XML:com.adobe.xmp\x00\x01\x00\x00\x00"), text))), plain},
		{"png/iCCP", before(pngChunk("iCCP", slices.Concat([]byte("a\x00\x00"), deflatedRun(500*mib, 0)))), plain},
		{"png/eXIf", before(pngChunk("eXIf", crowdedEXIF())), plain},
		{"png/text chunks", before(bytes.Repeat(pngChunk("tEXt", []byte("a\x00b")), 300_000)), plain},
		{"png/palettes", before(bytes.Repeat(pngChunk("sPLT", []byte("a\x00\x08")), 300_000)), plain},
		{"png/unknown chunks", before(bytes.Repeat(pngChunk("abCd", nil), 500_000)), plain},
		{"png/unknown chunks behind the data", behind(bytes.Repeat(pngChunk("abCd", nil), 500_000)), plain},
	}
}

func jpegBombs(progressive []byte) []Bomb {
	plain := JPEG(Photo(bombSide, bombSide, 3), 80)
	before := func(segments []byte) []byte { return slices.Concat(plain[:2], segments, plain[2:]) }
	sos := bytes.LastIndex(progressive, []byte{0xff, 0xda})
	between := func(segments []byte) []byte { return slices.Concat(progressive[:sos], segments, progressive[sos:]) }
	segment := func(marker byte, data string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2)), data...)
	}
	var icc []byte
	for i := range 255 {
		part := "ICC_PROFILE\x00" + string([]byte{byte(i + 1), 255}) + strings.Repeat("\x00", 60000)
		icc = append(icc, segment(0xe2, part)...)
	}
	xmp := "http://ns.adobe.com/xap/1.0/\x00"
	return []Bomb{
		{"jpeg/comments", before(bytes.Repeat(segment(0xfe, ""), 300_000)), plain},
		{"jpeg/APP15", before(bytes.Repeat(segment(0xef, "x"), 300_000)), plain},
		{"jpeg/APP15 between scans", between(bytes.Repeat(segment(0xef, "x"), 300_000)), progressive},
		{"jpeg/APP1 between scans", between(bytes.Repeat(segment(0xe1, "x"), 60_000)), progressive},
		{"jpeg/APP1", before(bytes.Repeat(segment(0xe1, "x"), 60_000)), plain},
		{"jpeg/EXIF", before(segment(0xe1, "Exif\x00\x00"+string(crowdedEXIF()))), plain},
		{"jpeg/EXIF blocks", before(bytes.Repeat(segment(0xe1, "Exif\x00\x00"+string(crowdedEXIF())), 50)), plain},
		{"jpeg/profile", before(icc), plain},
		{"jpeg/XMP", before(bytes.Repeat(segment(0xe1, xmp+"<a>"+strings.Repeat("<b/>", 16000)), 200)), plain},
	}
}

func webpBombs(still []byte) []Bomb {
	w := WebPWithEXIF(still, bombSide, bombSide, 1, "")
	at := bytes.Index(w, []byte("EXIF"))
	plain := slices.Clone(w[:at])
	binary.LittleEndian.PutUint32(plain[4:], uint32(len(plain)-8))
	plain[20] = 0
	const header = 12 + 18
	chunk := func(name string, data []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data)))
		return append(append(b, data...), make([]byte, len(data)&1)...)
	}
	with := func(at int, flags byte, chunks ...[]byte) []byte {
		b := slices.Concat(plain[:at], slices.Concat(chunks...), plain[at:])
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
		b[20] |= flags
		return b
	}
	many := bytes.Repeat(chunk("abcd", nil), 1_000_000)
	xmp := chunk("XMP ", []byte("<a>"+strings.Repeat("<b/>", 3<<20)))
	return []Bomb{
		{"webp/unknown chunks", with(header, 0, many), plain},
		{"webp/unknown chunks behind", with(len(plain), 0, many), plain},
		{"webp/EXIF", with(len(plain), 8, chunk("EXIF", crowdedEXIF())), plain},
		{"webp/XMP", with(len(plain), 4, xmp), plain},
		{"webp/XMP before the image", with(header, 4, xmp), plain},
		{"webp/profile", with(header, 0x20,
			chunk("ICCP", append(Profile("mntr", "RGB "), make([]byte, 20<<20)...))), plain},
	}
}

func gifBombs() []Bomb {
	plain := GIFStill(bombSide, bombSide)
	screen := 13
	if plain[10]&0x80 != 0 {
		screen += 3 * (2 << (plain[10] & 7))
	}
	before := func(blocks []byte) []byte { return slices.Concat(plain[:screen], blocks, plain[screen:]) }
	behind := func(blocks []byte) []byte {
		return slices.Concat(plain[:len(plain)-1], blocks, plain[len(plain)-1:])
	}
	comment := []byte{0x21, 0xfe, 1, 'a', 0}
	app := slices.Concat([]byte{0x21, 0xff, 11}, []byte("ABCDEFGHIJK"), []byte{1, 'a', 0})
	text := slices.Concat([]byte{0x21, 0x01, 12}, make([]byte, 12), []byte{1, 'a', 0})
	control := []byte{0x21, 0xf9, 4, 0, 0, 0, 0, 0}
	block := append([]byte{255}, make([]byte, 255)...)
	const n = 1_000_000
	return []Bomb{
		{"gif/comments", before(bytes.Repeat(comment, n)), plain},
		{"gif/comments behind", behind(bytes.Repeat(comment, n)), plain},
		{"gif/applications", before(bytes.Repeat(app, n)), plain},
		{"gif/texts", before(bytes.Repeat(text, n)), plain},
		{"gif/controls", before(bytes.Repeat(control, n)), plain},
		{"gif/long comment", before(slices.Concat([]byte{0x21, 0xfe}, bytes.Repeat(block, 40_000), []byte{0})), plain},
	}
}

// avifBombs have items and properties beside those of the image.
func avifBombs(picture []byte) []Bomb {
	plain := AVIF(picture, 1, nil)
	const many = 4000
	items := func(kind string, size int) []byte { return avifWithItems(picture, kind, many, size) }
	few := avifWithItems(picture, "abcd", many/4, 10)
	exif := slices.Concat(make([]byte, 4), crowdedEXIF())
	xmp := []byte("<a>" + strings.Repeat("<b/>", 3<<20))
	return []Bomb{
		{"avif/Exif items that share bytes", items("Exif", 500_000), plain},
		{"avif/XMP items that share bytes", items("mime\x00application/rdf+xml\x00", 500_000), plain},
		{"avif/unknown items that share bytes", items("abcd", 500_000), plain},
		{"avif/unknown items", few, plain},
		{"avif/Exif", avifWithItem(picture, "Exif", exif), plain},
		{"avif/XMP", avifWithItem(picture, "mime\x00application/rdf+xml\x00", xmp), plain},
		{"avif/properties", buildAVIF(picture, 1, nil, slices.Repeat([][]byte{box("abcd", []byte{1})}, 120)...), plain},
	}
}

// avifWithItem gives the image an item that describes it.
func avifWithItem(picture []byte, kind string, data []byte) []byte {
	return avifOf(codedOf(picture), kind, 1, data, len(data))
}

// avifWithItems gives the image n items that describe it, all of them the
// same so many bytes.
func avifWithItems(picture []byte, kind string, n, size int) []byte {
	return avifOf(codedOf(picture), kind, n, make([]byte, size), size)
}

func avifOf(image coded, kind string, n int, data []byte, size int) []byte {
	meta := func(start int) []byte {
		infos := fullBox("infe", 2, be16(1, 0), []byte("av01\x00"))
		places := slices.Concat(be16(1, 0, 1), be32(start, len(image.data)))
		var refs []byte
		for i := range n {
			name := kind[:4] + "\x00" + strings.TrimPrefix(kind[4:], "\x00")
			infos = append(infos, fullBox("infe", 2, be16(i+2, 0), []byte(name))...)
			places = slices.Concat(places, be16(i+2, 0, 1), be32(start+len(image.data), size))
			refs = append(refs, box("cdsc", be16(i+2, 1, 1))...)
		}
		return fullBox("meta", 0,
			fullBox("hdlr", 0, be32(0), []byte("pict"), make([]byte, 13)),
			fullBox("pitm", 0, be16(1)),
			fullBox("iloc", 0, []byte{0x44, 0}, be16(n+1), places),
			fullBox("iinf", 0, be16(n+1), infos),
			fullBox("iref", 0, refs),
			box("iprp", box("ipco", image.config, image.size),
				fullBox("ipma", 0, be32(1), be16(1), []byte{2, 0x81, 2})))
	}
	head := box("ftyp", []byte("avif\x00\x00\x00\x00avifmif1miaf"))
	start := len(head) + len(meta(0)) + 8
	return slices.Concat(head, meta(start), box("mdat", image.data, data))
}
