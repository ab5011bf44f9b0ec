package container

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// The colorants of sRGB under D50 are those of the profile that the ICC
// publishes (sRGB2014.icc), and of Display P3 those of Apple's.
func TestColorants(t *testing.T) {
	for primaries, want := range map[int][3][3]float64{
		1:  {{0.43607, 0.22249, 0.01392}, {0.38515, 0.71687, 0.09708}, {0.14307, 0.06061, 0.71410}},
		12: {{0.51512, 0.24120, -0.00105}, {0.29198, 0.69225, 0.04189}, {0.15710, 0.06657, 0.78407}},
	} {
		got, ok := colorantsOf(transform.ColourSpace{Primaries: cicpPrimaries[primaries]})
		if !ok {
			t.Errorf("primaries %d have no colorants", primaries)
		}
		for i := range want {
			for j := range want[i] {
				if math.Abs(got[i][j]-want[i][j]) > 0.0008 {
					t.Errorf("primaries %d: %v, want %v", primaries, got, want)
				}
			}
		}
	}
}

// Whatever chunks say, a profile is made that its place in a job has room for,
// or none.
func FuzzPNGColour(f *testing.F) {
	f.Add([]byte{9, 16, 0, 1}, []byte{0, 0, 0, 1, 0, 0, 0, 1}, []byte(nil), true, true)
	f.Add([]byte{10, 9, 0, 1}, []byte(nil), []byte(nil), true, true)
	f.Add([]byte{12, 13, 0, 1}, binary.BigEndian.AppendUint32(nil, 45455), make([]byte, 32), true, false)
	f.Fuzz(func(t *testing.T, code, gamma, primaries []byte, colour, profile bool) {
		var c pngColour
		c.readChunk("cICP", code)
		c.readChunk("gAMA", gamma)
		c.readChunk("cHRM", primaries)
		c.readChunk("cLLI", gamma)
		c.readChunk("mDCV", primaries)
		s := c.declaredSpace(profile, colour)
		m, isHDR := ToneMapOf(s)
		for _, v := range slices.Concat(s.Primaries[:], s.Curve[:], m.ToWide[:], m.ToSRGB[:], []float64{m.Peak}) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%+v", s)
			}
		}
		b := DeclaredProfile(s, colour)
		if b == nil != (s == transform.ColourSpace{} || isHDR) || isHDR != s.HDR() {
			t.Fatalf("%+v has a profile of %d bytes", s, len(b))
		}
		if b != nil && (len(b) > 1024 || int(binary.BigEndian.Uint32(b)) != len(b) || !profileFits(b, "RGB ", "GRAY")) {
			t.Fatalf("%+v has a profile of %d bytes", s, len(b))
		}
	})
}
