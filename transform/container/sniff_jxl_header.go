package container

import (
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// jxlHeader is what a codestream says before its frames (ISO/IEC 18181-1 §D).
type jxlHeader struct {
	width, height uint32
	orientation   int // 1 to 8, applied by decoders
	preview       bool
	previewWidth  uint32
	previewHeight uint32
	animated      bool
	timecodes     bool
	depth         jxlDepth
	depthAt       int64        // bits before the selector of whole numbers' depth, 0 where there is none
	channels      []jxlChannel // besides those of colour
	xyb           bool         // samples do not have the declared colour space
	colour        jxlColour
	peak          float64 // the brightest light in cd/m², which the largest sample has
}

// jxlDepth is that of samples: bits in all, and of the exponent.
type jxlDepth struct{ bits, exponent uint32 }

// jxlChannel is an extra channel.
type jxlChannel struct {
	kind       uint32
	depth      jxlDepth
	associated bool // colours were multiplied by this alpha
}

// Kinds of extra channels (§D.3.6).
const (
	jxlAlpha = 0
	jxlSpot  = 2
	jxlBlack = 4
	jxlCFA   = 5
)

// readJXLHeader reads up to the first frame.
func readJXLHeader(r *jxlBits) (h jxlHeader, err error) {
	if err := h.readBeforeProfile(r); err != nil || r.short {
		return h, err
	}
	if h.colour.profile {
		if err := readJXLProfile(r, maxJXLProfile, func(byte) {}); err != nil {
			return h, err
		}
	}
	r.alignToByte()
	return h, nil
}

// readBeforeProfile reads up to the profile, or to where there would be one.
func (h *jxlHeader) readBeforeProfile(r *jxlBits) error {
	if r.bits(16) != 0x0AFF && !r.short {
		return malformedError("the JPEG XL does not begin as one")
	}
	h.readSize(r)
	if !r.short && (h.width == 0 || h.height == 0) {
		return malformedError("the JPEG XL has no width or no height")
	}
	if err := h.readMetadata(r); err != nil {
		return err
	}
	h.skipTransform(r)
	return nil
}

// jxlRatio is the width for one of the ratios that have a number (§D.2).
func jxlRatio(number, height uint32) uint32 {
	ratio := [8][2]uint64{{}, {1, 1}, {12, 10}, {4, 3}, {3, 2}, {16, 9}, {5, 4}, {2, 1}}[number]
	return uint32(uint64(height) * ratio[0] / ratio[1])
}

func (h *jxlHeader) readSize(r *jxlBits) { h.width, h.height = readJXLSize(r) }

func readJXLSize(r *jxlBits) (width, height uint32) {
	small := r.bool()
	side := func() uint32 {
		if small {
			return (r.bits(5) + 1) * 8
		}
		return r.u32(jxlDist{1, 9}, jxlDist{1, 13}, jxlDist{1, 18}, jxlDist{1, 30})
	}
	height = side()
	if ratio := r.bits(3); ratio > 0 {
		return jxlRatio(ratio, height), height
	}
	return side(), height
}

// readPreview reads the size of a smaller image that comes first (§D.3.3).
func (h *jxlHeader) readPreview(r *jxlBits) {
	eights := r.bool()
	side := func() uint32 {
		if eights {
			return 8 * r.u32(jxlDist{16, 0}, jxlDist{32, 0}, jxlDist{1, 5}, jxlDist{33, 9})
		}
		return r.u32(jxlDist{1, 6}, jxlDist{65, 8}, jxlDist{321, 10}, jxlDist{1345, 12})
	}
	h.preview, h.previewHeight = true, side()
	if ratio := r.bits(3); ratio > 0 {
		h.previewWidth = jxlRatio(ratio, h.previewHeight)
		return
	}
	h.previewWidth = side()
}

// readMetadata reads the bundle of that name (§D.3).
func (h *jxlHeader) readMetadata(r *jxlBits) error {
	h.orientation, h.xyb = 1, true
	h.depth.bits = 8
	h.colour = jxlSRGB
	h.peak = 255
	if r.bool() {
		return nil
	}
	more := r.bool()
	if more {
		h.orientation = int(r.bits(3)) + 1
		if r.bool() {
			readJXLSize(r) // at which it is meant to be shown
		}
		if r.bool() {
			h.readPreview(r)
		}
		if h.animated = r.bool(); h.animated {
			r.u32(jxlDist{100, 0}, jxlDist{1000, 0}, jxlDist{1, 10}, jxlDist{1, 30})
			r.u32(jxlDist{1, 0}, jxlDist{1001, 0}, jxlDist{1, 8}, jxlDist{1, 10})
			r.u32(jxlDist{0, 0}, jxlDist{0, 3}, jxlDist{0, 16}, jxlDist{0, 32})
			h.timecodes = r.bool()
		}
	}
	h.depthAt = r.pos + 1
	if err := h.depth.readDepth(r); err != nil {
		return err
	}
	r.bool() // whether 16 bits are enough for a decoder
	if err := h.readChannels(r); err != nil {
		return err
	}
	h.xyb = r.bool()
	if err := h.colour.readColour(r); err != nil {
		return err
	}
	if more {
		h.readToneMapping(r)
	}
	r.skipExtensions()
	return nil
}

func (d *jxlDepth) readDepth(r *jxlBits) error {
	if !r.bool() {
		d.exponent = 0
		d.bits = r.u32(jxlDist{8, 0}, jxlDist{10, 0}, jxlDist{12, 0}, jxlDist{1, 6})
		if d.bits > 31 {
			return malformedError("the JPEG XL has samples of an impossible depth")
		}
		return nil
	}
	d.bits = r.u32(jxlDist{32, 0}, jxlDist{16, 0}, jxlDist{24, 0}, jxlDist{1, 6})
	d.exponent = r.bits(4) + 1
	mantissa := int(d.bits) - int(d.exponent) - 1
	if !r.short && (d.exponent < 2 || d.exponent > 8 || mantissa < 2 || mantissa > 23) {
		return malformedError("the JPEG XL has samples of an impossible depth")
	}
	return nil
}

// readChannels reads what there is besides colour. libvips asks libjxl for colour and
// one channel at most.
func (h *jxlHeader) readChannels(r *jxlBits) error {
	n := r.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 4}, jxlDist{1, 12})
	if n > 1 {
		return notRead("JPEG XLs with more than one channel besides colour are not supported")
	}
	for range n {
		c, err := readJXLChannel(r)
		if err != nil {
			return err
		}
		h.channels = append(h.channels, c)
	}
	return nil
}

func readJXLChannel(r *jxlBits) (c jxlChannel, err error) {
	c.depth.bits = 8
	if r.bool() {
		return c, nil
	}
	c.kind = r.enum()
	if err := c.depth.readDepth(r); err != nil {
		return c, err
	}
	r.u32(jxlDist{0, 0}, jxlDist{3, 0}, jxlDist{4, 0}, jxlDist{1, 3}) // how much smaller it is
	r.skipName()
	switch c.kind {
	case jxlAlpha:
		c.associated = r.bool()
	case jxlSpot:
		for range 4 {
			r.f16()
		}
	case jxlBlack:
		return c, notRead("JPEG XLs of inks (CMYK) are not supported")
	case jxlCFA:
		r.u32(jxlDist{1, 0}, jxlDist{0, 2}, jxlDist{3, 4}, jxlDist{19, 8})
	}
	return c, nil
}

func (h *jxlHeader) readToneMapping(r *jxlBits) {
	if r.bool() {
		return
	}
	h.peak = r.f16()
	r.f16()
	r.bool()
	r.f16()
}

// skipTransform passes over matrices and weights (§D.3.9).
func (h *jxlHeader) skipTransform(r *jxlBits) {
	if r.bool() {
		return
	}
	const matrix, half = 16, 16
	if h.xyb && !r.bool() {
		for range matrix {
			r.bits(half)
		}
	}
	which := r.bits(3)
	for i, weights := range [3]int{15, 55, 210} {
		if which>>i&1 == 1 {
			for range weights {
				r.bits(half)
			}
		}
	}
}

// maxJXLProfile bounds a profile as it is stored: it is decoded in order to find what
// comes behind it.
const maxJXLProfile = 1 << 20

// readJXLProfile gives the bytes of an ICC profile as it is packed (§E.4), if there are no more than most.
func readJXLProfile(r *jxlBits, most uint64, take func(byte)) error {
	const contexts, header, enough = 41, 128, 1 << 16
	size := r.u64()
	if size > most {
		return notRead("the JPEG XL has a colour profile of more than a megabyte")
	}
	start := r.pos
	code, err := readJXLCode(r, contexts, true)
	if r.short {
		return nil
	}
	if err != nil {
		return err
	}
	code.begin(r)
	var last, before uint32
	for i := range int(size) {
		context := 0
		if i > header {
			context = 1 + jxlByteKind(last) + 8*jxlByteKindBefore(before)
		}
		v, ok := code.readNumber(r, context)
		switch {
		case r.short:
			return nil
		case !ok || v > math.MaxUint8, i > 0 && i%enough == 0 && int64(i) > (r.pos-start)*256/8:
			return malformedError("the JPEG XL has a broken colour profile")
		}
		take(byte(v))
		last, before = v, last
	}
	if code.state != jxlFinalState || size == 0 {
		return malformedError("the JPEG XL has a broken colour profile")
	}
	return nil
}

// jxlByteKind and jxlByteKindBefore sort the last byte, and the one before it, into
// contexts (§E.4.1).
func jxlByteKind(b uint32) int {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
		return 0
	case b >= '0' && b <= '9', b == '.', b == ',':
		return 1
	case b <= 1:
		return 2 + int(b)
	case b < 16:
		return 4
	case b == 255:
		return 6
	case b > 240:
		return 5
	}
	return 7
}

func jxlByteKindBefore(b uint32) int {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
		return 0
	case b >= '0' && b <= '9', b == '.', b == ',':
		return 1
	case b < 16:
		return 2
	case b > 240:
		return 3
	}
	return 4
}

// fillInfo says what the image is as its decoder gives it, turned upright.
func (h *jxlHeader) fillInfo(info *transform.Info) {
	info.Width, info.Height = int(h.width), int(h.height)
	if h.orientation > 4 {
		info.Width, info.Height = info.Height, info.Width
	}
	info.Bands = 3
	if h.colour.grey {
		info.Bands = 1
	}
	deepest := h.depth
	if len(h.channels) > 0 {
		c := h.channels[0]
		info.Bands++ // libvips makes an alpha even of another kind of channel
		info.Alpha = c.kind == jxlAlpha
		info.Premultiplied = info.Alpha && c.associated
		if info.Alpha {
			deepest.exponent = max(deepest.exponent, c.depth.exponent)
		}
	}
	info.Bits = 8
	switch {
	case deepest.exponent > 0 || h.linearLight():
		info.Bits = 16
	case deepest.bits > 8:
		info.Bits = 16
		if deepest.bits <= 12 {
			info.Bits = heifBits(int(deepest.bits))
		}
	}
	h.declareColour(info)
}
