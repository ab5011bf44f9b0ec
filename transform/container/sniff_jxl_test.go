package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// jxlFiles are images that cjxl 0.7 wrote, of 16x12 pixels.
var jxlFiles = map[string]transform.Info{
	"lossy":         {Bands: 3},
	"lossless":      {Bands: 3, Lossless: true},
	"alpha":         {Bands: 4, Alpha: true},
	"grey":          {Bands: 1, Lossless: true},
	"deep":          {Bands: 3, Bits: 16, Lossless: true},
	"float":         {Bands: 3, Bits: 16, Lossless: true},
	"animated":      {Bands: 3, Frames: 3},
	"profile":       {Bands: 3, Lossless: true, Profile: true},
	"profile-lossy": {Bands: 3, Normalized: true, Declared: jxlP3},
	"profile-linear": {Bands: 3, Bits: 16, Normalized: true, Declared: transform.ColourSpace{
		Primaries: cicpPrimaries[bt709], Curve: powerCurve(1)}},
	"turned":      {Bands: 3, Width: 12, Height: 16},
	"of-jpeg":     {Bands: 3, AncillaryBytes: 572},
	"progressive": {Bands: 3, Lossless: true, Scans: 2, HeldPixels: 3},
}

// jxlP3 is as lcms tells the primaries of a P3 profile of its own.
var jxlP3 = transform.ColourSpace{
	Primaries: [8]float64{0.678678, 0.319373, 0.265015, 0.690054, 0.150114, 0.060042, d65X, d65Y}, Curve: srgbCurve}

func readJXLFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "sniff", "jxl-"+name+".jxl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func jxlSamples(t testing.TB) (all []sample) {
	t.Helper()
	for name, want := range jxlFiles {
		if want.Width == 0 {
			want.Width, want.Height = 16, 12
		}
		want.Format, want.Orientation = transform.JXL, 1
		want.Frames, want.Bits, want.Scans = max(want.Frames, 1), max(want.Bits, 8), max(want.Scans, 1)
		all = append(all, sample{"jxl-" + name, readJXLFile(t, name), want})
	}
	return all
}

func jxlBox(kind string, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(append(b, kind...), body...)
}

// inBoxes puts a codestream into a container, in pieces that end at the given places.
func inBoxes(codestream []byte, ends ...int) []byte {
	b := []byte(jxlSignature)
	b = append(b, jxlBox("ftyp", []byte("jxl \x00\x00\x00\x00jxl ")...)...)
	if ends == nil {
		return append(b, jxlBox("jxlc", codestream...)...)
	}
	at := 0
	for i, end := range append(ends, len(codestream)) {
		number := uint32(i)
		if end == len(codestream) {
			number |= 1 << 31
		}
		b = append(b, jxlBox("Exif", make([]byte, 20)...)...)
		b = append(b, jxlBox("jxlp", append(binary.BigEndian.AppendUint32(nil, number), codestream[at:end]...)...)...)
		at = end
	}
	return b
}

// However a codestream lies in a file, the decoder gets it without its boxes.
func TestDecoderOfAJPEGXLSeesTheCodestream(t *testing.T) {
	code := readJXLFile(t, "lossless")
	for name, b := range map[string][]byte{
		"one box":                code,
		"one piece":              inBoxes(code),
		"three pieces":           inBoxes(code, 1, 20),
		"a piece of no bytes":    inBoxes(code, 5, 5),
		"boxes behind":           append(inBoxes(code), jxlBox("Exif", 1, 2, 3)...),
		"a cut box behind":       append(inBoxes(code), jxlBox("xml ", 1, 2, 3)[:9]...),
		"a broken box behind":    append(inBoxes(code, 7), 0, 0, 0, 3, 'x', 'm', 'l', ' '),
		"junk behind codestream": append(bytes.Clone(code), "junk"...),
	} {
		info, err := Sniff(b)
		if err != nil || info.Width != 16 || info.Height != 12 {
			t.Errorf("%s: %+v, %v", name, info, err)
			continue
		}
		got := b
		if r, ok := Decodable(b, info, Needed{Metadata: true}); ok {
			got = r.Apply(b)
		}
		if !bytes.Equal(got, code) {
			t.Errorf("%s: the decoder sees %x", name, got)
		}
	}
}

// Of an animation the decoder sees the first picture, which says that it is the last.
func TestDecoderOfAJPEGXLSeesTheFirstPicture(t *testing.T) {
	code := readJXLFile(t, "animated")
	for _, b := range [][]byte{code, inBoxes(code), inBoxes(code, 9, 300)} {
		info, err := Sniff(b)
		if err != nil || info.Frames != 3 {
			t.Fatalf("%+v, %v", info, err)
		}
		r, ok := Decodable(b, info, Needed{})
		if !ok {
			t.Fatal("it is left as it is")
		}
		first := r.Apply(b)
		info.Frames, info.AncillaryBytes = 1, 0
		if got, err := Sniff(first); err != nil || got != info || len(first) >= len(code)/2 {
			t.Errorf("%+v, %v of %d bytes, want %+v", got, err, len(first), info)
		}
	}
}

// A lossy picture with a profile is decoded to linear light, for which libvips must ask
// for more than eight bits.
func TestJPEGXLInLinearLightIsDeep(t *testing.T) {
	for _, b := range [][]byte{readJXLFile(t, "profile-linear"), inBoxes(readJXLFile(t, "profile-linear"), 3)} {
		info, err := Sniff(b)
		if err != nil || info.Bits != 16 || info.Profile {
			t.Fatalf("%+v, %v", info, err)
		}
		r, ok := Decodable(b, info, Needed{})
		if !ok {
			t.Fatal("it is left as it is")
		}
		view := r.Apply(b)
		m, err := readJXLImage(newJXLBits(view, []span{{0, uint64(len(view))}}))
		if err != nil || m.depth.bits != 12 || !m.linearLight() {
			t.Errorf("%d bits, %v", m.depth.bits, err)
		}
	}
}

func TestSniffRefusesJPEGXLs(t *testing.T) {
	code := readJXLFile(t, "lossless")
	for name, tc := range map[string]struct {
		b    []byte
		want error
	}{
		"two codestreams":        {append(inBoxes(code), jxlBox("jxlc", code...)...), transform.ErrMalformed},
		"a piece behind the end": {append(inBoxes(code), jxlBox("jxlp", 0, 0, 0, 1, 1)...), transform.ErrMalformed},
		"no codestream":          {inBoxes(nil)[:12+20], transform.ErrTruncated},
		"an impossible box":      {append(inBoxes(code)[:32], 0, 0, 0, 3, 'j', 'x', 'l', 'c'), transform.ErrMalformed},
		"short in its box":       {append(inBoxes(code[:90]), jxlBox("free", 1)...), transform.ErrMalformed},
		"another beginning":      {inBoxes([]byte("\xff\x0b\x00\x00")), transform.ErrMalformed},
	} {
		if _, err := Sniff(tc.b); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzJXL(f *testing.F) {
	for _, s := range jxlSamples(f) {
		f.Add(s.b)
	}
	f.Add(inBoxes(readJXLFile(f, "animated"), 9, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, half := uint64(len(b)), uint64(len(b)/2)
		for _, pieces := range [][]span{{{0, size}}, {{0, half}, {half, size - half}}} {
			r := newJXLBits(b, pieces)
			if m, err := readJXLImage(r); err == nil && !r.short && m.heldPixels() < 0 {
				t.Fatalf("%+v", m)
			}
		}
		info, err := Sniff(b)
		if err != nil {
			return
		}
		if v, ok := Decodable(b, info, Needed{}); ok && info.Format == transform.JXL {
			got, err := Sniff(v.Apply(b))
			if err != nil || got.Width != info.Width || got.Height != info.Height || got.Frames != 1 {
				t.Fatalf("the decoder sees %+v, %v, the source is %+v", got, err, info)
			}
		}
	})
}
