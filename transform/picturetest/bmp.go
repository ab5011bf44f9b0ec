package picturetest

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
)

// BMPForm says how a BMP is written.
type BMPForm struct {
	// Bits are those of a pixel; with at most 8 it is an index of palette.WebSafe, or of two colours.
	Bits int
	// Header is the size of the header: 12, 40, 56, 108 or 124.
	Header int
	// Masks of red, green, blue and alpha, of 16 and 32 bits.
	Masks   [4]uint32
	TopDown bool
	// RunLength compresses 4 or 8 bits.
	RunLength bool
	Profile   []byte
}

// Colours are those of the palette.
func (f BMPForm) Colours() color.Palette {
	if f.Bits == 1 {
		return color.Palette{color.Black, color.White}
	}
	return color.Palette(palette.WebSafe[:min(1<<f.Bits, len(palette.WebSafe))])
}

var le = binary.LittleEndian

// BMP writes an image.
func BMP(m image.Image, f BMPForm) []byte {
	head, pixels := f.header(m.Bounds().Dx(), m.Bounds().Dy(), len(f.Profile)), f.pixels(m)
	b := append([]byte("BM"), make([]byte, 12)...)
	le.PutUint32(b[10:], uint32(len(b)+len(head)))
	if len(f.Profile) > 0 {
		le.PutUint32(head[56:], 0x4D424544)
		le.PutUint32(head[112:], uint32(len(head)+len(pixels)))
	}
	b = append(append(append(b, head...), pixels...), f.Profile...)
	le.PutUint32(b[2:], uint32(len(b)))
	return b
}

// header is the header with masks and palette.
func (f BMPForm) header(w, h, profile int) []byte {
	b := make([]byte, max(f.Header, 12))
	le.PutUint32(b, uint32(len(b)))
	if f.TopDown {
		h = -h
	}
	each := 4
	if len(b) == 12 {
		each = 3
		le.PutUint16(b[4:], uint16(w))
		le.PutUint16(b[6:], uint16(h))
		le.PutUint16(b[8:], 1)
		le.PutUint16(b[10:], uint16(f.Bits))
	} else {
		le.PutUint32(b[4:], uint32(w))
		le.PutUint32(b[8:], uint32(int32(h)))
		le.PutUint16(b[12:], 1)
		le.PutUint16(b[14:], uint16(f.Bits))
		switch {
		case f.Masks != [4]uint32{}:
			le.PutUint32(b[16:], 3)
		case f.RunLength:
			le.PutUint32(b[16:], uint32(9-f.Bits)/4+1)
		}
	}
	if f.Masks != [4]uint32{} {
		var masks []byte
		for _, mask := range f.Masks {
			masks = le.AppendUint32(masks, mask)
		}
		if len(b) == 40 {
			b = append(b, masks[:12]...)
		} else {
			copy(b[40:], masks)
		}
	}
	if len(b) >= 124 {
		le.PutUint32(b[116:], uint32(profile))
	}
	if f.Bits <= 8 {
		table := make([]byte, each<<f.Bits)
		for i, c := range f.Colours() {
			c := color.NRGBAModel.Convert(c).(color.NRGBA)
			copy(table[i*each:], []byte{c.B, c.G, c.R})
		}
		b = append(b, table...)
	}
	return b
}

func (f BMPForm) pixels(m image.Image) (b []byte) {
	r := m.Bounds()
	for i := range r.Dy() {
		y := r.Max.Y - 1 - i
		if f.TopDown {
			y = r.Min.Y + i
		}
		row := f.row(m, y)
		if f.RunLength {
			row = f.runs(row, r.Dx())
		}
		b = append(b, row...)
	}
	if f.RunLength {
		b = append(b, 0, 1)
	}
	return b
}

// row is one row, filled up to four bytes.
func (f BMPForm) row(m image.Image, y int) (b []byte) {
	acc, n := 0, 0
	for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
		c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
		switch {
		case f.Bits <= 8:
			acc = acc<<f.Bits | f.Colours().Index(c)
			if n += f.Bits; n == 8 {
				b = append(b, byte(acc))
				acc, n = 0, 0
			}
		case f.Bits == 24, f.Bits == 32 && f.Masks == [4]uint32{}:
			b = append(b, []byte{c.B, c.G, c.R, c.A}[:f.Bits/8]...)
		default:
			pixel := uint32(0)
			masks := f.Masks
			if masks == [4]uint32{} {
				masks = [4]uint32{0x7C00, 0x3E0, 0x1F, 0}
			}
			for i, v := range []uint8{c.R, c.G, c.B, c.A} {
				if mask := masks[i]; mask != 0 {
					low := mask & -mask
					pixel |= uint32(uint64(v)*uint64(mask/low)/255) * low
				}
			}
			b = append(b, le.AppendUint32(nil, pixel)[:f.Bits/8]...)
		}
	}
	if n > 0 {
		b = append(b, byte(acc<<(8-n)))
	}
	return append(b, make([]byte, -len(b)&3)...)
}

// runs writes indices as runs where two are alike, else as a list of four, and jumps over nothing.
func (f BMPForm) runs(row []byte, w int) (b []byte) {
	per := 8 / f.Bits
	for x := 0; x < w; {
		at := x / per
		n := 1
		for n < 250/per && (x+n*per) < w && row[at+n] == row[at] {
			n++
		}
		switch count := min(n*per, w-x); {
		case n > 1 || w-x < 4*per:
			b = append(b, byte(count), row[at])
			x += count
		default:
			b = append(b, 0, byte(4*per))
			b = append(b, row[at:at+4]...)
			x += 4 * per
		}
	}
	return append(b, 0, 0)
}

// IconBitmap is the bitmap of an icon: without a file header, and with a mask of what is transparent.
func IconBitmap(m image.Image, f BMPForm) []byte {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	b := append(f.header(w, 2*h, 0), f.pixels(m)...)
	for y := m.Bounds().Max.Y - 1; y >= m.Bounds().Min.Y; y-- {
		row := make([]byte, (w+31)/32*4)
		for x := range w {
			if _, _, _, a := m.At(m.Bounds().Min.X+x, y).RGBA(); a == 0 {
				row[x/8] |= 0x80 >> (x % 8)
			}
		}
		b = append(b, row...)
	}
	return b
}

// ICO is an icon of these images, PNGs or bitmaps.
func ICO(images ...[]byte) []byte {
	b := le.AppendUint16([]byte{0, 0, 1, 0}, uint16(len(images)))
	at := len(b) + 16*len(images)
	for _, one := range images {
		b = append(b, 0, 0, 0, 0, 1, 0, 32, 0) // programs write what they like here
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(one))), uint32(at))
		at += len(one)
	}
	for _, one := range images {
		b = append(b, one...)
	}
	return b
}
