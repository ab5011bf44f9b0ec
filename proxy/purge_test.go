package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

func (r *rig) purge(ask PurgeRequest) PurgeAnswer {
	r.t.Helper()
	a, err := r.server.Purge(r.t.Context(), ask)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// Each way of naming things purges these and no others.
func TestPurgeExactlyWhatIsNamed(t *testing.T) {
	dialect, err := thumbor.New(thumbor.Config{Hash: "sha1", Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	const everything = "a10 a20 auto avif both dir sale tagged thumbor webp"
	for _, tc := range []struct {
		name string
		ask  func(site string) PurgeRequest
		gone string // of the pictures below
	}{
		{"a URL", func(site string) PurgeRequest {
			return PurgeRequest{URLs: []string{"https://cdn.example/any-signature/w:10/plain/" + site + "/a.png?utm=1"}}
		}, "a10"},
		{"a URL in another spelling", func(site string) PurgeRequest {
			return PurgeRequest{URLs: []string{"/x/width:10/exp:1/plain/" + strings.Replace(site, "http:", "HTTP:", 1) +
				"/a.png"}}
		}, "a10"},
		{"a URL in another dialect", func(site string) PurgeRequest {
			return PurgeRequest{URLs: []string{"/thumbor/nohash/fit-in/30x30/" + site + "/a.png"}}
		}, "thumbor"},
		{"a URL that is negotiated", func(site string) PurgeRequest {
			return PurgeRequest{URLs: []string{"/x/w:30/f:auto/plain/" + site + "/b.png"}}
		}, "auto avif both webp"},
		{"a source", func(site string) PurgeRequest { return PurgeRequest{Sources: []string{site + "/a.png"}} }, "a10 a20 thumbor"},
		{"a tag of a URL", func(string) PurgeRequest { return PurgeRequest{Tags: []string{"Sale"}} }, "sale"},
		{"a tag of the origin", func(string) PurgeRequest { return PurgeRequest{Tags: []string{"node:5"}} }, "tagged"},
		{"a prefix", func(site string) PurgeRequest { return PurgeRequest{Prefixes: []string{site + "/dir/"}} }, "dir tagged"},
		{"a host", func(site string) PurgeRequest { return PurgeRequest{Hosts: []string{"127.0.0.1"}} }, everything},
		{"a host with its port", func(site string) PurgeRequest {
			return PurgeRequest{Hosts: []string{strings.TrimPrefix(site, "http://")}}
		}, everything},
		{"another port", func(site string) PurgeRequest { return PurgeRequest{Hosts: []string{"127.0.0.1:1"}} }, ""},
		{"all", func(string) PurgeRequest { return PurgeRequest{All: true, Mode: "hard"} }, everything},
		{"several", func(site string) PurgeRequest {
			return PurgeRequest{Tags: []string{"sale"}, Sources: []string{site + "/dir/c.png"}}
		}, "dir sale"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w watch
			r := newRig(t, func(c *Config) {
				onDisk(t, &w, t.TempDir(), t.TempDir())(c)
				c.Thumbor, c.ThumborPath = dialect, "/thumbor/"
			})
			r.gate = func(req *http.Request) {
				r.header = http.Header{}
				if strings.HasSuffix(req.URL.Path, "tagged.png") {
					r.header.Set("Surrogate-Key", "node:5 page")
				}
			}
			auto := r.pathOf("w:30/f:auto", "/b.png")
			pictures := map[string][]string{
				"a10": {r.path("w:10")}, "a20": {r.path("w:20")},
				"auto": {auto}, "webp": {auto, "Accept", "image/webp"}, "avif": {auto, "Accept", "image/avif"},
				"both": {auto, "Accept", chrome},
				"sale": {r.pathOf("w:10/ct:sale:new", "/s.png")}, "dir": {r.pathOf("w:10", "/dir/c.png")}, "tagged": {r.pathOf("w:10", "/dir/tagged.png")},
				"thumbor": {"/thumbor/unsafe/fit-in/30x30/" + r.site.URL + "/a.png"},
			}
			for name, p := range pictures {
				r.status(p[0], p[1:]...)
				if got := r.status(p[0], p[1:]...); got != inMemory {
					t.Fatalf("%s: %s", name, got)
				}
			}
			r.purge(tc.ask(r.site.URL))
			for name, p := range pictures {
				want := inMemory
				if strings.Contains(" "+tc.gone+" ", " "+name+" ") {
					want = missed
				}
				if got := r.status(p[0], p[1:]...); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestASoftPurgeLeavesSomethingToServe(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	r.header.Set("Etag", `"v1"`)
	r.wantStatus("cold", r.path("w:10"), missed)
	a := r.purge(PurgeRequest{All: true})
	if a.Mode != "soft" || a.Sequence != 1 || strings.Join(a.CDNTags, " ") != "pictor-all" {
		t.Errorf("%+v", a)
	}
	r.answers(unchanged)
	r.wantStatus("soft", r.path("w:10"), staleNow)
	r.wantStatus("refreshed", r.path("w:10"), inMemory)
	r.wantAsked("asked whether it is the same", 2, 1)
}

// A hard purge asks for the whole source again; one of a URL only whether it
// is still the same.
func TestWhatAPurgeAsksOfTheOrigin(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	r.header.Set("Etag", `"v1"`)
	var conditions []string
	r.gate = func(req *http.Request) { conditions = append(conditions, req.Header.Get("If-None-Match")) }
	r.status(r.path("w:10"))
	r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}})
	r.wantStatus("after a hard one", r.path("w:10"), missed)
	r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}, Mode: "soft"})
	r.wantStatus("after a soft one", r.path("w:10"), staleNow)
	r.purge(PurgeRequest{URLs: []string{r.path("w:10")}, Mode: "hard"})
	r.wantStatus("after one of the URL", r.path("w:10"), missed)
	if got := fmt.Sprintf("%q", conditions); got != `["" "" "\"v1\"" ""]` {
		t.Errorf("conditions %s", got)
	}
}

// A purge while the source is on its way: what was asked before is no answer.
func TestAPurgeMeetsAFillInFlight(t *testing.T) {
	r := newRig(t, nil)
	started, release := r.hold()
	got := make(chan string)
	go func() {
		_, body, err := r.get(context.Background(), r.path("w:10/h:10/rt:force"))
		if err != nil {
			t.Error(err)
		}
		got <- body
	}()
	<-started
	r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}})
	r.gate = nil
	close(release)
	<-got
	r.wantAsked("it was fetched again", 2, 2)
	r.wantStatus("and that one is kept", r.path("w:10/h:10/rt:force"), inMemory)
}

// A source that is in use is not shared with those who ask after it was purged.
func TestAPurgeMeetsASourceInUse(t *testing.T) {
	r := newRig(t, nil)
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.painter.fail = func(context.Context) error {
		first := false
		once.Do(func() { first = true; close(started) })
		if first {
			<-release
		}
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, body, err := r.get(context.Background(), r.path("w:10")); err != nil || resp.StatusCode != 200 {
			t.Errorf("%v %.100q %v", resp, body, err)
		}
	}()
	<-started
	if resp, _ := r.must(r.path("w:20")); resp.StatusCode != 200 || r.asked.Load() != 1 {
		t.Errorf("%d, %d fetches", resp.StatusCode, r.asked.Load())
	}
	r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}})
	if resp, _ := r.must(r.path("w:30")); resp.StatusCode != 200 || r.asked.Load() != 2 {
		t.Errorf("after the purge: %d, %d fetches", resp.StatusCode, r.asked.Load())
	}
	close(release)
	<-done
}

func TestRestart(t *testing.T) {
	var w watch
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(fixedPicture) }))
	defer site.Close()
	dir, state := t.TempDir(), t.TempDir()
	run := func(name string, state string, use func(r *rig)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, onDisk(t, &w, dir, state))
			r.elsewhere = site.URL
			use(r)
		})
	}
	run("before", state, func(r *rig) {
		for _, p := range []string{"w:10", "w:20", "w:30/ct:sale"} {
			r.wantStatus("cold", r.path(p), missed)
		}
	})
	run("after", state, func(r *rig) {
		resp, body := r.must(r.path("w:10"))
		if resp.Header.Get("Content-Type") != "image/png" || int64(len(body)) != resp.ContentLength || len(body) == 0 {
			t.Errorf("%v, %d bytes", resp.Header, len(body))
		}
		r.until("it is promoted", func() bool { return r.cfg.Cache.Stats().Promoted == 1 })
		r.wantStatus("promoted", r.path("w:10"), inMemory)
		r.wantStatus("on disk", r.path("w:20"), onFile)
		r.wantStatus("another size of a source on disk", r.path("w:40"), missed)
		r.wantAsked("nothing else", 0, 1)
		r.purge(PurgeRequest{Tags: []string{"sale"}})
	})
	run("purges outlast a restart", state, func(r *rig) {
		r.wantStatus("purged", r.path("w:30/ct:sale"), missed)
		r.wantStatus("not purged", r.path("w:20"), onFile)
	})
	run("without its log nothing is believed", t.TempDir(), func(r *rig) {
		r.wantStatus("lost", r.path("w:20"), missed)
	})
}

var fixedPicture = gray(40, 30)

// The admin port, as over the network.
func TestPurgeOverHTTP(t *testing.T) {
	r := newRig(t, nil)
	r.status(r.path("w:10"))
	post := func(h http.Handler, body string, header ...string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8081/purge", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
			if header[i] == "Host" {
				req.Host = header[i+1]
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
	open, closed := r.server.Admin(""), r.server.Admin("secret")
	good := `{"sources": ["` + r.site.URL + `/a.png"]}`
	for _, tc := range []struct {
		name   string
		h      http.Handler
		body   string
		header []string
		status int
		text   string
	}{
		{"no JSON", open, "sources", nil, 400, "bad-argument: The body must be JSON such as "},
		{"unknown field", open, `{"source": []}`, nil, 400, "bad-argument"},
		{"two", open, good + good, nil, 400, "one JSON object"},
		{"nothing", open, `{}`, nil, 400, "othing to purge"},
		{"mode", open, `{"all": true, "mode": "gentle"}`, nil, 400, "hard or soft"},
		{"no picture's URL", open, `{"urls": ["/x/nosuch:1/plain/a"]}`, nil, 400, "not an image URL"},
		{"no source", open, `{"sources": ["a.jpg"]}`, nil, 400, "the source has no scheme"},
		{"prefix without a host", open, `{"prefixes": ["https://exam"]}`, nil, 400, "scheme://host/"},
		{"a host with a path", open, `{"hosts": ["example.com/a"]}`, nil, 400, "example.com:8080"},
		{"a tag with a blank", open, `{"tags": ["a b"]}`, nil, 400, "blanks"},
		{"too many", open, `{"tags": [` + strings.Repeat(`"a",`, maxPurgeTargets) + `"a"]}`, nil, 400, "at once"},
		{"too large", open, `{"tags": ["` + strings.Repeat("a", maxPurgeBody) + `"]}`, nil, 413, "at most 1 MiB"},
		{"a form", open, good, []string{"Content-Type", "text/plain"}, 415, "Send JSON"},
		{"by another name", open, good, []string{"Host", "evil.example:8081"}, 403, "wrong-host"},
		{"without the token", closed, good, nil, 401, "unauthorized"},
		{"with the wrong one", closed, good, []string{"Authorization", "Bearer x"}, 401, "unauthorized"},
		{"with it, by another name", closed, good, []string{"Host", "pictor.internal", "Authorization", "Bearer secret"}, 200, `"sequence":1`},
		{"on this machine", open, good, []string{"Host", "localhost:8081"}, 200, `"sequence":2`},
	} {
		w := post(tc.h, tc.body, tc.header...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.text) ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", tc.name, w.Code, w.Body)
		}
	}
	if n := r.cfg.Clock.Applied(); n != 2 {
		t.Errorf("%d purges", n)
	}
	var a PurgeAnswer
	w := post(open, `{"urls": ["`+r.path("w:10")+`"], "hosts": ["Example.com"], "mode": "soft"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Sequence != 3 || a.Mode != "soft" ||
		len(a.CDNTags) != 2 {
		t.Errorf("%+v, %v", a, err)
	}
	resp, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := httptest.NewRecorder()
	open.ServeHTTP(m, resp)
	text, _ := io.ReadAll(m.Body)
	for _, want := range []string{"pictor_purge_sequence 3", "pictor_purges_total 3",
		`pictor_sources_total{how="fetched"} 1`, `pictor_cache_hits_total{tier="memory"} 0`,
		`pictor_sent_bytes_total{outcome="miss",tier="none"} `,
		"pictor_sources_fetched_bytes_total " + fmt.Sprint(len(r.picture))} {
		if !strings.Contains(string(text), want) {
			t.Errorf("metrics without %s", want)
		}
	}
}

func FuzzPurgeURL(f *testing.F) {
	r := newRig(f, func(c *Config) { c.AutoFormats = []transform.Format{transform.WebP} })
	for _, s := range []string{"/x/w:10/plain/http://a/b.png", "https://h/s/rs:fit:1:1/aHR0cDovL2E", "", "/", "//",
		"/x/%", "/x/f:auto/plain/http://a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		keys, err := r.server.keysOf(target)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%q: %q, %v", target, keys, err)
		}
	})
}

// A purge while an answer waits for room to be sent: what would be sent then is
// not what was purged.
func TestAPurgeMeetsAnAnswerThatWaits(t *testing.T) {
	for _, mode := range []string{"hard", "soft"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Transformer = &huge{bytes: 4 << 20} }) // too large for the RAM cache
			all, err := r.server.memory.Budgets.Responses.Acquire(t.Context(),
				r.server.memory.Budgets.Responses.Stats().Capacity)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan string)
			go func() {
				resp, _, err := r.get(context.Background(), r.path("w:10"))
				if err != nil {
					t.Error(err)
					got <- ""
					return
				}
				got <- strings.TrimPrefix(withoutTTL(resp.Header.Get("Cache-Status")), "pictor; ")
			}()
			r.until("it waits", func() bool { return r.server.memory.Budgets.Responses.Stats().Waiting == 1 })
			r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}, Mode: mode})
			all.Release()
			if s := <-got; s != missed || r.asked.Load() != 2 {
				t.Errorf("%s, and the origin was asked %d times", s, r.asked.Load())
			}
		})
	}
}

// What is remembered of a source goes with a purge by whatever tag it may have;
// that its origin is not well only with one that names it.
func TestAPurgeByATagEndsWhatIsRemembered(t *testing.T) {
	for status, asked := range map[int]int64{404: 2, 415: 2, 502: 1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			r := newRig(t, nil)
			r.header.Set("Cache-Tag", "node5")
			r.answers(func(w http.ResponseWriter) {
				switch status {
				case 415:
					fmt.Fprint(w, "<!DOCTYPE html><html>")
				case 502:
					w.WriteHeader(500)
				default:
					w.WriteHeader(status)
				}
			})
			for i := range 2 {
				if resp, body := r.must(r.path("w:10")); resp.StatusCode != status {
					t.Errorf("%d: %d %.100q", i, resp.StatusCode, body)
				}
			}
			r.purge(PurgeRequest{Tags: []string{"node5"}})
			if resp, _ := r.must(r.path("w:10")); resp.StatusCode != status || r.asked.Load() != asked {
				t.Errorf("%d, asked %d times, want %d", resp.StatusCode, r.asked.Load(), asked)
			}
		})
	}
}
