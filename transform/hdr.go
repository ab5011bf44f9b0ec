package transform

// Transfer is a transfer characteristic by its number in ITU-T H.273 table 3.
type Transfer uint8

// The transfers that ColourSpace.Curve cannot express.
const (
	Log100 Transfer = 9  // logarithmic, over a range of 100 to 1
	Log316 Transfer = 10 // over one of 100 times the root of 10 to 1
	PQ     Transfer = 16 // SMPTE ST 2084
	HLG    Transfer = 18 // ARIB STD-B67
)

// HDR says whether samples reach beyond the white of an SDR screen (ITU-R BT.2100).
func (s ColourSpace) HDR() bool { return s.Transfer == PQ || s.Transfer == HLG }

// KeepsHDR says whether a result stays in PQ or HLG: preserve_hdr asks for it, the result has the
// depth and a place to declare it (libvips gives a JPEG XL none), and nothing is mixed into the picture
// whose colours are those of SDR.
func (p Params) KeepsHDR(info Info) bool {
	return info.Declared.HDR() && p.Deep(info) && p.Format != JXL && !p.PNG.Palette && !p.mixesColours()
}

// mixesColours says whether p changes colours, or adds others to those of the source.
func (p Params) mixesColours() bool {
	return p.Brightness != 0 || p.Shift != [3]int{} || p.Contrast.On || p.Saturation.On || p.Monochrome.Intensity > 0 ||
		p.Watermark.On() || p.Background.On || p.Linear
}

// toneMapBytes is what the tables take with which HDR is shown in sRGB: four bytes for each code of 16 bits,
// and for each of 16384 steps of light.
func toneMapBytes(s ColourSpace) float64 {
	if s.HDR() {
		return mib / 2
	}
	return 0
}
