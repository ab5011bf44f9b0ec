package container

import (
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// jxlColour is the colour space of a JPEG XL (ISO/IEC 18181-1 §E.2).
type jxlColour struct {
	profile   bool // an ICC profile says it
	grey      bool
	isXYB     bool // the samples are to be given in XYB, as no picture is
	primaries [8]float64
	transfer  uint32  // as in ITU-T H.273
	gamma     float64 // instead of it, if it is not 0
	d65       bool    // the white is that
	unread    bool
}

var jxlSRGB = jxlColour{primaries: cicpPrimaries[bt709], transfer: srgbTransfer, d65: true}

// Numbers of the format's own for primaries and white points. Those of transfers are of
// ITU-T H.273, but 17 is a plain power of 2.6.
const (
	jxlGrey, jxlXYBSpace           = 1, 2
	jxlPrimaries, jxlWhites        = 4, 3 // of a triple in this order
	jxlCustom, jxlEqual, jxlCinema = 2, 10, 11
	jxlRec2100                     = 9
	linearTransfer, dciTransfer    = 8, 17
)

func (c *jxlColour) readColour(r *jxlBits) error {
	*c = jxlSRGB
	if r.bool() {
		return nil
	}
	c.profile = r.bool()
	space := r.enum()
	c.grey, c.isXYB = space == jxlGrey, space == jxlXYBSpace
	if c.profile {
		return nil
	}
	if !c.isXYB {
		c.readWhite(r)
	}
	if !c.grey && !c.isXYB {
		c.readPrimaries(r)
	}
	if !c.isXYB {
		if r.bool() {
			const unit = 1e7
			c.gamma = float64(r.bits(24)) / unit
		} else {
			c.transfer = r.enum()
		}
	}
	r.enum() // the intent
	if !r.short && (c.unread || c.gamma > 1 || space > jxlXYBSpace) {
		return malformedError("the JPEG XL has no known colour space")
	}
	return nil
}

// readPoint reads a chromaticity.
func readJXLPoint(r *jxlBits) (x, y float64) {
	one := func() float64 {
		const unit = 1e6
		v := r.u32(jxlDist{0, 19}, jxlDist{524288, 19}, jxlDist{1048576, 20}, jxlDist{2097152, 21})
		return float64(unpackSigned(v)) / unit
	}
	x = one()
	return x, one()
}

// unpackSigned gives 0, -1, 1, -2, 2 for 0, 1, 2, 3, 4.
func unpackSigned(v uint32) int32 { return int32(v>>1) ^ -int32(v&1) }

func (c *jxlColour) readWhite(r *jxlBits) {
	white := r.enum()
	c.d65 = white == 1
	at := c.primaries[6:]
	switch white {
	case 1:
	case jxlCustom:
		at[0], at[1] = readJXLPoint(r)
	case jxlEqual:
		at[0], at[1] = 1.0/3, 1.0/3
	case jxlCinema:
		at[0], at[1] = 0.314, 0.351
	default:
		c.unread = true
	}
}

func (c *jxlColour) readPrimaries(r *jxlBits) {
	switch primaries := r.enum(); primaries {
	case bt709:
	case jxlCustom:
		for i := 0; i < 6; i += 2 {
			c.primaries[i], c.primaries[i+1] = readJXLPoint(r)
		}
	case jxlRec2100, jxlCinema:
		p := cicpPrimaries[int(primaries)]
		copy(c.primaries[:6], p[:6])
	default:
		c.unread = true
	}
}

// space is the zero value for sRGB, and for spaces that are not read.
func (c *jxlColour) space() (s transform.ColourSpace, unread bool) {
	s, ok := spaceOfCICP(bt709, int(c.transfer))
	s.Primaries = c.primaries
	switch {
	case c.gamma > 0:
		s.Curve = powerCurve(1 / c.gamma)
		return s, false // the number is exact
	case c.transfer == dciTransfer:
		s.Curve = powerCurve(2.6)
	case !ok:
		return transform.ColourSpace{}, true
	}
	return unlessSRGB(s), false
}

// linearLight says whether a decoder gives samples of linear light. libjxl does where it
// does not know the space that XYB is to be led to: without a colour management of
// its own it knows no profile.
func (h *jxlHeader) linearLight() bool {
	c := &h.colour
	return h.xyb && (c.profile || c.grey && !c.d65 || c.gamma == 0 && c.transfer == linearTransfer)
}

// declareColour says what the samples mean.
func (h *jxlHeader) declareColour(info *transform.Info) {
	switch {
	case h.colour.profile && !h.xyb:
		info.Profile = true
	case h.colour.profile || h.linearLight() && !h.colour.d65:
		declareSpace(info, transform.ColourSpace{Primaries: cicpPrimaries[bt709], Curve: powerCurve(1)}, false)
	default:
		space, unread := h.colour.space()
		if told := h.peak != 255 && h.peak < 10000; space.HDR() && told {
			space.Peak = h.peak
		}
		declareSpace(info, space, unread)
	}
	if math.IsNaN(h.peak) || h.peak <= 0 {
		h.peak = 255
	}
}
