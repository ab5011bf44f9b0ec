package container

import (
	"bytes"
	"compress/zlib"
	"testing"
)

// FuzzProfile: of a profile in an iCCP chunk no more than its header is inflated,
// and that is what was deflated.
func FuzzProfile(f *testing.F) {
	chunk := func(b []byte) []byte {
		var out bytes.Buffer
		out.WriteString("name\x00\x00")
		z := zlib.NewWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.Bytes()
	}
	f.Add(chunk(make([]byte, 200)), make([]byte, 200))
	f.Add([]byte("\x00\x00"), []byte("x"))
	f.Add([]byte("no end"), bytes.Repeat([]byte("mntrRGB "), 40))
	f.Fuzz(func(t *testing.T, b, profile []byte) {
		if h := pngProfile(b); h != nil && len(h) != profileHeader {
			t.Fatalf("%d bytes", len(h))
		}
		h := pngProfile(chunk(profile))
		if (h != nil) != (len(profile) >= profileHeader) || h != nil && !bytes.Equal(h, profile[:profileHeader]) {
			t.Fatalf("%q: %q", profile, h)
		}
		if profileFits(b, "RGB ") && profileFits(b, "CMYK", "GRAY") {
			t.Fatalf("%q is of two colour spaces", b)
		}
	})
}
