package container

import (
	"encoding/binary"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

const d65X, d65Y = 0.3127, 0.3290

// cicpPrimaries are those of ITU-T H.273 table 2. Numbers that are not here
// are reserved or say nothing.
var cicpPrimaries = map[int][8]float64{
	1:  {0.640, 0.330, 0.300, 0.600, 0.150, 0.060, d65X, d65Y},
	4:  {0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316},
	5:  {0.640, 0.330, 0.290, 0.600, 0.150, 0.060, d65X, d65Y},
	6:  {0.630, 0.340, 0.310, 0.595, 0.155, 0.070, d65X, d65Y},
	7:  {0.630, 0.340, 0.310, 0.595, 0.155, 0.070, d65X, d65Y},
	8:  {0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316},
	9:  {0.708, 0.292, 0.170, 0.797, 0.131, 0.046, d65X, d65Y},
	10: {1, 0, 0, 1, 0, 0, 1 / 3.0, 1 / 3.0}, // CIE XYZ
	11: {0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351},
	12: {0.680, 0.320, 0.265, 0.690, 0.150, 0.060, d65X, d65Y},
	22: {0.630, 0.340, 0.295, 0.605, 0.155, 0.077, d65X, d65Y},
}

var srgbCurve = [5]float64{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045}

func powerCurve(g float64) [5]float64 { return [5]float64{g, 1, 0, 0, 0} }

// cicpCurves are those of ITU-T H.273 table 3. The curves of BT.709 and its
// kin are a camera's; browsers show them as sRGB.
var cicpCurves = map[int][5]float64{
	1: srgbCurve, 6: srgbCurve, 11: srgbCurve, 12: srgbCurve, 13: srgbCurve, 14: srgbCurve, 15: srgbCurve,
	4: powerCurve(2.2),
	5: powerCurve(2.8),
	7: {1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 0.25, 0.0912},
	8: powerCurve(1),
	// SMPTE ST 428-1: 48 cd/m² are white, of 52.37 at most.
	17: {2.6, 1.0340805, 0, 0, 0},
}

// cicpTransfers are those of the same table that are no such curve.
var cicpTransfers = map[int]transform.Transfer{
	9: transform.Log100, 10: transform.Log316, 16: transform.PQ, 18: transform.HLG,
}

// Code points of ITU-T H.273: unspecified says nothing, in either table.
const bt709, srgbTransfer, unspecified = 1, 13, 2

// spaceOfCICP is the space of two code points, of which 2 says nothing: that is sRGB.
// ok is false for one that is not read.
func spaceOfCICP(primaries, transfer int) (s transform.ColourSpace, ok bool) {
	if primaries == unspecified {
		primaries = bt709
	}
	if transfer == unspecified {
		transfer = srgbTransfer
	}
	var isCurve, isTransfer bool
	s.Primaries, ok = cicpPrimaries[primaries]
	s.Curve, isCurve = cicpCurves[transfer]
	s.Transfer, isTransfer = cicpTransfers[transfer]
	return s, ok && (isCurve || isTransfer)
}

// declareSpace puts into info a colour space, which the pipeline leads to sRGB or keeps
// as a profile. One that is not read is lost in a result.
func declareSpace(info *transform.Info, s transform.ColourSpace, unread bool) {
	info.Declared = s
	info.Normalized = info.Normalized || unread || s != transform.ColourSpace{}
}

// unlessSRGB is s, or the zero value where no eye could tell it from sRGB: with
// primaries as encoders round them, and a power of 2.2 in the place of the
// curve, which PNG's gAMA cannot tell better.
func unlessSRGB(s transform.ColourSpace) transform.ColourSpace {
	const near, nearGamma = 0.002, 0.05
	srgb := cicpPrimaries[1]
	for i := range srgb {
		if math.Abs(s.Primaries[i]-srgb[i]) > near {
			return s
		}
	}
	if s.Curve == srgbCurve || s.Curve == powerCurve(s.Curve[0]) && math.Abs(s.Curve[0]/2.2-1) < nearGamma {
		return transform.ColourSpace{}
	}
	return s
}

type matrix3 [3][3]float64

func (m matrix3) times(v [3]float64) (out [3]float64) {
	for i := range m {
		out[i] = m[i][0]*v[0] + m[i][1]*v[1] + m[i][2]*v[2]
	}
	return out
}

func (m matrix3) inverse() matrix3 {
	minor := func(i, j int) float64 {
		a, b := (i+1)%3, (i+2)%3
		c, d := (j+1)%3, (j+2)%3
		return m[a][c]*m[b][d] - m[a][d]*m[b][c]
	}
	det := m[0][0]*minor(0, 0) + m[0][1]*minor(0, 1) + m[0][2]*minor(0, 2)
	var out matrix3
	for i := range 3 {
		for j := range 3 {
			out[j][i] = minor(i, j) / det
		}
	}
	return out
}

var (
	d50      = [3]float64{0.9642, 1, 0.8249}
	bradford = matrix3{{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}
)

// colorantsOf are the columns of red, green and blue in XYZ as seen under D50
// (ICC.1:2022 annex E). ok is false where the primaries are none.
func colorantsOf(s transform.ColourSpace) (columns [3][3]float64, ok bool) {
	xyz := func(i int) [3]float64 {
		x, y := s.Primaries[i], s.Primaries[i+1]
		return [3]float64{x, y, 1 - x - y}
	}
	var m matrix3
	for i := range 3 {
		for j, v := range xyz(2 * i) {
			m[j][i] = v
		}
	}
	white := xyz(6)
	for i := range white {
		white[i] /= s.Primaries[7]
	}
	share := m.inverse().times(white)
	from, to := bradford.times(white), bradford.times(d50)
	for i := range 3 {
		cone := bradford.times([3]float64{m[0][i] * share[i], m[1][i] * share[i], m[2][i] * share[i]})
		for j := range cone {
			cone[j] *= to[j] / from[j]
		}
		columns[i] = bradford.inverse().times(cone)
		for _, v := range columns[i] {
			const most = 4
			if !(math.Abs(v) < most) {
				return columns, false
			}
		}
	}
	return columns, true
}

// DeclaredProfile is an ICC profile of a colour space that numbers declare, for samples of colour or of grey. It
// is nil for the zero value, and for HDR, which no profile of this kind can tell.
func DeclaredProfile(s transform.ColourSpace, colour bool) []byte {
	if s == (transform.ColourSpace{}) || s.HDR() {
		return nil
	}
	columns, ok := colorantsOf(s)
	if !ok {
		return nil
	}
	curve := curveTag(s)
	// One record of 12 bytes, 28 bytes from the start: "decl. " in UTF-16.
	text := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS\x00\x00\x00\x0c\x00\x00\x00\x1c" +
		"\x00d\x00e\x00c\x00l\x00.\x00 ")
	tags := []iccTag{{"desc", text}, {"cprt", text}, {"wtpt", iccXYZ(d50)}}
	if !colour {
		return iccProfile("GRAY", append(tags, iccTag{"kTRC", curve}))
	}
	for i, name := range []string{"r", "g", "b"} {
		tags = append(tags, iccTag{name + "XYZ", iccXYZ(columns[i])}, iccTag{name + "TRC", curve})
	}
	return iccProfile("RGB ", tags)
}

// curveTag is the curve of a space to linear light (ICC.1:2022 §10.6 and §10.18).
func curveTag(s transform.ColourSpace) []byte {
	if s.Transfer != 0 {
		return logarithmicTag(s.Transfer)
	}
	curve := []byte("para\x00\x00\x00\x00\x00\x03\x00\x00")
	for _, v := range s.Curve {
		curve = appendFixed(curve, v)
	}
	return curve
}

// logarithmicTag is a table of a logarithmic transfer, in whose steps it is as good as straight.
func logarithmicTag(t transform.Transfer) []byte {
	const steps = 64
	decades := 2.0
	if t == transform.Log316 {
		decades = 2.5
	}
	curve := binary.BigEndian.AppendUint32([]byte("curv\x00\x00\x00\x00"), steps+1)
	curve = append(curve, 0, 0) // black is black
	for i := 1; i <= steps; i++ {
		v := math.Pow(10, decades*(float64(i)/steps-1))
		curve = binary.BigEndian.AppendUint16(curve, uint16(math.Round(65535*v)))
	}
	return curve
}

type iccTag struct {
	name string
	data []byte
}

func appendFixed(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(v*65536))))
}

func iccXYZ(v [3]float64) []byte {
	b := []byte("XYZ \x00\x00\x00\x00")
	for _, c := range v {
		b = appendFixed(b, c)
	}
	return b
}

// iccProfile is a display profile (ICC.1:2022 §7).
func iccProfile(space string, tags []iccTag) []byte {
	const entry = 12
	be := binary.BigEndian
	b := make([]byte, profileHeader)
	copy(b[8:], "\x04\x30\x00\x00mntr"+space+"XYZ ")
	be.PutUint16(b[24:], 2024) // a date has to be one
	be.PutUint32(b[26:], 1<<16|1)
	copy(b[36:], "acsp")
	copy(b[68:], iccXYZ(d50)[8:])
	b = be.AppendUint32(b, uint32(len(tags)))
	at := len(b) + entry*len(tags)
	var data []byte
	for _, t := range tags {
		b = be.AppendUint32(be.AppendUint32(append(b, t.name...), uint32(at+len(data))), uint32(len(t.data)))
		data = append(data, t.data...)
		data = append(data, make([]byte, -len(data)&3)...)
	}
	b = append(b, data...)
	be.PutUint32(b, uint32(len(b)))
	return b
}
