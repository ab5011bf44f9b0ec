package proxy

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

const someWidths = "pick:100:200"

// What browsers pick of a signed list is served under its one signature, and shares the entry of the path that
// says it itself; all else is refused, before anything is fetched.
func TestPick(t *testing.T) {
	r := newRig(t, nil)
	path := r.path(someWidths)
	for target, want := range map[string]string{
		"/w:100" + r.path("w:100"):             "403 not-in-list",
		"/w:300" + path:                        "403 not-in-list",
		"/w:0100" + path:                       "403 not-in-list",
		"/f:webp" + path:                       "403 not-in-list",
		"/w:100/w:200" + path:                  "403 wrong-signature",
		"/q:50" + path:                         "403 wrong-signature",
		"/w:100" + path[:20]:                   "403 wrong-signature",
		"/w:100" + path[1:]:                    "403 wrong-signature",
		"/w:100/unsigned" + path:               "403 wrong-signature",
		"/unsigned/w:100" + path:               "403 wrong-signature",
		"/w:100/x" + path:                      "403 wrong-signature",
		"/w:100" + path + "x/../../":           "403 wrong-signature",
		"/w:100" + r.path("exp:1/"+someWidths): "404 expired",
		"/w:300" + r.path("exp:1/"+someWidths): "403 not-in-list",
		"/w:100" + strings.Replace(path, "100:200", "100:300", 1):                         "403 wrong-signature",
		"/w:100" + strings.Replace(path, "a.png", "b.png", 1):                             "403 wrong-signature",
		"/w:100" + path[strings.Index(path, "/pick"):]:                                    "403 wrong-signature",
		"/w:100/" + ring.Sign("/w:100"+path[strings.Index(path, "/pick"):]) + "/pick:1/x": "403 wrong-signature",
	} {
		resp, body := r.must(target)
		if status, code, _ := strings.Cut(want, " "); strconv.Itoa(resp.StatusCode) != status ||
			!strings.HasPrefix(body, code+": ") {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
	r.wantAsked("refused ones", 0, 0)
	r.wantStatus("the first of the list", path, missed)
	r.wantAsked("the first of the list", 1, 1)
	for _, same := range []string{"/w:100" + path, "/w%3A100" + path, r.path("w:100"), "/w:100" + path + "?x"} {
		r.wantStatus("the same image", same, inMemory)
	}
	resp, body := r.must("/w:200" + path)
	_, alone := r.must(r.path("w:200"))
	if resp.StatusCode != 200 || body != alone || resp.Header["Vary"] != nil {
		t.Error(resp.Status, resp.Header)
	}
	r.quiet()
	r.wantAsked("both widths", 2, 2)
	if n := r.cfg.Cache.Stats().Entries; n != 2 {
		t.Errorf("%d entries", n)
	}
}

// A thousand paths that differ from a good one by what stands before the signature make no fetch and no entry.
func TestChoicesBesideTheListsCostNothing(t *testing.T) {
	r := newRig(t, nil)
	path := r.path(someWidths + "/pick_format:webp:png/pick_dpr:1:2")
	random := rand.New(rand.NewPCG(1, 2))
	for asked := 0; asked < 1000; {
		b := []byte("/w:100/dpr:2/f:webp")
		for range 1 + random.IntN(4) {
			at := 1 + random.IntN(len(b)-1)
			switch random.IntN(3) {
			case 0:
				b[at] = "0123456789:/abcdfprw."[random.IntN(21)]
			case 1:
				b = append(b[:at], b[at+1:]...)
			default:
				b = append(b[:at], append([]byte{"0123456789:/w"[random.IntN(13)]}, b[at:]...)...)
			}
		}
		target := string(b) + path
		if _, err := r.server.readRequest(target); err == nil {
			if _, rest := r.server.cfg.inForce.Load().Dialect.CutChoice(target); rest != path {
				t.Fatalf("%s is read", target)
			}
			continue // it is of the lists
		}
		asked++
		resp, body := r.must(target)
		if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %.60q", target, resp.StatusCode, body)
		}
	}
	r.quiet()
	r.wantAsked("a thousand of them", 0, 0)
	if n := r.cfg.Cache.Stats().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A path that was answered is known by all of it: another choice before the same signature is not, nor one whose
// time has passed.
func TestKnownTargetsWithAChoice(t *testing.T) {
	r := newHitRig(t)
	path := r.path("exp:" + strconv.FormatInt(r.clock.now().Add(time.Hour).Unix(), 10) + "/" + someWidths +
		"/pick_format:auto:webp")
	accept := "Accept: image/avif,image/webp"
	for _, choice := range []string{"/w:100", "/w:200", "/w:200/f:webp"} {
		for i := range 3 {
			got, short := r.askInFront(choice+path, accept)
			varies := strings.Contains(got.header, "Vary")
			if got.status != 200 || i == 2 && !short || varies == strings.Contains(choice, "f:") {
				t.Errorf("%s: %d, the short way %v, %s", choice, got.status, short, got.header)
			}
			r.settled()
		}
	}
	for _, choice := range []string{"/w:300", "/w:100/f:avif", "/w:0100"} {
		if got, short := r.askInFront(choice+path, accept); got.status != 403 || short {
			t.Errorf("%s: %d, the short way %v", choice, got.status, short)
		}
	}
	r.clock.pass(2 * time.Hour)
	for _, choice := range []string{"", "/w:100", "/w:200/f:webp"} {
		if got, short := r.askInFront(choice+path, accept); got.status != 404 || short {
			t.Errorf("%s: %d, the short way %v after its end", choice, got.status, short)
		}
	}
}

// A purge of a URL with signed lists covers all that clients may pick, and one with a choice that alone.
func TestPurgeOfAPick(t *testing.T) {
	r := newRig(t, func(c *Config) { c.PathPrefix = "/img" })
	path := r.path(someWidths)
	fill := func() {
		for _, choice := range []string{"/w:100", "/w:200"} {
			r.must("/img" + choice + path)
		}
	}
	fill()
	unsigned := "/img" + path[strings.Index(path, "/pick"):]
	for ask, gone := range map[string][2]bool{
		"/img" + path: {true, true}, unsigned: {true, true}, "/img/w:200" + path: {false, true},
		"https://img.example.com/img/w:100/_" + path[strings.Index(path, "/pick"):]: {true, false},
	} {
		fill()
		answer := r.purge(PurgeRequest{URLs: []string{ask}})
		for i, width := range []string{"/w:100", "/w:200"} {
			resp, _ := r.must("/img" + width + path)
			if got := !strings.Contains(resp.Header.Get("Cache-Status"), "hit"); got != gone[i] {
				t.Errorf("a purge of %s: %s is gone: %v (%v)", ask, width, got, answer.CDNTags)
			}
		}
	}
	fill()
	r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}})
	for _, width := range []string{"/w:100", "/w:200"} {
		r.wantStatus("after a purge of the source", "/img"+width+path, missed)
	}
	if _, err := r.server.Purge(t.Context(), PurgeRequest{URLs: []string{"/img/w:300" + path}}); err == nil {
		t.Error("a choice that no list has is purged")
	}
}

// Warming reads a choice as clients do, and what it mints for a width is the entry of the choice.
func TestWarmingAPick(t *testing.T) {
	r := newRig(t, nil)
	path := r.path("rs:fill:100:100/" + someWidths)
	r.warm(WarmRequest{URLs: []string{"/w:200" + path}})
	r.wantStatus("warmed by its URL", "/w:200"+path, inMemory)
	r.warm(WarmRequest{Sources: []string{r.site.URL + "/a.png"}, Widths: []int{100}, Options: "rs:fill:100:100"})
	r.wantStatus("warmed by its width", "/w:100"+path, inMemory)
	images, _ := r.warm(WarmRequest{Sources: []string{r.site.URL + "/a.png"}, Widths: []int{300, 400},
		Formats: []string{"png", "webp"}, Options: "pick:300:400/pickf:webp:png"})
	if len(images) != 4 {
		t.Error(images)
	}
	for _, width := range []string{"w:300", "w:400"} {
		for _, format := range []string{"png", "webp"} {
			r.wantStatus("of a list in the options", r.path(width+"/f:"+format), inMemory)
		}
	}
}

// Other dialects and prefixes beside signed lists.
func TestPickBesideOtherDialects(t *testing.T) {
	d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}, Unsafe: true})
	dialect, err := signedurl.NewDialect(signedurl.DialectConfig{Separator: "_", Allowed: []string{"pick"},
		Presets: map[string]string{"card": "rs_fill_50_50/pick_50_60"}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.Thumbor, c.ThumborPath, c.Dialect = d, "/", dialect
		c.AutoFormats = []transform.Format{transform.WebP}
	})
	source := "/plain/" + r.site.URL + "/a.png"
	sign := func(path string) string { return "/" + ring.Sign(path) + path }
	rest := "50x40/" + r.site.URL + "/a.png"
	for target, want := range map[string]int{
		"/w_60" + sign("/pick_50_60"+source): 200, "/w_61" + sign("/pick_50_60"+source): 403,
		"/w:60" + sign("/pick_50_60"+source): 403, "/w_60" + sign("/card"+source): 404,
		"/w_60/unsafe/" + rest: 403, "/unsafe/" + rest: 200, "/w_60/" + d.Sign(rest) + "/" + rest: 403,
	} {
		if resp, body := r.must(target); resp.StatusCode != want {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
}

// Paths with no signature where any word is one: what stood for that word before pick came still does.
func TestPickWhereAnyWordIsASignature(t *testing.T) {
	any, err := signedurl.New(signedurl.Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Keyring = any })
	source := "plain/" + r.site.URL + "/a.png"
	for target, want := range map[string]int{
		"/w:60/_/pick:50:60/" + source: 200, "/w:61/_/pick:50:60/" + source: 403, "/w:60/" + source: 200,
		"/w:60/h:50/" + source: 200, "/w:61/unsafe/h:50/" + source: 403, "/q:5/h:50/" + source: 200,
	} {
		if resp, body := r.must(target); resp.StatusCode != want {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
}
