package signedurl

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

func TestUploadPaths(t *testing.T) {
	ring := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	b := &Builder{Keyring: ring, Server: "https://img.example.com/images/"}
	at := time.Unix(1900000000, 0)
	for want, u := range map[string]URL{
		"/upload":                           b.Upload(),
		"/s:300:200/rt:fill/upload.webp":    b.Upload().Fill(300, 200).Format(transform.WebP),
		"/w:300/exp:1900000000/upload.auto": b.Upload().Options("w:300/f:auto").ExpiresAt(at),
		"/pr:card/q:80/fn:YQ:1/upload":      b.Upload().Preset("card").Quality(80).Filename("a"),
		"/blur:2/att:1/cb:1/upload.png":     b.Upload().Options("blur:2/att:1/cb:1/f:png"),
		"/raw:1/upload":                     b.Upload().Options("raw:1"),
		"/w:20/sm:0/upload.jpg":             b.Upload().Options("w:20/f:jpg/sm:0"),
	} {
		whole, err := u.URL()
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		target, ok := CutUpload(strings.TrimPrefix(whole, "https://img.example.com/images"))
		if !ok {
			t.Errorf("%s is no upload", whole)
			continue
		}
		v, err := ring.Verify(target)
		if err != nil {
			t.Errorf("%s: %v", whole, err)
			continue
		}
		d, err := NewDialect(DialectConfig{Presets: map[string]string{"card": "w:100"}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.ParseUpload(v)
		if err != nil || r.Source != "" {
			t.Errorf("%s: %+v, %v", v, r, err)
		}
		if again, err := d.ParseUnsignedUpload(r.UploadPath()); err != nil || again != r {
			t.Errorf("%s: %+v became %s, then %+v, %v", want, r, r.UploadPath(), again, err)
		}
		same, err := d.ParseUnsignedUpload(want)
		if err != nil || same != r {
			t.Errorf("%s: %+v, %v instead of %+v", want, same, err, r)
		}
	}
	if _, err := b.Upload().SrcSet(1, 2); !errors.Is(err, ErrBadArgument) {
		t.Errorf("a srcset: %v", err)
	}
	for _, target := range []string{"/", "/transform", "/x/transform/a/upload", "/transformer/a/upload"} {
		if path, ok := CutUpload(target); ok {
			t.Errorf("%s is an upload, %s", target, path)
		}
	}
}

// What is signed for one kind of path is no path of the other kind, whatever it has for a source.
func TestUploadsAndSourcesShareNoSignature(t *testing.T) {
	for _, cfg := range []DialectConfig{{}, {Filename: true}, {SourceKey: make([]byte, 32)},
		{OnlyPresets: true, Presets: map[string]string{"a": "w:1"}}} {
		d, err := NewDialect(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/upload", "/upload.webp", "/w:1/upload", "/w:1/upload.jpg", "/a/upload",
			"/plain/upload", "/plain/x/upload", "/enc/upload", "/aHR0cDovL3gvYS5qcGc/upload",
			"/aHR0cDovL3gvYS5qcGc.jpg", "/plain/http://x/a.jpg", "/w:1/upload/a.jpg", "/w:1/upload.jpg/a.png"} {
			_, fetched := d.ParseUnsigned(path)
			_, sent := d.ParseUnsignedUpload(path)
			if fetched == nil && sent == nil {
				t.Errorf("%+v: %s is both", cfg, path)
			}
		}
	}
	var d Dialect
	for _, path := range []string{"", "/", "/w:1", "/w:1/", "/upload@webp", "/upload.a.b", "/uploads", "/w:1/upload/"} {
		if _, err := d.ParseUnsignedUpload(path); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := d.ParseUpload(Verified{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("nothing that was verified: %v", err)
	}
}

func FuzzParseUpload(f *testing.F) {
	for _, s := range []string{"/rs:fill:300:400:0/g:nowe/upload.png", "/upload", "/raw:1/upload.jpg", "/f:auto/upload",
		"/exp:5/upload.auto", "/aHR0cDovL3g/upload"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		var d Dialect
		_, _ = d.ParseUpload(Verified{path: path})
		r, err := d.ParseUnsignedUpload(path)
		if err != nil {
			return
		}
		if again, err := d.ParseUnsignedUpload(r.UploadPath()); err != nil || again != r {
			t.Fatalf("%q: %+v became %q, then %+v, %v", path, r, r.UploadPath(), again, err)
		}
		if other, err := ParseUnsigned(path); err == nil {
			t.Fatalf("%q is of the source %q, too", path, other.Source)
		}
	})
}
