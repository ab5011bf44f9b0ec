package proxy

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// unsignedRig serves widths of 100 and 200 of the origin's /open/ without a signature.
func unsignedRig(t *testing.T) *rig {
	r := newRig(t, func(c *Config) { c.Unsigned = &UnsignedAccess{} })
	rule, err := origin.ParseSourceRule(strings.TrimPrefix(r.site.URL, "http://") + "/open/")
	if err != nil {
		t.Fatal(err)
	}
	*r.cfg.Unsigned = UnsignedAccess{Rules: signedurl.UnsignedRules{Widths: []int{100, 200}},
		Sources: []origin.SourceRule{rule}}
	return r
}

func TestUnsigned(t *testing.T) {
	r := unsignedRig(t)
	for path, want := range map[string]int{
		"/unsigned/w:100/plain/" + r.site.URL + "/open/a.png":             200,
		"/unsigned/w:100/plain/" + r.site.URL + "/open/a.png?x=1":         200,
		"/unsigned/w:101/plain/" + r.site.URL + "/open/a.png":             403,
		"/unsigned/w:100/plain/" + r.site.URL + "/open/../secret/a.png":   403,
		"/unsigned/w:100/plain/" + r.site.URL + "/open/..%252Fsecret/a":   403,
		"/unsigned/w:100/plain/" + r.site.URL + "/secret/a.png":           403,
		"/unsigned/w:100/plain/https://example.com/open/a.png":            403,
		"/unsignedx/w:100/plain/" + r.site.URL + "/open/a.png":            403,
		"/w:100/plain/" + r.site.URL + "/open/a.png":                      403,
		"/unsigned/unsigned/w:100/plain/" + r.site.URL + "/open/a.png":    404,
		"/unsigned/w:100/nothing:1/plain/" + r.site.URL + "/open/a.png":   404,
		"/unsigned/" + ring.Sign("/x") + "/w:100/plain/" + r.site.URL:     404,
		strings.TrimPrefix(r.pathOf("w:150", "/secret/a.png"), "http://"): 200,
	} {
		resp, body := r.must(path)
		if resp.StatusCode != want {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
		if strings.Contains(body, "--unsigned") {
			t.Errorf("%s: %q tells strangers the rule", path, body)
		}
	}
}

// A thousand paths beside the lists make no fetch and no entry.
func TestUnsignedPathsBesideTheListsCostNothing(t *testing.T) {
	r := unsignedRig(t)
	good := "/unsigned/w:100/plain/" + r.site.URL + "/open/a.png"
	random := rand.New(rand.NewPCG(1, 2))
	asked := 0
	for asked < 1000 {
		b := []byte(good)
		for range 1 + random.IntN(4) {
			at := len("/unsigned/") + random.IntN(len(b)-len("/unsigned/"))
			switch random.IntN(3) {
			case 0:
				b[at] = "0123456789:/abc.w@"[random.IntN(18)]
			case 1:
				b = append(b[:at], b[at+1:]...)
			default:
				b = append(b[:at], append([]byte{"0123456789:/q"[random.IntN(13)]}, b[at:]...)...)
			}
		}
		path := string(b)
		if req, err := r.server.readRequest(path); err == nil &&
			(req.Params.Width == 100 || req.Params.Width == 200) && strings.Contains(req.Source, "/open/") {
			continue // it is on the lists
		}
		asked++
		resp, body := r.must(path)
		if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %.60q", path, resp.StatusCode, body)
		}
	}
	done, entries := r.asked.Load()+r.painter.results.Load(), r.cfg.Cache.Stats().Entries
	if done != 0 || entries != 0 {
		t.Errorf("%d fetches and transforms, %d entries", done, entries)
	}
}
