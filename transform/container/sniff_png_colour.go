package container

import (
	"encoding/binary"

	"github.com/pictor-proxy/pictor/transform"
)

// pngColour is what a PNG says of its colours before its data.
type pngColour struct {
	cicp, srgb bool
	unread     bool                  // a cICP that is not read
	space      transform.ColourSpace // of cICP
	gamma      float64               // the power of gAMA; 0 without one
	primaries  [8]float64            // of cHRM
	chrm       bool
	peak       float64 // of cLLI, or of mDCV without one, in cd/m²
	measured   bool    // it is of cLLI
}

// readChunk takes a chunk (PNG 3rd edition §11.3.2). One that is broken, or that is
// not read, is as none: the next in precedence counts.
func (c *pngColour) readChunk(name string, data []byte) {
	const unit = 100000
	switch {
	case name == "cICP" && len(data) == 4:
		// Samples of RGB, which use their full range.
		if data[2] == 0 && data[3] == 1 {
			c.space, c.cicp = spaceOfCICP(int(data[0]), int(data[1]))
		}
		c.unread = !c.cicp
	case name == "sRGB":
		c.srgb = true
	case name == "cLLI" && len(data) == 8, name == "mDCV" && len(data) == 24 && !c.measured:
		c.readPeak(name, data)
	case name == "gAMA" && len(data) == 4:
		// No display has more than these powers: beyond is a mistake.
		if v := binary.BigEndian.Uint32(data); v >= unit/10 && v <= unit*10 {
			c.gamma = unit / float64(v)
		}
	case name == "cHRM" && len(data) == 32:
		order := [8]int{6, 7, 0, 1, 2, 3, 4, 5} // white comes first
		for i, to := range order {
			c.primaries[to] = float64(binary.BigEndian.Uint32(data[4*i:])) / unit
		}
		_, c.chrm = colorantsOf(transform.ColourSpace{Primaries: c.primaries})
	}
}

// readPeak takes the brightest light of an image, or of the screen that it was made on (PNG 3rd
// edition §11.3.2.7 and §11.3.2.8).
func (c *pngColour) readPeak(name string, data []byte) {
	const perUnit, ofScreen = 10000, 16
	if name == "mDCV" {
		data = data[ofScreen:]
	}
	if v := binary.BigEndian.Uint32(data); v > 0 {
		c.peak, c.measured = float64(v)/perUnit, name == "cLLI"
	}
}

// declaredSpace is the space that counts, by the order of precedence of PNG 3rd
// edition §4.3: cICP, iCCP, sRGB, gAMA and cHRM.
func (c *pngColour) declaredSpace(profile, colour bool) transform.ColourSpace {
	s, _ := spaceOfCICP(1, 13)
	if c.space.HDR() {
		c.space.Peak = c.peak
	}
	switch {
	case c.cicp && profile:
		return c.space // even sRGB, as it goes before the profile
	case c.cicp:
		s = c.space
	case profile, c.srgb:
		return transform.ColourSpace{}
	default:
		if c.gamma > 0 {
			s.Curve = powerCurve(c.gamma)
		}
		if c.chrm {
			s.Primaries = c.primaries
		}
	}
	if !colour {
		s.Primaries = cicpPrimaries[1] // grey has none
	}
	return unlessSRGB(s)
}
