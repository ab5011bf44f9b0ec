package signedurl

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor-proxy/pictor/transform"
)

func ring(t testing.TB, cfg Config) *Keyring {
	t.Helper()
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors are imgproxy's own, from its documentation and its tests.
func TestSignatureVectors(t *testing.T) {
	docs := Pair{unhex(t, "736563726574"), unhex(t, "68656C6C6F")}
	one := Pair{[]byte("test-key"), []byte("test-salt")}
	two := Pair{[]byte("test-key2"), []byte("test-salt2")}
	for _, tc := range []struct {
		name, signature, path string
		cfg                   Config
	}{
		{"documentation", "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8",
			"/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png", Config{Pairs: []Pair{docs}}},
		{"full size", "oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20", "/asd", Config{Pairs: []Pair{one}}},
		{"eight bytes", "oWaL7QoW5Ts", "/asd", Config{Pairs: []Pair{one}, Size: 8}},
		{"second key", "jYz1UZ7j1BCdSzH3pZhaYf0iuz0vusoOTdqJsUT6WXI", "/asd", Config{Pairs: []Pair{one, two}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := ring(t, tc.cfg)
			if tc.name != "second key" {
				if got := k.Sign(tc.path); got != tc.signature {
					t.Errorf("signed %q, want %q", got, tc.signature)
				}
			}
			for _, target := range []string{
				"/" + tc.signature + tc.path,
				"/" + tc.signature + tc.path + "?x=1",
				"http://cdn.example:8080/" + tc.signature + tc.path,
			} {
				got, err := k.Verify(target)
				if err != nil || got.String() != tc.path {
					t.Errorf("%s: %q, %v", target, got, err)
				}
			}
		})
	}
}

func TestVerifyRefusesEveryChangedCharacter(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	good := k.SignedPath(Request{Source: "http://example.com/a.jpg", Params: transform.Params{Width: 300}}, true)
	if _, err := k.Verify(good); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(good); i++ {
		for _, c := range []byte{'A', 'B', '-', '%', '/', '='} {
			if good[i] == c {
				continue
			}
			bad := good[:i] + string(c) + good[i+1:]
			if _, err := k.Verify(bad); err == nil {
				t.Errorf("accepted %q", bad)
			}
		}
		if _, err := k.Verify(good[:i]); err == nil {
			t.Errorf("accepted the first %d characters", i)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	pair := Pair{[]byte("test-key"), []byte("test-salt")}
	full := "oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20"
	for _, tc := range []struct {
		name, target string
		size         int
		want         error
	}{
		{"padding", "/" + full + "=/asd", 32, ErrSignature},
		{"a full signature where eight bytes are set", "/" + full + "/asd", 8, ErrSignature},
		{"eight bytes where all are set", "/oWaL7QoW5Ts/asd", 32, ErrSignature},
		{"other trailing bits", "/" + full[:42] + "1/asd", 32, ErrSignature},
		{"a line break inside", "/" + full[:10] + "\n" + full[10:] + "/asd", 32, ErrSignature},
		{"standard base64 alphabet", "/" + strings.ReplaceAll(full, "-", "+") + "/asd", 32, ErrSignature},
		{"no signature", "//asd", 32, ErrSignature},
		{"one segment", "/asd", 32, ErrMalformed},
		{"no slash", "asd", 32, ErrMalformed},
		{"empty", "", 32, ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ring(t, Config{Pairs: []Pair{pair}, Size: tc.size}).Verify(tc.target)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestInsecureTakesAnySegment(t *testing.T) {
	got, err := ring(t, Config{Insecure: true}).Verify("/unsafe/w:1/plain/x")
	if err != nil || got.String() != "/w:1/plain/x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{}, {Pairs: []Pair{{}}}, {Insecure: true, Size: 7}, {Insecure: true, Size: 33}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

func TestParse(t *testing.T) {
	const src = "http://example.com/images/curiosity.jpg"
	const b64 = "aHR0cDovL2V4YW1wbGUuY29tL2ltYWdlcy9jdXJpb3NpdHkuanBn"
	for _, tc := range []struct {
		path string
		want Request
	}{
		{"/plain/" + src, Request{Source: src}},
		{"/" + b64, Request{Source: src}},
		{"/" + b64 + "==", Request{Source: src}},
		{"/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png", Request{Source: src, Params: transform.Params{Format: transform.PNG}}},
		{"/f:webp/plain/" + src + "@jpg", Request{Source: src, Params: transform.Params{Format: transform.JPEG}}},
		{"/plain/" + src + "@", Request{Source: src}},
		{"/plain/http://example.com/a%40b%3Fc%2520d.jpg", Request{Source: "http://example.com/a@b?c%20d.jpg"}},
		{"/rs:fill:300:400:1:0/plain/" + src, Request{Source: src, Params: transform.Params{Mode: transform.Fill, Width: 300, Height: 400, Enlarge: true}}},
		{"/resize::300/plain/" + src, Request{Source: src, Params: transform.Params{Width: 300}}},
		{"/rt:auto/s:300:400::/plain/" + src, Request{Source: src, Params: transform.Params{Mode: transform.Auto, Width: 300, Height: 400}}},
		{"/w:1/w:2/plain/" + src, Request{Source: src, Params: transform.Params{Width: 2}}},
		{"/width:10/height:20/dpr:2.5/enlarge:true/gravity:soea:0:0.0/quality:70/format:jpeg/" +
			"auto_rotate:f/rotate:-90/strip_metadata:0/cachebuster:v%3A1/expires:1900000000/plain/" + src,
			Request{Source: src, CacheBuster: "v:1", Expires: 1900000000, Params: transform.Params{
				Width: 10, Height: 20, DPR: 2.5, Enlarge: true, Gravity: transform.At(transform.SouthEast), Quality: 70, Format: transform.JPEG,
				IgnoreOrientation: true, Rotate: 270, KeepMetadata: true}}},
		{"/dpr:1/q:0/rot:360/ar:1/sm:t/el:F/plain/" + src, Request{Source: src}},
		{"/plain/local:///a/b.jpg", Request{Source: "local:///a/b.jpg"}},
	} {
		got, err := ParseUnsigned(tc.path)
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
		} else if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", tc.path, d)
		}
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		path string
		want error
		text string
	}{
		{"/blurr:3/plain/x", ErrUnknownOption, `"blurr"`},
		{"/w:abc/plain/x", ErrBadArgument, `w: "abc" is not a whole number`},
		{"/w:-1/plain/x", ErrBadArgument, "w:"},
		{"/w:70000/plain/x", ErrBadArgument, "65535"},
		{"/w:1:2/plain/x", ErrBadArgument, "at most 1"},
		{"/q:101/plain/x", ErrBadArgument, "0 to 100"},
		{"/dpr:0/plain/x", ErrBadArgument, "dpr"},
		{"/dpr:0x1p-2/plain/x", ErrBadArgument, "dpr"},
		{"/rs:fit:1:2:0:0:garbage/plain/x", ErrBadArgument, "nowe"},
		{"/dpr:NaN/plain/x", ErrBadArgument, "dpr"},
		{"/rt:zoom/plain/x", ErrBadArgument, "fill-down"},
		{"/g:xx/plain/x", ErrBadArgument, "nowe"},
		{"/g:no:1:2:3/plain/x", ErrBadArgument, "at most 3"},
		{"/g:no:ten/plain/x", ErrBadArgument, `"ten"`},
		{"/g:fp:0.5/plain/x", ErrBadArgument, "fp needs two"},
		{"/g:fp:0.5:1.5/plain/x", ErrBadArgument, "from 0 to 1"},
		{"/g:sm:1/plain/x", ErrBadArgument, "0 to 0"},
		{"/rs:fit:1:1:0:maybe/plain/x", ErrBadArgument, `"maybe"`},
		{"/ex:1:sm/plain/x", ErrBadArgument, "sowe"},
		{"/el:yes/plain/x", ErrBadArgument, `"yes"`},
		{"/rot:45/plain/x", ErrBadArgument, "90"},
		{"/exp:soon/plain/x", ErrBadArgument, "Unix"},
		{"/plain/x@tiff", ErrBadArgument, `"tiff"`},
		{"/plain/x@a@b", ErrMalformed, "%40"},
		{"/aGVsbG8.jpg.png", ErrMalformed, "more than one"},
		{"/plain/%zz", ErrMalformed, "%25"},
		{"/plain/a%00b", ErrMalformed, "control characters"},
		{"/plain/http://me@example.com/a.jpg", ErrBadArgument, "write %40 for an @"},
		{"/w:1", ErrMalformed, "source is missing"},
		{"/w:1/", ErrMalformed, "source is empty"},
		{"/!!!", ErrMalformed, "base64url"},
		{"/", ErrMalformed, "source is empty"},
		{"/plain", ErrMalformed, "base64url"},
		{"/plain/", ErrMalformed, "base64url"},
	} {
		_, err := ParseUnsigned(tc.path)
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v, want %v with %q", tc.path, err, tc.want, tc.text)
		}
	}
}

func TestEqualRequestsHaveOneCanonicalText(t *testing.T) {
	want, err := ParseUnsigned("/rs:fit:720:588/q:80/plain/http://a/b.jpg@webp")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/f:webp/w:720/h:588/quality:80/plain/http://a/b.jpg",
		"/exp:99/s:720:588/q:80/aHR0cDovL2EvYi5qcGc.webp",
		"/rt:fill/rt:fit/q:1/q:80/w:720/h:588/dpr:1/plain/http%3A//a/b.jpg@webp",
	} {
		r, err := ParseUnsigned(path)
		if err != nil || r.Canonical() != want.Canonical() {
			t.Errorf("%s: %q, %v; want %q", path, r.Canonical(), err, want.Canonical())
		}
	}
	other, _ := ParseUnsigned("/rs:fit:720:588/q:80/cb:2/plain/http://a/b.jpg@webp")
	if other.Canonical() == want.Canonical() {
		t.Error("a cache buster busts nothing")
	}
	one, _ := ParseUnsigned("/w:100/plain/http://x/a.jpg")
	two, _ := ParseUnsigned("/plain/w:100/http://x/a.jpg")
	if one.Canonical() == two.Canonical() {
		t.Error("an option is taken for a part of the source")
	}
}

func TestExpired(t *testing.T) {
	r := Request{Expires: 100}
	if r.Expired(time.Unix(100, 0)) || !r.Expired(time.Unix(101, 0)) || (Request{}).Expired(time.Unix(1e10, 0)) {
		t.Error("a URL holds up to and with its last second, or for ever")
	}
}

// FuzzParse: whatever parses is written in both forms and parses to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"/rs:fill:300:400:0/g:nowe/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
		"/rs:fit:720:0/q:80/plain/https://example.com/a b.jpg%3Fx=1@webp", "/cb:%2F%3A/exp:1/plain/local:///ä.png",
		"/w:1/h/AQIDBAUGBwgJCgsMDQ4PEA.webp", "/dpr:1e1/plain/x", "/dpr:0.1/rot:-90/ar:0/sm:0/el:1/plain//x", "/:/plain/x", "/a:b/", "/plain/plain/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := ParseUnsigned(path)
		if err != nil {
			return
		}
		for _, plain := range []bool{false, true} {
			again, err := ParseUnsigned(r.Path(plain))
			if err != nil || again != r {
				t.Fatalf("%q: %+v became %q, then %+v, %v", path, r, r.Path(plain), again, err)
			}
		}
		// Equal texts are equal requests, whatever the source looks like.
		again, err := ParseUnsigned("/" + strings.TrimSuffix(r.Canonical(), r.Source) + escapePlain(r.Source))
		if err != nil || again.Canonical() != r.Canonical() {
			t.Fatalf("%q: canonical %q, then %+v, %v", path, r.Canonical(), again, err)
		}
		// The canonical options are the inverse of parsing, too.
		again, err = ParseUnsigned("/" + strings.TrimPrefix(r.Params.String()+"/", "/") + "plain/x")
		if err != nil || again.Params != r.Params {
			t.Fatalf("%q: %q parsed to %+v, %v", path, r.Params.String(), again.Params, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	k := ring(f, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	f.Add("", k.SignedPath(Request{Source: "http://a/b"}, false))
	f.Add("", "http://h/x/y?z")
	f.Add("/w:1/cb:a%3Ab/plain/http://x/a.jpg", "/w%3A1/cb:a:b/plain/http:/x/a.jpg?x")
	f.Add("/pr:a/enc/AAAA/a.jpg", "/pr%3aa/enc/AAAA/a.jpg")
	var d Dialect
	f.Fuzz(func(t *testing.T, signed, sent string) {
		if v, err := k.Verify(sent); err == nil && !strings.HasPrefix(PathOf(sent), "/"+k.Sign(v.String())+"/") {
			t.Fatalf("%q passed", sent)
		}
		// What is accepted for a signed path is that path and no other.
		v, err := k.Verify("/" + k.Sign(signed) + sent)
		if err != nil {
			return
		}
		got, err := d.Parse(v)
		if want, wrong := ParseUnsigned(signed); v.String() != signed || got != want || (err == nil) != (wrong == nil) {
			t.Fatalf("%q was signed and %q sent: %q, %+v, %v instead of %+v, %v", signed, sent, v, got, err, want,
				wrong)
		}
	})
}
