package signedurl

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func hashRing(t *testing.T, key string) *Keyring {
	t.Helper()
	return ring(t, Config{Pairs: []Pair{{[]byte(key), []byte("salt")}}})
}

// The hash is of the documented form, as other languages make it:
//
//	printf 'pictor source hashsalt' | openssl dgst -sha256 -hmac key -binary | xxd -p -c 32
//	printf 'https://example.com/a.jpg' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | head -c 16
func TestHashSource(t *testing.T) {
	key := hashRing(t, "key").HashKey()
	got := hex.EncodeToString(key)
	if want := "b60e701bc2334ce755203f45b0b7f70aacd7170ae5578b9e27ab73dc98705580"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	h := HashSource(key, "https://example.com/a.jpg")
	if got, want := h.String(), "zODZs7YAlvIAeR7W3In0xg"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	if again, err := ParseSourceHash(h.String()); err != nil || again != h {
		t.Errorf("%v became %v, %v", h, again, err)
	}
	for _, other := range []SourceHash{HashSource(key, "https://example.com/b.jpg"),
		HashSource(hashRing(t, "other").HashKey(), "https://example.com/a.jpg")} {
		if other == h {
			t.Error("another source or key has the same hash")
		}
	}
	if ring(t, Config{Insecure: true}).HashKey() != nil {
		t.Error("a ring without a key has one for hashes")
	}
}

func TestParseHashedSource(t *testing.T) {
	const text = "AQIDBAUGBwgJCgsMDQ4PEA"
	hash, err := ParseSourceHash(text)
	if err != nil {
		t.Fatal(err)
	}
	webp := transform.Params{Format: transform.WebP}
	for path, want := range map[string]Request{
		"/h/" + text:           {SourceHash: hash},
		"/h/" + text + ".webp": {SourceHash: hash, Params: webp},
		"/h/" + text + "@webp": {SourceHash: hash, Params: webp},
		"/f:auto/h/" + text:    {SourceHash: hash, Auto: true},
	} {
		if got, err := ParseUnsigned(path); err != nil || got != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	named := newDialect(t, DialectConfig{Filename: true})
	if got, err := named.ParseUnsigned("/h/" + text + ".webp/cat.png"); err != nil || got.Params != webp {
		t.Errorf("with a name: %+v, %v", got, err)
	}
	for _, path := range []string{"/h/", "/h/" + text[1:], "/h/" + text + "A", "/h/" + text[:21] + "B",
		"/h/" + text + "==", "/h/" + text + ".webp.jpg", "/h/" + text + ".webp@jpg", "/h/" + text + "/x",
		"/h/" + strings.Repeat("A", 22), "/h/" + text[:21] + "%41"} {
		if got, err := ParseUnsigned(path); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBadArgument) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

func TestBuilderHidesSources(t *testing.T) {
	k := hashRing(t, "key")
	b := &Builder{Keyring: k, HashKey: k.HashKey(), SourceKey: make([]byte, 16)}
	const source = "https://example.com/secret/a.jpg"
	path, err := b.Source(source).Fill(300, 200).Format(transform.WebP).Path()
	if err != nil || strings.Contains(path, "secret") || !strings.HasSuffix(path, "/h/"+
		HashSource(k.HashKey(), source).String()+".webp") {
		t.Fatalf("%s, %v", path, err)
	}
	v, err := k.Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Dialect{}).Parse(v)
	if err != nil || got.Source != "" || got.SourceHash != HashSource(k.HashKey(), source) || got.Params.Width != 300 {
		t.Errorf("%+v, %v", got, err)
	}
	// A cache knows the source by its URL, however a path names it.
	hidden, plain := got, got
	hidden.Source, plain.Source, plain.SourceHash = source, source, SourceHash{}
	if hidden.Canonical() != plain.Canonical() {
		t.Errorf("%s and %s", hidden.Canonical(), plain.Canonical())
	}
}
