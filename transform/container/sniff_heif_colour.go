package container

import "github.com/pictor-proxy/pictor/transform"

// codePoints are code points (ISO/IEC 23091-2) of a colr box of kind nclx or of an
// AV1 sequence header.
type codePoints struct {
	primaries, transfer int
	given               bool
	narrow              bool    // of a colr box: samples do not use their full range
	peak                float64 // of a clli box: the brightest light in cd/m², 0 where nothing is said
}

// readColr takes the body of a colr box (ISO/IEC 14496-12 §12.1.5).
func (c *codePoints) readColr(body []byte) {
	f := bmffFields{b: body}
	if !hasMagic(body, 0, "nclx") {
		return
	}
	f.uint(4)
	primaries, transfer := int(f.uint(2)), int(f.uint(2))
	f.uint(2) // the matrix
	const fullRange = 0x80
	narrow := f.uint(1)&fullRange == 0
	if !f.short {
		*c = codePoints{primaries, transfer, true, narrow, c.peak}
	}
}

// readLight takes the body of a clli box (ISO/IEC 14496-12 §12.1.6): the brightest pixel, and
// the mean of the brightest image.
func (c *codePoints) readLight(f *bmffFields) {
	c.peak = float64(f.uint(2))
	f.uint(2)
}

// space is the zero value for sRGB and for code points that are not read. The
// matrix and the range are the decoder's business.
func (c codePoints) space() (s transform.ColourSpace, unread bool) {
	if !c.given {
		return transform.ColourSpace{}, false
	}
	s, ok := spaceOfCICP(c.primaries, c.transfer)
	if !ok {
		return transform.ColourSpace{}, true
	}
	if s.HDR() {
		s.Peak = c.peak
	}
	return unlessSRGB(s), false
}
