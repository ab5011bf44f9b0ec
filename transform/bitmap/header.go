package bitmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The errors of this package. Each is wrapped once, by a clause that clients may see.
var (
	ErrTruncated   = errors.New("truncated bitmap")
	ErrMalformed   = errors.New("broken bitmap")
	ErrUnsupported = errors.New("unsupported bitmap")
)

// The kinds of compression (BITMAPINFOHEADER). OS/2 has others by the numbers of the next two.
const (
	plain = iota
	rle8
	rle4
	bitFields
	jpegInside
	pngInside
	alphaBitFields
	rle24 = -1
)

// The sizes of headers: OS/2's first and second, Microsoft's first, and those from where on the masks and the
// profile lie inside.
const (
	coreHeader = 12
	infoHeader = 40
	rgbHeader  = 52
	rgbaHeader = 56
	os2Header  = 64
	v4Header   = 108
	v5Header   = 124
)

// Bitmap is what the header of a bitmap says.
type Bitmap struct {
	// Width and Height are in pixels, and Alpha says that some may be transparent.
	Width, Height int
	Alpha         bool
	// Profile is an ICC profile inside of the file, or nil.
	Profile []byte

	b           []byte // from the header on
	icon        bool
	topDown     bool
	bits        int
	compression int
	masks       [4]channel // red, green, blue, alpha
	palette     [256][3]byte
	pixels      []byte // what follows the header, up to the end of the file
}

var le = binary.LittleEndian

const fileHeader = 14

// maxHeader is more than any header has.
const maxHeader = 1 << 10

// IsFile says whether b begins as a BMP file does.
func IsFile(b []byte) bool {
	if len(b) < fileHeader+4 || b[0] != 'B' || b[1] != 'M' {
		return false
	}
	size := le.Uint32(b[fileHeader:])
	return size >= coreHeader && size <= maxHeader
}

// Read reads a BMP file. All rows must be there.
func Read(b []byte) (*Bitmap, error) {
	if len(b) < fileHeader {
		return nil, fmt.Errorf("%w: the BMP ends in its header", ErrTruncated)
	}
	m := &Bitmap{b: b[fileHeader:]}
	return m, m.read(int64(le.Uint32(b[10:])) - fileHeader)
}

// ReadIcon reads a bitmap of an icon: it has no file header, its height counts the mask besides, and it has alpha.
func ReadIcon(b []byte) (*Bitmap, error) {
	m := &Bitmap{b: b, icon: true}
	return m, m.read(0)
}

// read reads the header; 0 means that pixels follow it.
func (m *Bitmap) read(pixelsAt int64) error {
	if len(m.b) < coreHeader {
		return fmt.Errorf("%w: the BMP ends in its header", ErrTruncated)
	}
	size := int64(le.Uint32(m.b))
	if size < coreHeader || size > maxHeader || size > coreHeader && size < 16 {
		return fmt.Errorf("%w: the BMP has a header of an impossible size", ErrMalformed)
	}
	if int64(len(m.b)) < size {
		return fmt.Errorf("%w: the BMP ends in its header", ErrTruncated)
	}
	if err := m.readSize(m.b[:size]); err != nil {
		return err
	}
	m.chooseCompression(size)
	if err := m.checkKind(); err != nil {
		return err
	}
	at, err := m.readMasks(size)
	if err != nil {
		return err
	}
	at, err = m.readPalette(at, size, pixelsAt)
	if err != nil {
		return err
	}
	if pixelsAt <= 0 {
		pixelsAt = at
	}
	if pixelsAt > int64(len(m.b)) {
		return fmt.Errorf("%w: the BMP ends before the image data", ErrTruncated)
	}
	m.pixels = m.b[pixelsAt:]
	m.readProfile(size)
	return m.checkPixels()
}

// readSize reads the dimensions and the depth.
func (m *Bitmap) readSize(h []byte) error {
	var width, height int64
	if len(h) == coreHeader {
		width, height = int64(le.Uint16(h[4:])), int64(le.Uint16(h[6:]))
		m.bits = int(le.Uint16(h[10:]))
	} else {
		width, height = int64(int32(le.Uint32(h[4:]))), int64(int32(le.Uint32(h[8:])))
		m.bits = int(le.Uint16(h[14:]))
	}
	if height < 0 {
		m.topDown, height = true, -height
	}
	if m.icon {
		height /= 2
	}
	if width <= 0 || height == 0 || height > math.MaxInt32 {
		return fmt.Errorf("%w: the BMP has an impossible width or height", ErrMalformed)
	}
	m.Width, m.Height = int(width), int(height)
	if len(h) >= 20 {
		m.compression = int(le.Uint32(h[16:]))
	}
	return nil
}

// chooseCompression knows OS/2's headers, which have numbers of their own.
func (m *Bitmap) chooseCompression(size int64) {
	os2 := size != infoHeader && size <= os2Header && size != rgbHeader && size != rgbaHeader
	switch {
	case !os2:
	case m.compression == 4 && m.bits == 24:
		m.compression = rle24
	case m.compression == 3:
		m.compression = jpegInside // it is Huffman's
	}
}

// checkKind refuses what is not read.
func (m *Bitmap) checkKind() error {
	var bits []int
	switch m.compression {
	case plain:
		bits = []int{1, 2, 4, 8, 16, 24, 32}
	case rle8:
		bits = []int{8}
	case rle4:
		bits = []int{4}
	case rle24:
		bits = []int{24}
	case bitFields, alphaBitFields:
		bits = []int{16, 32}
	default:
		return fmt.Errorf("%w: BMPs of this compression are not supported", ErrUnsupported)
	}
	if slices.Contains(bits, m.bits) {
		return nil
	}
	return fmt.Errorf("%w: BMPs of %d bits with this compression are not supported", ErrUnsupported, m.bits)
}

// readMasks reads where the samples of a pixel are, and gives what follows.
func (m *Bitmap) readMasks(size int64) (at int64, err error) {
	at = size
	switch {
	case m.bits != 16 && m.bits != 32:
		return at, nil
	case m.compression == plain:
		five, eight := [4]uint32{0x7C00, 0x3E0, 0x1F}, [4]uint32{0xFF0000, 0xFF00, 0xFF}
		if m.icon {
			eight[3] = 0xFF000000 // files have nothing there
		}
		if m.bits == 16 {
			return at, m.setMasks(five)
		}
		return at, m.setMasks(eight)
	}
	count := int64(3)
	if m.compression == alphaBitFields || size >= rgbaHeader {
		count = 4
	}
	if size < rgbHeader {
		at += 4 * count // behind the header
	}
	if int64(len(m.b)) < max(at, infoHeader+4*count) {
		return at, fmt.Errorf("%w: the BMP ends in its header", ErrTruncated)
	}
	var masks [4]uint32
	for i := range count {
		masks[i] = le.Uint32(m.b[infoHeader+4*i:])
	}
	return at, m.setMasks(masks)
}

// readPalette reads the colours of indexed pixels, and gives what follows. Some files have more than their pixels
// can name, or pixels that begin in the palette.
func (m *Bitmap) readPalette(at, size, pixelsAt int64) (int64, error) {
	each, count := int64(4), int64(0)
	if size == coreHeader {
		each = 3
	} else if size >= 36 {
		count = int64(le.Uint32(m.b[32:]))
	}
	if m.bits > 8 {
		return at + each*count, nil // for screens of few colours
	}
	if count == 0 || count > 1<<16 {
		count = 1 << m.bits
	}
	end := at + each*count
	if pixelsAt > at {
		end = min(end, pixelsAt)
	}
	if end > int64(len(m.b)) {
		return at, fmt.Errorf("%w: the BMP ends in its palette", ErrTruncated)
	}
	for i, p := 0, m.b[at:end]; int64(len(p)) >= each && i < 1<<m.bits; i++ {
		m.palette[i] = [3]byte{p[2], p[1], p[0]}
		p = p[each:]
	}
	return at + each*count, nil
}

// readProfile finds the profile that BITMAPV5HEADER may embed.
func (m *Bitmap) readProfile(size int64) {
	const embedded = 0x4D424544 // "MBED"
	if size < v5Header || le.Uint32(m.b[56:]) != embedded {
		return
	}
	at, n := int64(le.Uint32(m.b[112:])), int64(le.Uint32(m.b[116:]))
	if at >= size && n > 0 && at+n <= int64(len(m.b)) {
		m.Profile = m.b[at : at+n]
	}
}
