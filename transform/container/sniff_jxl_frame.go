package container

import "math/bits"

// jxlFrame is one frame of a codestream (ISO/IEC 18181-1 §F): a layer of a picture, or
// what layers are made of.
type jxlFrame struct {
	kind          uint32
	modular       bool
	passes        int
	width, height uint64
	dcLevel       int
	shown         bool // a picture ends with it
	last          bool
	saved         bool // others may be made of it
	at            jxlPlaces
	sections      uint64 // bytes
}

// jxlPlaces are places in bits of the codestream: of a frame's header, of the kind in it,
// of the bit that says that it is the last frame, of the name behind it, and of the padding
// before the lengths of its sections.
type jxlPlaces struct{ header, kind, last, name, padding int64 }

// Kinds of frames.
const (
	jxlRegular       = 0
	jxlDCFrame       = 1
	jxlReference     = 2
	jxlNoProgress    = 3
	jxlUsesDC        = 32
	jxlMaxSections   = 65536
	jxlBlock         = 8
	jxlShiftOfGroups = 7 // of 128 pixels, and larger
)

// frameReader reads the header of a frame. What later fields depend on is kept.
type frameReader struct {
	*jxlBits
	h *jxlHeader
	jxlFrame
	flags             uint64
	ycbcr             bool
	shiftX, shiftY    int // of chroma
	upsampling        uint64
	groupShift        int
	partial, replaces bool
	duration          uint32
}

// readJXLFrame reads header and table of a frame, and stands at its first section.
func readJXLFrame(r *jxlBits, h *jxlHeader, preview bool) (jxlFrame, error) {
	f := frameReader{jxlBits: r, h: h, upsampling: 1, groupShift: 1}
	f.at.header, f.passes = r.pos, 1
	f.width, f.height = uint64(h.width), uint64(h.height)
	if preview {
		f.width, f.height = uint64(h.previewWidth), uint64(h.previewHeight)
	}
	if r.bool() {
		f.shown, f.last = true, true
	} else if err := f.readHeader(); err != nil {
		return f.jxlFrame, err
	}
	if r.short {
		return f.jxlFrame, nil
	}
	return f.jxlFrame, f.readTable()
}

func (f *frameReader) readHeader() error {
	f.at.kind = f.pos
	f.kind = f.bits(2)
	f.modular = f.bool()
	f.flags = f.u64()
	if !f.h.xyb {
		f.ycbcr = f.bool()
	}
	usesDC := f.flags&jxlUsesDC != 0
	if f.ycbcr && !usesDC {
		for range 3 {
			mode := f.bits(2)
			f.shiftX = max(f.shiftX, int(mode+1)>>1&1)
			f.shiftY = max(f.shiftY, int(mode)&1)
		}
	}
	if !usesDC {
		f.upsampling = uint64(f.readPower())
		for range f.h.channels {
			f.readPower()
		}
	}
	if f.modular {
		f.groupShift = int(f.bits(2))
	} else if f.h.xyb {
		f.bits(6)
	}
	if f.kind != jxlReference {
		f.readPasses()
	}
	if f.kind == jxlDCFrame {
		f.dcLevel = int(f.u32(jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{3, 0}, jxlDist{4, 0}))
	} else if f.bool() {
		f.readArea()
	}
	f.readEnd()
	f.at.name = f.pos
	f.skipName()
	f.skipFilter()
	f.skipExtensions()
	if f.width == 0 || f.height == 0 {
		return malformedError("the JPEG XL has a frame without width or height")
	}
	return nil
}

// readPower reads 1, 2, 4 or 8.
func (r *jxlBits) readPower() uint32 { return 1 << r.bits(2) }

func (f *frameReader) readPasses() {
	f.passes = int(f.u32(jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{3, 0}, jxlDist{4, 3}))
	if f.passes == 1 {
		return
	}
	smaller := f.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{3, 1})
	for range f.passes - 1 {
		f.bits(2)
	}
	for range smaller {
		f.readPower()
	}
	for range smaller {
		f.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{0, 3})
	}
}

// isLayer tells frames that are seen from those that others are made of.
func (f *frameReader) isLayer() bool { return f.kind == jxlRegular || f.kind == jxlNoProgress }

// readArea reads which part of the picture the frame covers, or how large it is.
func (f *frameReader) readArea() {
	side := func() uint32 { return f.u32(jxlDist{0, 8}, jxlDist{256, 11}, jxlDist{2304, 14}, jxlDist{18688, 30}) }
	var left, top int64
	if f.isLayer() {
		left, top = int64(unpackSigned(side())), int64(unpackSigned(side()))
	}
	whole := [2]int64{int64(f.width), int64(f.height)}
	f.width, f.height = uint64(side()), uint64(side())
	f.partial = f.isLayer() && (left > 0 || top > 0 || left+int64(f.width) < whole[0] || top+int64(f.height) < whole[1])
}

// readEnd reads how the frame is laid on others, whether it is the last one, and where
// it is kept.
func (f *frameReader) readEnd() {
	if f.isLayer() {
		f.replaces = f.readBlending()
		for range f.h.channels {
			f.readBlending()
		}
		if f.h.animated {
			f.duration = f.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{0, 8}, jxlDist{0, 32})
			if f.h.timecodes {
				f.bits(32)
			}
		}
		f.at.last = f.pos
		f.last = f.bool()
	}
	f.last = f.last && f.kind == jxlRegular
	f.shown = f.last || f.isLayer() && f.duration > 0
	var slot uint32
	if f.kind != jxlDCFrame && !f.last {
		slot = f.bits(2)
	}
	referable := !f.last && f.kind != jxlDCFrame && (f.duration == 0 || slot != 0)
	f.saved = referable || f.kind == jxlDCFrame
	if f.kind == jxlReference || f.isLayer() && referable && f.replaces && !f.partial {
		f.bool()
	}
}

// readBlending says whether the frame replaces what was there.
func (f *frameReader) readBlending() (replaces bool) {
	const replace, blend, addWeighted, multiply = 0, 2, 3, 4
	mode := f.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{3, 2})
	weighted := len(f.h.channels) > 0 && (mode == blend || mode == addWeighted)
	if weighted {
		f.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 0}, jxlDist{3, 3})
	}
	if weighted || mode == multiply {
		f.bool()
	}
	if mode != replace || f.partial {
		f.bits(2)
	}
	return mode == replace
}

// skipFilter passes over the settings of the filters that a decoder applies (§J).
func (f *frameReader) skipFilter() {
	if f.bool() {
		return
	}
	halves := func(n int) {
		for range n {
			f.f16()
		}
	}
	if f.bool() && f.bool() {
		halves(6)
	}
	if f.bits(2) > 0 {
		if !f.modular && f.bool() {
			halves(8)
		}
		if f.bool() {
			halves(5)
		}
		if f.bool() {
			if !f.modular {
				halves(1)
			}
			halves(3)
		}
		if f.modular {
			halves(1)
		}
	}
	f.skipExtensions()
}

func ceilDiv(a, b uint64) uint64 { return (a + b - 1) / b }

// sectionCount is how many sections the frame has: one, or one for all of it, one for
// each large square of pixels, one for what coefficients share, and one for each
// small square in each pass (§F.3).
func (f *frameReader) sectionCount() uint64 {
	scale := uint64(1) << (3 * f.dcLevel)
	w, h := ceilDiv(ceilDiv(f.width, scale), f.upsampling), ceilDiv(ceilDiv(f.height, scale), f.upsampling)
	side := uint64(1) << (jxlShiftOfGroups + f.groupShift)
	blocksX := ceilDiv(w, jxlBlock<<f.shiftX) << f.shiftX
	blocksY := ceilDiv(h, jxlBlock<<f.shiftY) << f.shiftY
	groups := ceilDiv(w, side) * ceilDiv(h, side)
	if groups == 1 && f.passes == 1 {
		return 1
	}
	return 2 + ceilDiv(blocksX, side)*ceilDiv(blocksY, side) + groups*uint64(f.passes)
}

// readTable reads how long the sections are.
func (f *frameReader) readTable() error {
	n := f.sectionCount()
	if n > jxlMaxSections {
		return malformedError("the JPEG XL has a frame of too many sections")
	}
	if f.bool() {
		if err := skipJXLPermutation(f.jxlBits, int(n)); err != nil {
			return err
		}
	}
	f.at.padding = f.pos
	f.alignToByte()
	for range n {
		f.sections += uint64(f.u32(jxlDist{0, 10}, jxlDist{1024, 14}, jxlDist{17408, 22}, jxlDist{4211712, 30}))
		if f.short {
			return nil
		}
	}
	f.alignToByte()
	return nil
}

// skipJXLPermutation passes over the order of sections (§F.3.2).
func skipJXLPermutation(r *jxlBits, n int) error {
	const contexts = 8
	contextOf := func(v uint32) int { return min(bits.Len32(v), contexts-1) }
	code, err := readJXLCode(r, contexts, true)
	if r.short {
		return nil
	}
	if err != nil {
		return err
	}
	code.begin(r)
	end, _ := code.readNumber(r, contextOf(uint32(n)))
	var last uint32
	for i := range int(min(end, uint32(n))) {
		if last, _ = code.readNumber(r, contextOf(last)); r.short {
			return nil
		}
		if int(last)+i >= n {
			return malformedError("the JPEG XL has a broken order of sections")
		}
	}
	if !r.short && (end > uint32(n) || code.state != jxlFinalState) {
		return malformedError("the JPEG XL has a broken order of sections")
	}
	return nil
}
