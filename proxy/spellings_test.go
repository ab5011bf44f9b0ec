package proxy

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
)

// spelled is a path with its i-th byte percent-escaped.
func spelled(path string, i int, format string) string {
	return path[:i] + fmt.Sprintf(format, path[i]) + path[i+1:]
}

// A client that may ask for one image may not ask for another one by escaping
// a part of its path: thumbor's and imagor's hashes are of the path before it
// was escaped, too.
func TestEscapingASignedPathChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		signed, sent string
		want         int
	}{
		{"50x40/filters:blur(20):quality(60)/SRC", "50x40/filters:%62lur(20):quality(60)/SRC", 200},
		{"50x40/filters:blur(20):quality(60)/SRC", "50x40/filters:blur%2820):quality(60)/SRC", 200},
		{"50x40/filters:blur(20):quality(60)/SRC", "50x40/filters%3Ablur%2820%29%3Aquality%2860%29/SRC", 200},
		{"50x40/filters:max_bytes(2000)/SRC", "50x40/filters:max%5Fbytes(2000)/SRC", 200},
		{"50x40/filters:max_bytes(2000)/SRC", "50x40/filters:max_bytes(200%30)/SRC", 200},
		{"50x40/SRC", "50x40%2FSRC", 200},
		{"50x40/SRC", "50%7840/SRC", 200},
		{"fit-in/50x40/SRC", "fit%2din/50x40/SRC", 200},
		{"50x40/filters:expire(1000)/SRC", "50x40/filters:%65xpire(1000)/SRC", 404},
		{"50x40/filters:expire(1000)/SRC", "50x40/filters:expire(1000%29/SRC", 404},
	} {
		for _, flavor := range []thumbor.Flavor{thumbor.Thumbor, thumbor.Imagor} {
			if tc.want == 404 && flavor == thumbor.Thumbor {
				continue // it has no end of URLs
			}
			for _, root := range []string{"/thumbor/", "/"} {
				d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}, Flavor: flavor})
				r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, root })
				signed := strings.Replace(tc.signed, "SRC", r.site.URL+"/a.png", 1)
				sent := strings.Replace(tc.sent, "SRC", r.site.URL+"/a.png", 1)
				honest, body := r.must(root + d.Sign(signed) + "/" + signed)
				if honest.StatusCode != tc.want {
					t.Fatalf("%s: %d %q", tc.signed, honest.StatusCode, body)
				}
				resp, other := r.must(root + d.Sign(signed) + "/" + sent)
				status := resp.Header.Get("Cache-Status")
				same := other == body && strings.Contains(status, "hit")
				if tc.want == 404 { // its text has an id of the request
					same = status == honest.Header.Get("Cache-Status") && strings.HasSuffix(status, "expired")
				}
				if resp.StatusCode != tc.want || !same || r.painter.results.Load() > 1 {
					t.Errorf("%d at %s: %s sent as %s: %d %s, %d jobs", flavor, root, tc.signed, tc.sent,
						resp.StatusCode, status, r.painter.results.Load())
				}
			}
		}
	}
}

// The same for each byte of a path, over the whole server.
func TestEscapingAnyByteChangesNothing(t *testing.T) {
	for _, flavor := range []thumbor.Flavor{thumbor.Thumbor, thumbor.Imagor} {
		d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}, Flavor: flavor})
		r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, "/thumbor/" })
		rest := "trim/0x0:90x90/-50x40/left/top/filters:blur(20):rgb(1,2,3)/" + r.site.URL + "/a.png"
		hash := d.Sign(rest)
		resp, body := r.must("/thumbor/" + hash + "/" + rest)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
		for i := range rest {
			for _, format := range []string{"%%%02x", "%%%02X"} {
				sent := spelled(rest, i, format)
				resp, other := r.must("/thumbor/" + hash + "/" + sent)
				if resp.StatusCode != http.StatusOK || other != body || r.painter.results.Load() != 1 {
					t.Errorf("%s: %d, %d jobs", sent, resp.StatusCode, r.painter.results.Load())
				}
			}
			// Twice escaped is another path.
			twice := spelled(rest, i, "%%25%02x")
			if resp, _ := r.must("/thumbor/" + hash + "/" + twice); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d", twice, resp.StatusCode)
			}
		}
	}
}

// imgproxy's clients escape colons inside of an argument, and so does pictor sign:
// such a path is not one that was damaged on its way.
func TestEscapedColonInASignedArgument(t *testing.T) {
	r := newRig(t, nil)
	for _, options := range []string{"cb:a%3Ab", "fn:a%3Ab", "cb:a%3ab/w:30"} {
		if resp, body := r.must(r.path(options)); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %q", options, resp.StatusCode, body)
		}
	}
}

// A URL purges what it has put into the cache, in the spelling that was sent, and
// with another signature, too.
func TestPurgeByTheSpellingThatWasSent(t *testing.T) {
	for _, flavor := range []thumbor.Flavor{thumbor.Thumbor, thumbor.Imagor} {
		d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}, Flavor: flavor})
		r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, "/thumbor/" })
		rest := "50x40/filters:blur(20)/" + r.site.URL + "/a.png"
		hash := d.Sign(rest)
		for _, target := range []string{
			"/thumbor/" + hash + "/" + rest,
			"/thumbor/" + hash + "/" + strings.NewReplacer(":", "%3A", "(", "%28", ")", "%29").Replace(rest),
			"/thumbor/" + hash + "/" + strings.ReplaceAll(rest, "/", "%2F"),
			"/thumbor/" + strings.ReplaceAll(hash, "=", "%3D") + "/" + strings.ReplaceAll(rest, "blur", "%62lur"),
			r.path("cb:a%3Ab"), strings.ReplaceAll(r.path("cb:1"), "cb:1", "cb%3A1"),
		} {
			r.wantStatus("cold", target, missed)
			r.wantStatus("warm", target, inMemory)
			r.purge(PurgeRequest{URLs: []string{strings.Replace(target, hash, "8ammJH8D-7tXy6kU3lTvoXlhu4o=", 1)}})
			r.wantStatus("purged: "+target, target, missed)
			r.purge(PurgeRequest{URLs: []string{target}})
		}
	}
}

// mutations change a target as clients, proxies and attackers do, at a byte that
// pick gives.
var mutations = map[string]func(target string, pick int) string{
	"escape":         func(s string, i int) string { return spelled(s, i, "%%%02X") },
	"escape, small":  func(s string, i int) string { return spelled(s, i, "%%%02x") },
	"escape twice":   func(s string, i int) string { return spelled(s, i, "%%25%02X") },
	"slash":          func(s string, i int) string { return s[:i] + "/" + s[i:] },
	"dot segment":    func(s string, i int) string { return s[:i] + "/./" + s[i:] },
	"parent segment": func(s string, i int) string { return s[:i] + "/../" + s[i:] },
	"zero byte":      func(s string, i int) string { return s[:i] + "%00" + s[i:] },
	"line break":     func(s string, i int) string { return s[:i] + "%0A" + s[i:] },
	"query":          func(s string, i int) string { return s[:i] + "?" + s[i:] },
	"parameter":      func(s string, i int) string { return s[:i] + ";" + s[i:] },
	"fragment":       func(s string, i int) string { return s[:i] + "#" + s[i:] },
	"plus":           func(s string, i int) string { return s[:i] + "+" + s[i:] },
	"cut":            func(s string, i int) string { return s[:i] + s[i+1:] },
	"fold":           func(s string, _ int) string { return strings.ReplaceAll(s, "//", "/") },
	"plus to blank":  func(s string, _ int) string { return strings.ReplaceAll(s, "+", "%20") },
	"blank to plus":  func(s string, _ int) string { return strings.ReplaceAll(s, "%20", "+") },
	"colons":         func(s string, _ int) string { return strings.ReplaceAll(s, ":", "%3A") },
	"brackets":       func(s string, _ int) string { return strings.NewReplacer("(", "%28", ")", "%29").Replace(s) },
	"slashes":        func(s string, _ int) string { return s[:1] + strings.ReplaceAll(s[1:], "/", "%2F") },
	"tildes":         func(s string, _ int) string { return strings.ReplaceAll(s, "~", "%7E") },
	"decode": func(s string, i int) string {
		if j := strings.IndexByte(s[i:], '%'); j >= 0 {
			if decoded, err := url.PathUnescape(s[i+j : min(i+j+3, len(s))]); err == nil {
				return s[:i+j] + decoded + s[min(i+j+3, len(s)):]
			}
		}
		return s
	},
	"decode all": func(s string, _ int) string {
		if decoded, err := url.PathUnescape(s); err == nil {
			return decoded
		}
		return s
	},
	"case of escapes": func(s string, i int) string {
		if j := strings.IndexByte(s[i:], '%'); j >= 0 && i+j+3 <= len(s) {
			escape := s[i+j : i+j+3]
			if lower := strings.ToLower(escape); lower != escape {
				return s[:i+j] + lower + s[i+j+3:]
			}
			return s[:i+j] + strings.ToUpper(escape) + s[i+j+3:]
		}
		return s
	},
}

// speller is a server that reads paths of one dialect, and what it signs.
type speller struct {
	server *Server
	prefix string
	// sign and verify are of what comes behind the signature's slash.
	sign   func(rest string) string
	verify func(target string) (rest string, err error)
	// options and images are what rests are made of.
	options, images []string
}

func spellers(t *testing.T) map[string]speller {
	t.Helper()
	sources := []string{"http://127.0.0.1/a%20b+c~d.jpg", "http:/127.0.0.1/a.jpg",
		"http%3A%2F%2F127.0.0.1%2Fa%3Fb%3Dc%2526d", "http://127.0.0.1/100%25.jpg",
		"http://127.0.0.1/(a):b/w:5/%7Ee.jpg", "127.0.0.1//a/../b.jpg"}
	native := []string{"w:10/", "w%3A10/", "rs:fill:30:20/", "cb:a%3Ab/", "cb:a+b%20c/", "q:7%30/", "exp:1900000000/",
		"g:fp:0.5:0.5/", "bl:3/", "pr:card/"}
	plain := []string{"aHR0cDovL3gvYS5qcGc", "aHR0c/DovL3gvYS5qcGc.png", "aHR0cDovL3gvYS5qcGc/name.jpg"}
	for _, s := range sources {
		plain = append(plain, "plain/"+s, "plain/"+s+"@webp")
	}
	key := []byte("0123456789abcdef")
	hidden, err := signedurl.EncryptSource(key, "http://127.0.0.1/a.jpg")
	if err != nil {
		t.Fatal(err)
	}
	presets := map[string]string{"card": "w:80", "blurred": "bl:5"}
	all := map[string]speller{}
	for name, tc := range map[string]struct {
		cfg     signedurl.DialectConfig
		prefix  string
		options []string
	}{
		"native": {signedurl.DialectConfig{Presets: presets}, "", native},
		"prefix": {signedurl.DialectConfig{Presets: presets}, "/images", native},
		"only presets": {signedurl.DialectConfig{Presets: presets, OnlyPresets: true}, "",
			[]string{"card/", "card:blurred/", "card%3Ablurred/"}},
		"separator": {signedurl.DialectConfig{Separator: ","}, "", []string{"w,10/", "rs,fill,30,20/", "w%2C10/", "w:10/"}},
		"hidden":    {signedurl.DialectConfig{Presets: presets, SourceKey: key, Filename: true}, "", native},
	} {
		d, err := signedurl.NewDialect(tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, func(c *Config) { c.Dialect, c.PathPrefix = d, tc.prefix })
		sign := func(rest string) string { return ring.Sign("/" + rest) }
		verify := func(target string) (string, error) {
			v, err := ring.Verify(signedurl.WithoutPrefix(target, tc.prefix))
			return strings.TrimPrefix(v.String(), "/"), err
		}
		images := append([]string{"enc/" + hidden + ".webp"}, plain...)
		all[name] = speller{r.server, tc.prefix + "/", sign, verify, tc.options, images}
	}
	filters := []string{"meta/", "trim/", "1x2:30x40/", "fit-in/", "50x40/", "50%7840/", "left/", "smart/",
		"filters:blur(2):quality(60)/", "filters:%62lur(2)/", "filters:blur%282%29/", "filters:expire(1900000000000)/",
		"filters:fill(%23f00)/", "filters:attachment(a+b%20c)/"}
	for name, cfg := range map[string]thumbor.Config{
		"thumbor": {}, "imagor": {Flavor: thumbor.Imagor},
		"imagor, cut": {Flavor: thumbor.Imagor, Hash: "sha256", Truncate: 40},
	} {
		cfg.Keys = []string{"secret", "older"}
		d := thumborDialect(t, cfg)
		for _, root := range []string{"/thumbor/", "/"} {
			r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, root })
			verify := func(target string) (string, error) {
				path, _ := r.server.cfg.inForce.Load().thumborPath(target)
				v, err := d.Verify(path)
				return v.String(), err
			}
			images := append([]string{"b64:aHR0cDovL3gvYS5qcGc"}, sources...)
			all[name+" at "+root] = speller{r.server, root, d.Sign, verify, filters, images}
		}
	}
	return all
}

// Whatever is done to a signed target, of any dialect, it is refused or read as
// what was signed, and what is read has the signature that was sent.
func TestAChangedTargetIsRefusedOrMeansTheSame(t *testing.T) {
	noise := rapid.StringOfN(rapid.SampledFrom([]rune("ax1/:%2F3A()+~@.,=_-")), 0, 12, -1)
	for name, s := range spellers(t) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				rest := strings.Join(rapid.SliceOfN(rapid.SampledFrom(s.options), 0, 4).Draw(t, "options"), "") +
					rapid.SampledFrom(s.images).Draw(t, "image")
				if rapid.IntRange(0, 3).Draw(t, "noisy") == 0 {
					at := rapid.IntRange(0, len(rest)).Draw(t, "noise at")
					rest = rest[:at] + noise.Draw(t, "noise") + rest[at:]
				}
				signature := s.sign(rest)
				signed := s.prefix + signature + "/" + rest
				honest, wrong := s.server.readRequest(signed)
				if errors.Is(wrong, signedurl.ErrSignature) {
					t.Fatalf("%s is not read as signed: %v", signed, wrong)
				}
				sent := signed
				for _, how := range rapid.SliceOfN(rapid.SampledFrom(names(mutations)), 1, 3).Draw(t, "how") {
					at := rapid.IntRange(len(s.prefix), max(len(s.prefix), len(sent)-1)).Draw(t, "at")
					sent = mutations[how](sent, min(at, len(sent)-1))
				}
				if again, err := s.verify(sent); err == nil && s.sign(again) != signature {
					t.Fatalf("signed %s\n sent %s: verified as %s, which has %s", signed, sent, again, s.sign(again))
				}
				got, err := s.server.readRequest(sent)
				switch {
				case err == nil && wrong == nil && got != honest:
					t.Fatalf("signed %s\n sent %s: %+v instead of %+v", signed, sent, got, honest)
				case err == nil && wrong != nil:
					t.Fatalf("signed %s\n sent %s: read, though what was signed is not: %v", signed, sent, wrong)
				}
			})
		})
	}
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
