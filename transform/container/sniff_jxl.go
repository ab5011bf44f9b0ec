package container

import (
	"encoding/binary"

	"github.com/pictor-proxy/pictor/transform"
)

const (
	jxlMagic     = "\xff\x0a"
	jxlSignature = "\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
)

// Of a codestream: the most pieces in a file, and the most frames before a picture is
// complete. Encoders write two pieces, and a layer for each of a drawing program.
const (
	maxJXLPieces = 1024
	maxJXLLayers = 500
)

// isJXL tells a bare codestream, or one in boxes (ISO/IEC 18181-2 §9).
func isJXL(b []byte) bool { return hasMagic(b, 0, jxlMagic) || hasMagic(b, 0, jxlSignature) }

// jxlFile is where the codestream lies in a file.
type jxlFile struct {
	b      []byte
	pieces []span
	whole  bool  // the last piece is there to its end
	other  int64 // bytes of metadata
}

// openJXL finds the codestream. Boxes behind it may be cut or broken: they are not read.
func openJXL(b []byte) (f jxlFile, err error) {
	f.b = b
	if hasMagic(b, 0, jxlMagic) {
		f.pieces, f.whole = []span{{0, uint64(len(b))}}, true
		return f, nil
	}
	for rest := b; len(rest) > 0; {
		bx, next, ok := nextBox(rest)
		if !ok {
			if f.whole {
				return f, nil
			}
			return f, malformedError("the JPEG XL has a box of an impossible length")
		}
		if err := f.readBox(bx, uint64(len(b)-len(next)-len(bx.body))); err != nil {
			return f, err
		}
		rest = next
	}
	return f, nil
}

// readBox takes a box whose body begins at a place of the file.
func (f *jxlFile) readBox(bx box, at uint64) error {
	const last = 1 << 31
	size := uint64(len(bx.body))
	switch string(bx.kind) {
	case "jxlc":
		if f.pieces != nil {
			return malformedError("the JPEG XL has two codestreams")
		}
		f.pieces, f.whole = []span{{at, size}}, bx.whole
	case "jxlp":
		if f.whole {
			return malformedError("the JPEG XL has two codestreams")
		}
		if size < 4 {
			return nil // cut
		}
		if len(f.pieces) == maxJXLPieces {
			return notRead("JPEG XLs in more than 1024 pieces are not supported")
		}
		f.pieces = append(f.pieces, span{at + 4, size - 4})
		f.whole = bx.whole && binary.BigEndian.Uint32(bx.body) >= last
	case "Exif", "xml ", "brob", "jumb", "jbrd":
		f.other += int64(size)
	}
	return nil
}

// jxlImage is what a codestream tells without decoding its pixels.
type jxlImage struct {
	jxlHeader
	// picture are the frames of the first picture, which a decoder shows as a still.
	picture struct {
		layers, passes int
		modular        bool
		largest, saved uint64   // pixels of the largest frame, and of those that are kept
		final          jxlFrame // the last of them
		end            int64    // of its sections, in bits of the codestream
	}
	pictures int
}

// readJXLImage follows the frames to the end of the last. Where the codestream is cut,
// r.short is set.
func readJXLImage(r *jxlBits) (m jxlImage, err error) {
	if m.jxlHeader, err = readJXLHeader(r); err != nil || r.short {
		return m, err
	}
	if m.preview {
		f, err := readJXLFrame(r, &m.jxlHeader, true)
		if err != nil {
			return m, err
		}
		r.skipBytes(f.sections)
	}
	for last := false; !last && !r.short; {
		f, err := readJXLFrame(r, &m.jxlHeader, false)
		if err != nil {
			return m, err
		}
		r.skipBytes(f.sections)
		if last = f.last; r.short {
			return m, nil
		}
		if m.pictures == 0 {
			m.addFrame(f, r.pos)
		}
		if f.shown {
			m.pictures++
		}
		if m.picture.layers > maxJXLLayers {
			return m, notRead("JPEG XLs of more than 500 layers are not supported")
		}
	}
	return m, nil
}

// addFrame takes a frame of the first picture that ends at a place.
func (m *jxlImage) addFrame(f jxlFrame, end int64) {
	p := &m.picture
	p.layers++
	p.passes = max(p.passes, f.passes)
	p.modular = p.modular || f.modular
	pixels := f.width * f.height
	p.largest = max(p.largest, pixels)
	if f.saved && !f.shown {
		p.saved += pixels >> (6 * f.dcLevel)
	}
	p.final, p.end = f, end
}

// heldPixels are those of frames that a decoder keeps or makes besides the picture.
func (m *jxlImage) heldPixels() int64 {
	const slots, most = 8, 1 << 50
	p := &m.picture
	held := min(p.saved, slots*p.largest)
	if own := uint64(m.width) * uint64(m.height); p.largest > own {
		held += p.largest - own
	}
	return int64(min(held, most))
}

// sniffJXL reads the header and follows the frames of a JPEG XL, by the lengths that
// each tells of its sections.
func sniffJXL(b []byte, info *transform.Info) error {
	f, err := openJXL(b)
	if err != nil {
		return err
	}
	r := newJXLBits(b, f.pieces)
	m, err := readJXLImage(r)
	if r.short && f.whole && err == nil && len(f.pieces) > 0 && f.pieces[len(f.pieces)-1].endsBefore(len(b)) {
		return malformedError("the JPEG XL has a codestream that is longer than its box")
	}
	if err != nil {
		return err
	}
	if m.width > 0 && m.height > 0 {
		m.fillInfo(info)
	}
	info.AncillaryBytes = f.other
	if r.short {
		return cutShort("the JPEG XL ends in the middle of the image data")
	}
	info.Frames = max(1, m.pictures)
	info.Lossless = m.picture.modular
	info.Scans = m.picture.layers + m.picture.passes - 1
	info.HeldPixels = m.heldPixels()
	return nil
}

func (s span) endsBefore(size int) bool { return s.off+s.size < uint64(size) }
