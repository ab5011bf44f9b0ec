package bitmap

import (
	"fmt"
	"math/bits"
)

// channel is where a sample lies in a pixel of 16 or 32 bits.
type channel struct {
	shift int
	most  uint32 // its largest value; 0 where there is none
}

func (m *Bitmap) setMasks(masks [4]uint32) error {
	for i, mask := range masks {
		if mask == 0 {
			continue
		}
		shift := bits.TrailingZeros32(mask)
		most := mask >> shift
		if most&(most+1) != 0 {
			return fmt.Errorf("%w: the BMP has samples in pieces", ErrMalformed)
		}
		m.masks[i] = channel{shift, most}
	}
	m.Alpha = m.masks[3].most > 0
	return nil
}

// sample is that of a pixel, as 8 bits.
func (c channel) sample(pixel uint32) byte {
	if c.most == 0 {
		return 0
	}
	v := uint64(pixel >> c.shift & c.most)
	return byte((v*255 + uint64(c.most)/2) / uint64(c.most))
}

// rowBytes is the size of a row of so many bits a pixel, which ends at a multiple of 4 bytes.
func (m *Bitmap) rowBytes(depth int) int64 { return (int64(m.Width)*int64(depth) + 31) / 32 * 4 }

func (m *Bitmap) isRunLength() bool {
	return m.compression == rle4 || m.compression == rle8 || m.compression == rle24
}

func cutShort() error {
	return fmt.Errorf("%w: the BMP ends in the middle of the image data", ErrTruncated)
}

// checkPixels looks whether all of the image is there, and what of it is transparent.
func (m *Bitmap) checkPixels() error {
	if m.isRunLength() {
		if m.topDown {
			return fmt.Errorf("%w: the BMP is compressed from the top down", ErrMalformed)
		}
		set, whole := m.walkRuns(func(x, y, n int, data []byte, fill bool) {})
		if !whole {
			return cutShort()
		}
		m.Alpha = set < int64(m.Width)*int64(m.Height)
		return nil
	}
	row := m.rowBytes(m.bits)
	if max(row, int64(m.Height)) > int64(len(m.pixels))+4 {
		return cutShort() // and below is no number too large
	}
	// Some programs leave out what fills the last row up.
	last := (int64(m.Width)*int64(m.bits) + 7) / 8
	if int64(len(m.pixels)) < row*int64(m.Height-1)+last {
		return cutShort()
	}
	if !m.icon {
		if m.Alpha && !m.anyAlpha() {
			m.Alpha, m.masks[3] = false, channel{}
		}
		return nil
	}
	if m.bits == 32 && !m.anyAlpha() {
		m.masks[3] = channel{} // the mask alone counts
	}
	m.Alpha = true
	if mask := m.mask(); mask == nil && m.masks[3].most == 0 {
		return cutShort()
	}
	return nil
}

// anyAlpha says whether a pixel has alpha: a channel of zeros is one that the writer did not think of.
func (m *Bitmap) anyAlpha() bool {
	alpha := m.masks[3]
	if alpha.most == 0 {
		return false
	}
	for y := range m.Height {
		row := m.row(y)
		for x := range m.Width {
			if m.pixelOf(row, x)>>alpha.shift&alpha.most != 0 {
				return true
			}
		}
	}
	return false
}

// row is the y-th from the top.
func (m *Bitmap) row(y int) []byte {
	if !m.topDown {
		y = m.Height - 1 - y
	}
	size := m.rowBytes(m.bits)
	at := int64(y) * size
	return m.pixels[at:min(at+size, int64(len(m.pixels)))]
}

// mask is the rows of an icon's mask; nil where they are not there.
func (m *Bitmap) mask() []byte {
	at, size := m.rowBytes(m.bits)*int64(m.Height), m.rowBytes(1)*int64(m.Height)
	if int64(len(m.pixels)) < at+size {
		return nil
	}
	return m.pixels[at : at+size]
}

func (m *Bitmap) pixelOf(row []byte, x int) uint32 {
	if m.bits == 16 {
		return uint32(le.Uint16(row[2*x:]))
	}
	return le.Uint32(row[4*x:])
}

// indexOf is the index of a pixel of 8 bits and less.
func (m *Bitmap) indexOf(row []byte, x int) byte {
	at := x * m.bits
	return row[at/8] >> (8 - m.bits - at%8) & (1<<m.bits - 1)
}

// Bands is how many bytes a pixel of Decode has: red, green and blue, and alpha.
func (m *Bitmap) Bands() int {
	if m.Alpha {
		return 4
	}
	return 3
}

// Decode writes the rows from the top, without gaps. to has Width times Height times Bands bytes.
func (m *Bitmap) Decode(to []byte) {
	bands := m.Bands()
	if m.isRunLength() {
		m.decodeRuns(to, bands)
		return
	}
	var mask []byte
	if m.icon && m.masks[3].most == 0 {
		mask = m.mask()
	}
	for y := range m.Height {
		out := to[y*m.Width*bands : (y+1)*m.Width*bands]
		m.decodeRow(m.row(y), out, bands)
		if mask == nil {
			continue
		}
		at := int64(m.Height-1-y) * m.rowBytes(1)
		if m.topDown {
			at = int64(y) * m.rowBytes(1)
		}
		for x := range m.Width {
			if mask[at+int64(x/8)]>>(7-x%8)&1 != 0 {
				clear(out[x*bands : (x+1)*bands])
			}
		}
	}
}

func (m *Bitmap) decodeRow(row, out []byte, bands int) {
	for x := range m.Width {
		to := out[x*bands : (x+1)*bands]
		if bands == 4 {
			to[3] = 255
		}
		switch {
		case m.bits <= 8:
			copy(to, m.palette[m.indexOf(row, x)][:])
		case m.bits == 24:
			to[0], to[1] = row[3*x+2], row[3*x+1]
			to[2] = row[3*x]
		default:
			pixel := m.pixelOf(row, x)
			for i, c := range m.masks {
				if i < 3 || c.most > 0 {
					to[i] = c.sample(pixel)
				}
			}
		}
	}
}
