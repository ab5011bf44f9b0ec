package picturetest

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
	"slices"
)

// The kinds of samples of a TIFF (TIFF 6.0 section 8).
const (
	TIFFWhiteIsZero = iota
	TIFFBlackIsZero
	TIFFRGB
	TIFFPalette
	_
	TIFFCMYK
	TIFFYCbCr
)

// TIFFForm says how a page of a TIFF is written.
type TIFFForm struct {
	Kind, Bits int
	// Extra is the sample besides colours: 1 for none, else as ExtraSamples has it, and
	// one more. Colours are multiplied by alpha where it is 2.
	Extra int
	// Separate has planes apart, Tile is the side of tiles, and Rows of strips; 0 is all.
	Separate   bool
	Tile, Rows int
	Deflate    bool
	// Picture takes the place of the image that all pages have, if it is set.
	Picture image.Image
	// Fields go besides those that the rest asks for, or in their place.
	Fields []TIFFField
}

// With is the form with these fields, too.
func (f TIFFForm) With(fields ...TIFFField) TIFFForm {
	f.Fields = append(slices.Clip(f.Fields), fields...)
	return f
}

// TIFFField is one entry of a directory. Values are whole numbers, or else bytes.
type TIFFField struct {
	Tag, Kind uint16
	Values    []uint64
	Bytes     []byte
}

// TIFFShort is a field of 16-bit numbers.
func TIFFShort(tag int, values ...uint64) TIFFField {
	return TIFFField{Tag: uint16(tag), Kind: 3, Values: values}
}

// TIFFLong is a field of 32-bit numbers.
func TIFFLong(tag int, values ...uint64) TIFFField {
	return TIFFField{Tag: uint16(tag), Kind: 4, Values: values}
}

// TIFFBytes is a field of bytes.
func TIFFBytes(tag int, b []byte) TIFFField { return TIFFField{Tag: uint16(tag), Kind: 7, Bytes: b} }

// samplesOf are those of a pixel, of 16 bits.
func (f TIFFForm) samplesOf(c color.NRGBA) []uint32 {
	wide := func(v uint8) uint32 { return uint32(v) * 0x101 }
	by := wide(255)
	if f.Extra == 2 {
		by = wide(c.A)
	}
	r, g := wide(c.R)*by/65535, wide(c.G)*by/65535
	b := wide(c.B) * by / 65535
	grey := (19595*r + 38470*g + 7471*b + 1<<15) >> 16
	var out []uint32
	switch f.Kind {
	case TIFFWhiteIsZero:
		out = []uint32{65535 - grey}
	case TIFFBlackIsZero:
		out = []uint32{grey}
	case TIFFPalette:
		out = []uint32{uint32(color.Palette(palette.WebSafe).Index(c)) << (16 - f.Bits)}
	case TIFFCMYK:
		most := max(r, g, b)
		out = []uint32{most - r, most - g, most - b, 65535 - most}
	default:
		out = []uint32{r, g, b}
	}
	if f.Extra > 0 {
		out = append(out, wide(c.A))
	}
	return out
}

// pack writes an area as one part: all samples, or one plane.
func (f TIFFForm) pack(m image.Image, r image.Rectangle, plane int, order binary.AppendByteOrder) []byte {
	var b bytes.Buffer
	for y := r.Min.Y; y < r.Max.Y; y++ {
		acc, n := uint32(0), 0
		for x := r.Min.X; x < r.Max.X; x++ {
			for i, v := range f.samplesOf(color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)) {
				switch {
				case f.Separate && i != plane:
				case f.Bits == 16:
					b.Write(order.AppendUint16(nil, uint16(v)))
				default:
					acc = acc<<f.Bits | v>>(16-f.Bits)
					for n += f.Bits; n >= 8; n -= 8 {
						b.WriteByte(byte(acc >> (n - 8)))
					}
				}
			}
		}
		if n > 0 {
			b.WriteByte(byte(acc << (8 - n)))
		}
	}
	if !f.Deflate {
		return b.Bytes()
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(b.Bytes()) // writing to memory does not fail
	z.Close()
	return packed.Bytes()
}

// page is the fields of a page and its parts.
func (f TIFFForm) page(m image.Image, order binary.AppendByteOrder) (fields []TIFFField, parts [][]byte) {
	r := m.Bounds()
	samples := len(f.samplesOf(color.NRGBA{}))
	bits := slices.Repeat([]uint64{uint64(f.Bits)}, samples)
	fields = []TIFFField{
		TIFFLong(256, uint64(r.Dx())), TIFFLong(257, uint64(r.Dy())), TIFFShort(258, bits...), TIFFShort(259, 1),
		TIFFShort(262, uint64(f.Kind)), TIFFShort(277, uint64(samples)),
	}
	planes := 1
	if f.Separate {
		planes = samples
		fields = append(fields, TIFFShort(284, 2))
	}
	if f.Deflate {
		fields[3] = TIFFShort(259, 8)
	}
	if f.Extra > 0 {
		fields = append(fields, TIFFShort(338, uint64(f.Extra-1)))
	}
	if f.Kind == TIFFPalette {
		fields = append(fields, TIFFShort(320, paletteValues(1<<f.Bits)...))
	}
	w, h := r.Dx(), cmp.Or(f.Rows, r.Dy())
	if f.Tile > 0 {
		w, h = f.Tile, f.Tile
		fields = append(fields, TIFFShort(322, uint64(w)), TIFFShort(323, uint64(h)))
	} else {
		fields = append(fields, TIFFLong(278, uint64(h)))
	}
	for plane := range planes {
		for y := r.Min.Y; y < r.Max.Y; y += h {
			for x := r.Min.X; x < r.Max.X; x += w {
				area := image.Rect(x, y, x+w, y+h)
				if f.Tile == 0 {
					area = area.Intersect(r)
				}
				parts = append(parts, f.pack(m, area, plane, order))
			}
		}
	}
	return fields, parts
}

func paletteValues(n int) []uint64 {
	values := make([]uint64, 3*n)
	for i, c := range palette.WebSafe[:min(n, len(palette.WebSafe))] {
		r, g, b, _ := c.RGBA()
		for band, v := range []uint32{r, g, b} {
			values[band*n+i] = uint64(v)
		}
	}
	return values
}

// TIFF writes an image in each of these forms as a page, in this byte order. The directory
// of a page lies behind its parts.
func TIFF(m image.Image, order binary.ByteOrder, forms ...TIFFForm) []byte {
	to := tiffWriter{order: order.(binary.AppendByteOrder)}
	to.b = append([]byte("II*\x00"), 0, 0, 0, 0)
	if order == binary.BigEndian {
		to.b = append([]byte("MM\x00*"), 0, 0, 0, 0)
	}
	link := 4
	for _, f := range forms {
		shown := m
		if f.Picture != nil {
			shown = f.Picture
		}
		fields, parts := f.page(shown, to.order)
		link = to.writePage(link, fields, parts, f)
	}
	return to.b
}
