package picturetest

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"image"
	"image/color"
)

// GIFPart is one frame of a GIFMovie.
type GIFPart struct {
	// At is where it lies on the screen, which it may exceed.
	At image.Rectangle
	// Pix are the indices of its pixels, row by row.
	Pix []byte
	// Palette is its own colour table; without one it has that of the movie.
	Palette []color.NRGBA
	// Transparent is the index of its transparent colour, less than 0 for none.
	Transparent int
	// Disposal is the method of GIF89a §23, Delay is in hundredths of a second.
	Disposal, Delay int
	Interlaced      bool
}

// GIFMovie is an animated GIF, and what is to be seen of it.
type GIFMovie struct {
	Width, Height int
	Palette       []color.NRGBA
	// Repeats is how often it is shown again, 0 for without end, less than 0 for not.
	Repeats int
	Parts   []GIFPart
}

// tableBits is the exponent of the colour table's size, less one (GIF89a §18).
func tableBits(palette []color.NRGBA) (bits int) {
	for 2<<bits < len(palette) {
		bits++
	}
	return bits
}

func appendTable(b []byte, palette []color.NRGBA) []byte {
	for i := range 2 << tableBits(palette) {
		c := color.NRGBA{}
		if i < len(palette) {
			c = palette[i]
		}
		b = append(b, c.R, c.G, c.B)
	}
	return b
}

// Encode writes the file.
func (m GIFMovie) Encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte("GIF89a"), uint16(m.Width))
	b = le.AppendUint16(b, uint16(m.Height))
	if len(m.Palette) > 0 {
		b = append(b, 0x80|byte(tableBits(m.Palette)), 0, 0)
		b = appendTable(b, m.Palette)
	} else {
		b = append(b, 0, 0, 0)
	}
	if m.Repeats >= 0 {
		b = append(b, "!\xff\x0bNETSCAPE2.0\x03\x01"...)
		b = append(le.AppendUint16(b, uint16(m.Repeats)), 0)
	}
	for _, p := range m.Parts {
		b = m.appendPart(b, p)
	}
	return append(b, ';')
}

func (m GIFMovie) appendPart(b []byte, p GIFPart) []byte {
	le := binary.LittleEndian
	flags := byte(p.Disposal << 2)
	if p.Transparent >= 0 {
		flags |= 1
	}
	b = append(b, '!', 0xf9, 4, flags)
	b = append(le.AppendUint16(b, uint16(p.Delay)), byte(max(p.Transparent, 0)), 0, ',')
	for _, n := range []int{p.At.Min.X, p.At.Min.Y, p.At.Dx(), p.At.Dy()} {
		b = le.AppendUint16(b, uint16(n))
	}
	flags = 0
	if p.Interlaced {
		flags |= 0x40
	}
	colours := m.Palette
	if len(p.Palette) > 0 {
		flags |= 0x80 | byte(tableBits(p.Palette))
		colours = p.Palette
	}
	b = append(b, flags)
	if len(p.Palette) > 0 {
		b = appendTable(b, p.Palette)
	}
	return appendLZW(b, p.rows(), max(2, tableBits(colours)+1))
}

// rows are the indices in the order of the file.
func (p GIFPart) rows() (pix []byte) {
	if !p.Interlaced {
		return p.Pix
	}
	w, h := p.At.Dx(), p.At.Dy()
	for _, pass := range [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		for y := pass[0]; y < h; y += pass[1] {
			pix = append(pix, p.Pix[y*w:(y+1)*w]...)
		}
	}
	return pix
}

func appendLZW(b, pix []byte, codeSize int) []byte {
	b = append(b, byte(codeSize))
	var data bytes.Buffer
	w := lzw.NewWriter(&data, lzw.LSB, codeSize)
	w.Write(pix)
	w.Close()
	for data.Len() > 0 {
		block := data.Next(255)
		b = append(append(b, byte(len(block))), block...)
	}
	return append(b, 0)
}

// Shown are the frames as browsers show them: later ones on what is left of those before.
func (m GIFMovie) Shown() (frames []*image.NRGBA) {
	screen := image.Rect(0, 0, m.Width, m.Height)
	if len(m.Parts) > 0 {
		screen.Max.X = max(screen.Max.X, m.Parts[0].At.Max.X)
		screen.Max.Y = max(screen.Max.Y, m.Parts[0].At.Max.Y)
	}
	canvas := image.NewNRGBA(screen)
	for _, p := range m.Parts {
		before := append([]byte(nil), canvas.Pix...)
		colours := p.Palette
		if len(colours) == 0 {
			colours = m.Palette
		}
		seen := p.At.Intersect(screen)
		for y := seen.Min.Y; y < seen.Max.Y; y++ {
			for x := seen.Min.X; x < seen.Max.X; x++ {
				i := p.Pix[(y-p.At.Min.Y)*p.At.Dx()+x-p.At.Min.X]
				if int(i) != p.Transparent {
					canvas.SetNRGBA(x, y, colours[i])
				}
			}
		}
		now := &image.NRGBA{Pix: append([]byte(nil), canvas.Pix...), Stride: canvas.Stride, Rect: screen}
		frames = append(frames, now)
		switch p.Disposal {
		case 2:
			for y := seen.Min.Y; y < seen.Max.Y; y++ {
				clear(canvas.Pix[canvas.PixOffset(seen.Min.X, y):canvas.PixOffset(seen.Max.X, y)])
			}
		case 3, 4:
			copy(canvas.Pix, before)
		}
	}
	return frames
}

// Delays are in milliseconds.
func (m GIFMovie) Delays() (ms []int) {
	for _, p := range m.Parts {
		ms = append(ms, 10*p.Delay)
	}
	return ms
}

// Cube are the 216 colours of six steps of red, green and blue.
func Cube() (palette []color.NRGBA) {
	for i := range 216 {
		palette = append(palette, color.NRGBA{byte(i / 36 * 51), byte(i / 6 % 6 * 51), byte(i % 6 * 51), 255})
	}
	return palette
}

// CubeIndices are the pixels of a picture in colours of Cube, dithered by an ordered pattern.
func CubeIndices(m image.Image) (pix []byte) {
	order := [16]int{0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5}
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			more := float64(order[y&3<<2|x&3]) / 16
			step := func(v uint32) byte { return byte(min(5, float64(v)/0xffff*5+more)) }
			pix = append(pix, step(r)*36+step(g)*6+step(bl))
		}
	}
	return pix
}

// PhotoMovie is a movie of so many frames: a picture that moves, in six by six by six colours.
func PhotoMovie(width, height, frames int) GIFMovie {
	wide := Photo(width+2*frames, height, 11)
	m := GIFMovie{Width: width, Height: height, Palette: Cube()}
	for i := range frames {
		seen := wide.SubImage(image.Rect(2*i, 0, 2*i+width, height))
		at := image.Rect(0, 0, width, height)
		m.Parts = append(m.Parts, GIFPart{At: at, Pix: CubeIndices(seen), Transparent: -1, Delay: 4 + i%3})
	}
	return m
}
