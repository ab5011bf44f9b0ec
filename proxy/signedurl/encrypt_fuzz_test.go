package signedurl

import (
	"encoding/base64"
	"testing"
)

// FuzzEncryptedSource: a source comes back as it was, under its own key alone, and
// no bytes that are not one make more than an error.
func FuzzEncryptedSource(f *testing.F) {
	f.Add("http://a/b.jpg", []byte("0123456789abcdef0123456789abcdef"))
	f.Add("", make([]byte, 16))
	f.Add("0123456789abcdef", []byte{0xff})
	key, other := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	f.Fuzz(func(t *testing.T, source string, text []byte) {
		sealed, err := EncryptSource(key, source)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decryptSource(key, sealed); err != nil || got != source {
			t.Fatalf("%q became %q, %v", source, got, err)
		}
		if got, err := decryptSource(other, sealed); err == nil && got == source {
			t.Fatalf("%q can be read with another key", source)
		}
		got, err := decryptSource(key, base64.RawURLEncoding.EncodeToString(text))
		if err == nil && len(got) >= len(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
