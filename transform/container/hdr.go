package container

import "github.com/pictor-proxy/pictor/transform"

// Lights of HDR images, in cd/m².
const (
	referenceWhite = 203   // ITU-R BT.2408 §2.1: what an SDR image calls white
	nominalPeak    = 1000  // the brightest light where a source tells of none
	brightestLight = 10000 // that PQ has a code for
)

// ToneMap is what the pipeline needs to show an HDR image in sRGB.
type ToneMap struct {
	Transfer transform.Transfer
	// ToWide leads from linear light in the primaries of the source to that of ITU-R BT.2020, where
	// tones are mapped, and ToSRGB from there to sRGB: rows of a matrix.
	ToWide, ToSRGB [9]float64
	// Peak is the brightest light as a multiple of the reference white.
	Peak float64
}

// ToneMapOf is the way of an HDR space to sRGB; ok is false where it is none.
func ToneMapOf(s transform.ColourSpace) (m ToneMap, ok bool) {
	if !s.HDR() {
		return m, false
	}
	const bt2020 = 9
	from, ok := lightToD50(s.Primaries)
	if !ok {
		return m, false
	}
	wide, _ := lightToD50(cicpPrimaries[bt2020])
	srgb, _ := lightToD50(cicpPrimaries[bt709])
	m = ToneMap{
		Transfer: s.Transfer, ToWide: wide.inverse().product(from).rows(), ToSRGB: srgb.inverse().product(wide).rows(),
		Peak: nominalPeak / float64(referenceWhite),
	}
	if s.Peak > 0 {
		m.Peak = min(s.Peak, brightestLight) / referenceWhite
	}
	return m, true
}

// lightToD50 leads from linear light in these primaries to XYZ as seen under D50.
func lightToD50(primaries [8]float64) (m matrix3, ok bool) {
	columns, ok := colorantsOf(transform.ColourSpace{Primaries: primaries})
	for i, column := range columns {
		for j, v := range column {
			m[j][i] = v
		}
	}
	return m, ok
}

func (m matrix3) product(n matrix3) (out matrix3) {
	for i := range m {
		for j := range m {
			for k := range m {
				out[i][j] += m[i][k] * n[k][j]
			}
		}
	}
	return out
}

func (m matrix3) rows() (out [9]float64) {
	for i, row := range m {
		copy(out[3*i:], row[:])
	}
	return out
}

// CodeOf is the pair of numbers of ITU-T H.273 for an HDR space, with which a result can declare it.
// ok is false where there is none.
func CodeOf(s transform.ColourSpace) (primaries, transfer int, ok bool) {
	for code := 1; code <= 22; code++ {
		if p, known := cicpPrimaries[code]; known && p == s.Primaries {
			return code, int(s.Transfer), s.HDR()
		}
	}
	return 0, 0, false
}
