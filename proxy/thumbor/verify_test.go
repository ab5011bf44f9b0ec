package thumbor

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

func TestVerify(t *testing.T) {
	rotated := dialect(t, Config{Keys: []string{"new", "old"}})
	old := dialect(t, Config{Keys: []string{"old"}})
	const rest = "10x10/example.com/a b.jpg"
	if _, err := rotated.Verify("/" + old.Sign(rest) + "/" + rest); err != nil {
		t.Error("the second key does not verify:", err)
	}
	// imagor signs what is decoded.
	if _, err := old.Verify("/" + old.Sign(rest) + "/10x10/example.com/a%20b.jpg"); err != nil {
		t.Error("the decoded form does not verify:", err)
	}
	if _, err := old.Verify("/unsafe/" + rest); !errors.Is(err, signedurl.ErrSignature) {
		t.Error("unsafe passes:", err)
	}
	if got, err := dialect(t, Config{Unsafe: true}).Verify("/unsafe/" + rest); err != nil || got.String() != rest {
		t.Errorf("%q, %v", got, err)
	}
	got, err := dialect(t, Config{Unsafe: true}).Verify("/meta/" + rest)
	if err != nil || got.String() != "meta/"+rest {
		t.Errorf("%q, %v", got, err)
	}
	for _, path := range []string{"", "/", "/x", "/x/"} {
		if _, err := old.Verify(path); !errors.Is(err, signedurl.ErrMalformed) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, cfg := range []Config{{}, {Keys: []string{""}}, {Keys: []string{"k"}, Hash: "md5"},
		{Keys: []string{"k"}, Truncate: 8}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

// What clients sign and send, and what is made of it on its way. The peers take
// what is taken here; thumbor only what is sent as it was signed.
func TestVerifyGivesTheSpellingThatWasSigned(t *testing.T) {
	for _, tc := range []struct {
		signed, sent string
		fits         bool
	}{
		{"10x10/http://x/a.jpg", "10x10/http://x/a.jpg", true},
		{"10x10/http://x/a.jpg", "10x10/http%3A%2F%2Fx%2Fa.jpg", true},
		{"10x10/http%3A%2F%2Fx%2Fa.jpg", "10x10/http%3A%2F%2Fx%2Fa.jpg", true},
		{"10x10/http%3A%2F%2Fx%2Fa.jpg", "10x10%2Fhttp%253A%252F%252Fx%252Fa.jpg", true},
		{"10x10/http://x/a b.jpg", "10x10/http://x/a%20b.jpg", true},
		{"10x10/http://x/a b.jpg", "10x10/http://x/a+b.jpg", true},
		{"10x10/http://x/a+b c.jpg", "10x10/http://x/a+b%20c.jpg", true},
		{"10x10/http://x/a+b.jpg", "10x10/http://x/a%2Bb.jpg", true},
		{"10x10/http://x/~a.jpg", "10x10/http://x/%7Ea.jpg", true},
		{"10x10/http://x/100%.jpg", "10x10/http://x/100%25.jpg", true},
		{"10x10/http://x/a.jpg?b=c", "10x10/http://x/a.jpg%3Fb=c", true},
		{"filters:blur(2):fill(red)/x/a.jpg", "filters%3Ablur%282%29%3Afill%28red%29/x/a.jpg", true},
		{"filters:blur(2)/x/\u00fc.jpg", "filters:blur(2)/x/%C3%BC.jpg", true},
		// The other way round the peers do not know what it was, either.
		{"10x10/http://x/%7Ea.jpg", "10x10/http://x/~a.jpg", false},
		{"10x10/http://x/%C3%BC.jpg", "10x10/http://x/%c3%bc.jpg", false},
		{"10x10/http://x/a%2Fb.jpg", "10x10/http://x/a/b.jpg", false},
		{"10x10/http://x/a.jpg", "10x10/http:/x/a.jpg", false},
		{"10x10/http://x/a.jpg", "10x10/http%253A%252F%252Fx%252Fa.jpg", false},
		{"10x10/x/a.jpg", "10x10/x/a.jpg%00", false},
		{"10x10/x/a.jpg", "10x10/x/%0Aa.jpg", false},
		{"10x10/x/a.jpg", "10x10/./x/a.jpg", false},
	} {
		for _, flavor := range []Flavor{Thumbor, Imagor} {
			d := dialect(t, Config{Keys: []string{"k"}, Flavor: flavor})
			for _, hash := range []string{d.Sign(tc.signed), strings.ReplaceAll(d.Sign(tc.signed), "=", "%3D")} {
				v, err := d.Verify("/" + hash + "/" + tc.sent)
				if tc.fits && (err != nil || v.String() != tc.signed) {
					t.Errorf("%d: %s sent as %s: %q, %v", flavor, tc.signed, tc.sent, v, err)
				}
				if !tc.fits && !errors.Is(err, signedurl.ErrSignature) {
					t.Errorf("%d: %s sent as %s: %q, %v", flavor, tc.signed, tc.sent, v, err)
				}
			}
		}
	}
	// A path that is escaped as a whole.
	d := dialect(t, Config{Keys: []string{"k"}})
	const rest = "10x10/http://x/a.jpg"
	if v, err := d.Verify("/" + d.Sign(rest) + "%2F10x10%2Fhttp%3A%2F%2Fx%2Fa.jpg"); err != nil || v.String() != rest {
		t.Errorf("%q, %v", v, err)
	}
}

// The hash and the paths are those of imagor's TestWithRetryQueryUnescape and of
// cshum/imagor#258, but for their hosts.
func TestEscapedPathsAreReadAsImagorDoes(t *testing.T) {
	imagor := dialect(t, Config{Keys: []string{"1234"}, Unsafe: true, Flavor: Imagor})
	for sent, want := range map[string]string{
		"GSqGN9NrCj-DlGT38BaycScxM9g=/filters%3Afill%28red%29/gopher.png": "bg:f00/plain/https://gopher.png",
		"unsafe/filters%3Afill%28red%29/gopher.png":                       "bg:f00/plain/https://gopher.png",
		"unsafe/filters%3Afill%28red%29/https://x/gopher.png":             "bg:f00/plain/https://x/gopher.png",
		"unsafe/filters:fill%28red%29/https://x/gopher.png":               "bg:f00/plain/https://x/gopher.png",
		"unsafe%2Ffilters:fill%28red%29%2Fhttps%3A%2F%2Fx%2Fgopher.png":   "bg:f00/plain/https://x/gopher.png",
		"unsafe/https%3A%2F%2Fx%2F(a)%3Ab.png":                            "plain/https://x/(a):b.png",
		"unsafe/https%253A%252F%252Fx%252Fa.png":                          "plain/https://x/a.png",
		// What makes sense as it is is read as it is.
		"unsafe/filters:%66ill(red)/https://x/a.png": "plain/https://x/a.png",
		"unsafe/x%2Fa.png":                           "plain/https://x/a.png",
		"unsafe/https://x/a%252Fb.png":               "plain/https://x/a%252Fb.png",
	} {
		v, err := imagor.Verify("/" + sent)
		if err != nil {
			t.Errorf("%s: %v", sent, err)
			continue
		}
		got, err := imagor.Parse(v)
		if want, wrong := signedurl.ParseUnsigned("/" + want); err != nil || wrong != nil || got != want {
			t.Errorf("%s: %q, %v; want %q, %v", sent, got.Canonical(), err, want.Canonical(), wrong)
		}
	}
	// What is decoded may hold what no path does.
	for _, name := range []string{"a%0D%0Ab", "a%FF"} {
		sent := "filters%3Aattachment(" + name + ")/https://x/a.png"
		v, err := imagor.Verify("/unsafe/" + sent)
		if r, wrong := imagor.Parse(v); err != nil || wrong == nil && isURL(r.Source) {
			t.Errorf("%s: %+v, %v", sent, r, err)
		}
		signed, err := url.PathUnescape(sent)
		if err != nil {
			t.Fatal(err)
		}
		v, err = imagor.Verify("/" + imagor.Sign(signed) + "/" + sent)
		if r, wrong := imagor.Parse(v); err != nil || !errors.Is(wrong, signedurl.ErrMalformed) {
			t.Errorf("signed %q: %+v, %v, %v", signed, r, err, wrong)
		}
	}
	// thumbor takes such a path for an image.
	thumbor := dialect(t, Config{Unsafe: true})
	v, err := thumbor.Verify("/unsafe/filters%3Afill%28red%29/gopher.png")
	const image = "http://filters:fill(red)/gopher.png"
	if r, wrong := thumbor.Parse(v); err != nil || wrong != nil || r.Source != image {
		t.Errorf("%+v, %v, %v", r, err, wrong)
	}
	if _, err := imagor.Parse(Verified{}); !errors.Is(err, signedurl.ErrMalformed) {
		t.Errorf("nothing that was verified: %v", err)
	}
}

// FuzzVerify: what is accepted for a signed path is that path and no other.
func FuzzVerify(f *testing.F) {
	f.Add("300x200/filters:blur(20)/x/a b.jpg", "/300x200/filters:%62lur(20)/x/a+b.jpg")
	f.Add("filters:expire(1000)/http://x/a.jpg", "%2Ffilters:%65xpire(1000%29/http:%2F/x/a.jpg")
	f.Add("meta/b64:aHR0cDovL3gvYS5qcGc", "/meta/b64%3aaHR0cDovL3gvYS5qcGc")
	ds := []*Dialect{dialect(f, Config{Keys: []string{"k", "l"}}),
		dialect(f, Config{Keys: []string{"k"}, Flavor: Imagor, Hash: "sha512", Truncate: 30})}
	f.Fuzz(func(t *testing.T, signed, sent string) {
		for _, d := range ds {
			hash := d.Sign(signed)
			v, err := d.Verify(hash + sent)
			if err != nil {
				continue
			}
			if v.String() != signed || d.Sign(v.String()) != hash {
				t.Fatalf("%q was signed, %q sent, and %q is accepted", signed, sent, v)
			}
			got, err := d.Parse(v)
			want, wrong := d.ParseUnsigned(signed)
			if got != want || (err == nil) != (wrong == nil) {
				t.Fatalf("%q sent as %q: %+v, %v instead of %+v, %v", signed, sent, got, err, want, wrong)
			}
		}
	})
}
