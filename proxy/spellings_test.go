package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
				if resp.StatusCode != tc.want || !same || r.painter.jobs.Load() > 1 {
					t.Errorf("%d at %s: %s sent as %s: %d %s, %d jobs", flavor, root, tc.signed, tc.sent,
						resp.StatusCode, status, r.painter.jobs.Load())
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
				if resp.StatusCode != http.StatusOK || other != body || r.painter.jobs.Load() != 1 {
					t.Errorf("%s: %d, %d jobs", sent, resp.StatusCode, r.painter.jobs.Load())
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
