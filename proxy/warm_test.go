package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// postWarm sends a request to warm over a connection, and gives its response.
func (r *rig) postWarm(ctx context.Context, body string) (*http.Response, error) {
	admin := httptest.NewServer(r.server.Admin(""))
	r.t.Cleanup(admin.Close)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, admin.URL+"/warm", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return admin.Client().Do(req)
}

// startWarm sends a request to warm. The lines come when it has ended.
func (r *rig) startWarm(ctx context.Context, ask WarmRequest) <-chan []WarmLine {
	r.t.Helper()
	body, err := json.Marshal(ask)
	if err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan []WarmLine, 1)
	go func() {
		defer close(ended)
		resp, err := r.postWarm(ctx, string(body))
		if err != nil {
			if ctx.Err() == nil {
				r.t.Error(err)
			}
			return
		}
		defer resp.Body.Close()
		var lines []WarmLine
		for dec := json.NewDecoder(resp.Body); ; {
			var l WarmLine
			if err := dec.Decode(&l); err != nil {
				if err != io.EOF && ctx.Err() == nil {
					r.t.Errorf("%d %v after %+v", resp.StatusCode, err, lines)
				}
				break
			}
			if l.Status != StatusWaiting && l.Status != StatusWorking {
				lines = append(lines, l)
			}
		}
		ended <- lines
	}()
	return ended
}

// warm warms, and gives the lines of the images and the last one.
func (r *rig) warm(ask WarmRequest) (images []WarmLine, end WarmLine) {
	r.t.Helper()
	lines := <-r.startWarm(r.t.Context(), ask)
	if len(lines) == 0 || lines[len(lines)-1].WarmTotals == nil {
		r.t.Fatalf("no last line: %+v", lines)
	}
	return lines[:len(lines)-1], lines[len(lines)-1]
}

// What was warmed is a hit for clients, whatever way it was named, and nothing is made twice.
func TestWhatIsWarmedIsAHit(t *testing.T) {
	dialect, err := thumbor.New(thumbor.Config{Hash: "sha1", Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	negotiates := func(c *Config) { c.AutoFormats = []transform.Format{transform.AVIF, transform.WebP} }
	const avif, webp, none = "image/avif,image/webp,*/*;q=0.8", "image/webp", "*/*"
	type ask struct{ path, accept string }
	source := func(r *rig) []string { return []string{r.site.URL + "/a.png"} }
	for _, tc := range []struct {
		name   string
		change func(*Config)
		ask    func(r *rig) WarmRequest
		jobs   int
		hits   func(r *rig) []ask
	}{
		{"paths and whole URLs", nil, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{r.path("w:10"), "https://img.example" + r.path("w:20") + "?utm=1"}}
		}, 2, func(r *rig) []ask { return []ask{{r.path("w:10"), none}, {r.path("width:20"), none}} }},
		{"a source in widths", nil, func(r *rig) WarmRequest {
			return WarmRequest{Sources: source(r), Widths: []int{10, 20}, Options: "rs:fill:100:50/q:80"}
		}, 2, func(r *rig) []ask {
			return []ask{{r.path("rs:fill:10:5/q:80"), none}, {r.path("q:80/rs:fill:20:10"), none}}
		}},
		{"a source in formats", nil, func(r *rig) WarmRequest {
			return WarmRequest{Sources: source(r), Widths: []int{10}, Formats: []string{"webp", "jpg"}}
		}, 2, func(r *rig) []ask { return []ask{{r.path("w:10/f:webp"), none}, {r.path("w:10/f:jpeg"), none}} }},
		{"a source as it is", nil, func(r *rig) WarmRequest {
			return WarmRequest{Sources: []string{r.site.URL + "/a.png", r.site.URL + "/b.png"}, Options: "w:10"}
		}, 2, func(r *rig) []ask { return []ask{{r.path("w:10"), none}, {r.pathOf("w:10", "/b.png"), none}} }},
		{"all that is negotiated", negotiates, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{r.path("w:10")}}
		}, 3, func(r *rig) []ask {
			p := r.path("w:10")
			return []ask{{p, avif}, {p, webp}, {p, none}, {r.path("w:10/f:webp"), none}}
		}},
		{"what some clients negotiate", negotiates, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{r.path("w:10")}, Accept: []string{webp, "image/webp;q=0.5"}}
		}, 1, func(r *rig) []ask { return []ask{{r.path("w:10"), webp}} }},
		{"what names its format", negotiates, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{r.path("w:10/f:png")}}
		}, 1, func(r *rig) []ask { return []ask{{r.path("w:10/f:png"), avif}} }},
		{"a URL that asks for negotiation", nil, func(r *rig) WarmRequest {
			return WarmRequest{Sources: source(r), Formats: []string{"auto"}, Widths: []int{10}}
		}, 3, func(r *rig) []ask { return []ask{{r.path("w:10/f:auto"), avif}, {r.path("w:10/f:auto"), none}} }},
		{"thumbor's", func(c *Config) { c.Thumbor, c.ThumborPath = dialect, "/thumbor/" }, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{"/thumbor/unsafe/fit-in/30x30/" + r.site.URL + "/a.png"}}
		}, 1, func(r *rig) []ask { return []ask{{"/thumbor/unsafe/fit-in/30x30/" + r.site.URL + "/a.png", none}} }},
		{"below a prefix", func(c *Config) { c.PathPrefix = "/img" }, func(r *rig) WarmRequest {
			return WarmRequest{URLs: []string{"/img" + r.path("w:10")}, Sources: source(r), Widths: []int{20}}
		}, 2, func(r *rig) []ask { return []ask{{"/img" + r.path("w:10"), none}, {"/img" + r.path("w:20"), none}} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w watch
			r := newRig(t, func(c *Config) {
				onDisk(t, &w, t.TempDir(), t.TempDir())(c)
				if tc.change != nil {
					tc.change(c)
				}
			})
			images, end := r.warm(tc.ask(r))
			if len(images) != tc.jobs || end.Status != StatusDone || end.Warmed != tc.jobs || end.Failed+end.Left != 0 {
				t.Errorf("%+v, in the end %+v %+v", images, end, end.WarmTotals)
			}
			if n := r.painter.results.Load(); n != int64(tc.jobs) {
				t.Errorf("%d jobs, want %d", n, tc.jobs)
			}
			for _, ask := range tc.hits(r) {
				if got := r.status(ask.path, "Accept", ask.accept); !strings.HasPrefix(got, "hit; ") {
					t.Errorf("%s as %s: %s", ask.path, ask.accept, got)
				}
			}
			for _, l := range images {
				got := r.status(signedurl.PathOf(l.URL), "Accept", l.Accept)
				if !strings.HasPrefix(got, "hit; ") || l.Bytes == 0 {
					t.Errorf("the line %+v: %s", l, got)
				}
			}
			if again, end := r.warm(tc.ask(r)); len(again) != tc.jobs || end.Already != tc.jobs {
				t.Errorf("again: %+v %+v", again, end.WarmTotals)
			}
			if n := r.painter.results.Load(); n != int64(tc.jobs) {
				t.Errorf("%d jobs in the end, want %d", n, tc.jobs)
			}
		})
	}
}

// A URL that clients may not have cannot be warmed either, for the same reason.
func TestWarmingFailsAsAClientsRequest(t *testing.T) {
	var w watch
	var l errorLog
	r := newRig(t, func(c *Config) {
		timed(t, &w, transform.PixelVersion)(c)
		logged(&l, 0, &w)(c)
	})
	r.gate = func(req *http.Request) {
		r.answers(nil)
		if req.URL.Path == "/gone.png" {
			r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
		}
	}
	unsafe := func(path string) string { return "/" + ring.Sign(path) + path }
	urls := []string{
		strings.Replace(r.path("w:1"), "w:1", "w:2", 1), r.path("wat:1"), r.path("exp:1"), r.path("msr:10"), "/nothing", "",
		r.pathOf("w:10", "/gone.png"), unsafe("/w:10/plain/ftp://a/b.png"), unsafe("/w:10/plain/http://10.0.0.1/b.png"),
	}
	images, end := r.warm(WarmRequest{URLs: append(urls, r.path("w:10"))})
	if end.Failed != len(urls) || end.Warmed != 1 || end.Status != StatusDone {
		t.Errorf("%+v %+v", end, end.WarmTotals)
	}
	for _, line := range images[:len(images)-1] {
		code := "malformed-path" // of an empty line, which no client can send
		if line.URL != "" {
			_, body := r.must(line.URL)
			code, _, _ = strings.Cut(body, ": ")
		}
		if line.Code != code || line.Error == "" || line.Status != StatusFailed {
			t.Errorf("%+v, a client gets %s", line, code)
		}
	}
	if n := len(l.lines(t, "image not warmed")); n != len(urls) {
		t.Errorf("%d failures in the log", n)
	}
	last := l.lines(t, "warming has ended")
	if len(last) != 1 || last[0]["failed"] != float64(len(urls)) || last[0]["warmed"] != 1.0 {
		t.Errorf("%v", last)
	}
	m := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(m, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil))
	for _, want := range []string{`result="warmed"} 1`, fmt.Sprintf(`result="failed"} %d`, len(urls))} {
		if !strings.Contains(m.Body.String(), "pictor_warm_images_total{"+want) {
			t.Errorf("metrics without %s", want)
		}
	}
}

// What no cache keeps is not called warm.
func TestWhatIsNotKeptIsNotWarmed(t *testing.T) {
	for name, tc := range map[string]struct {
		header string
		change func(*Config)
		code   string
	}{
		"no-store": {"no-store", nil, "no-store"},
		"no cache": {"", func(c *Config) {
			c.Cache.Close()
			c.Cache, _ = cache.New(cache.Config{Clock: c.Clock, Classify: ClassifyError})
		}, "not-kept"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.change)
			r.header.Set("Cache-Control", tc.header)
			if lines, _ := r.warm(WarmRequest{URLs: []string{r.path("w:10")}}); lines[0].Code != tc.code {
				t.Errorf("%+v", lines)
			}
		})
	}
}

// An image that is stale is made anew, and so is one that was purged.
func TestWarmingAfterAPurge(t *testing.T) {
	for _, mode := range []string{"soft", "hard"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.TTL = sources.TTL{Default: time.Hour, Max: time.Hour, StaleWhile: time.Hour}
			})
			r.warm(WarmRequest{URLs: []string{r.path("w:10")}})
			r.purge(PurgeRequest{All: true, Mode: mode})
			lines, _ := r.warm(WarmRequest{URLs: []string{r.path("w:10")}})
			if lines[0].Status != StatusWarmed {
				t.Errorf("%+v", lines[0])
			}
			r.wantStatus("then", r.path("w:10"), inMemory)
			r.wantAsked("then", 2, 1+map[string]int64{"hard": 1}[mode])
		})
	}
}

func TestBadRequestsToWarm(t *testing.T) {
	r := newRig(t, nil)
	many := strings.Repeat(`"/a/b/c",`, maxWarmURLs)
	for _, tc := range []struct {
		name, body string
		status     int
		text       string
	}{
		{"no JSON", "urls", 400, "The body must be JSON such as "},
		{"an unknown field", `{"source": "http://a"}`, 400, "unknown field"},
		{"two", `{"urls": ["/a"]}{}`, 400, "one JSON object"},
		{"nothing", `{}`, 400, "Nothing to warm"},
		{"widths of a URL", `{"urls": ["/a"], "widths": [1]}`, 400, "for sources"},
		{"no width", `{"sources": ["http://a/b"], "widths": [0]}`, 400, "width 0"},
		{"a wrong option", `{"sources": ["http://a/b"], "options": "wat:1"}`, 400, "wat"},
		{"a wrong format", `{"sources": ["http://a/b"], "formats": ["heic"]}`, 400, "heic"},
		{"an option that URLs may not have", `{"sources": ["http://a/b"], "options": "msr:1"}`, 400, "msr"},
		{"too many", `{"urls": [` + many + `"/a"]}`, 400, "more than 1000"},
		{"too many widths", `{"sources": [` + many + `"a"], "widths": [1, 2]}`, 400, "more than 1000"},
		{"a long accept", `{"urls": ["/a"], "accept": ["` + strings.Repeat("a", 1025) + `"]}`, 400, "more than 1024 bytes"},
		{"too large", `{"urls": ["` + strings.Repeat("a", maxWarmBody) + `"]}`, 413, "at most 256 KiB"},
	} {
		resp, err := r.postWarm(t.Context(), tc.body)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tc.status || !strings.Contains(strings.ToLower(string(text)), strings.ToLower(tc.text)) {
			t.Errorf("%s: %d %q", tc.name, resp.StatusCode, text)
		}
	}
	if n := r.painter.results.Load(); n != 0 || r.server.warmer.lists != 0 {
		t.Errorf("%d jobs, %d lists", n, r.server.warmer.lists)
	}
}

// A server that reads URLs in its own way does not warm what it would read otherwise.
func TestSourcesAreSignedOnlyAsTheServerReadsThem(t *testing.T) {
	for name, tc := range map[string]struct {
		dialect signedurl.DialectConfig
		options string
		works   bool
	}{
		"presets":           {signedurl.DialectConfig{Presets: map[string]string{"card": "q:70", "default": "q:80"}}, "pr:card", true},
		"no such preset":    {signedurl.DialectConfig{Presets: map[string]string{"card": "q:70"}}, "pr:post", false},
		"presets alone":     {signedurl.DialectConfig{Presets: map[string]string{"card": "q:70"}, OnlyPresets: true}, "", false},
		"a separator":       {signedurl.DialectConfig{Separator: "~"}, "", false},
		"allowed options":   {signedurl.DialectConfig{Allowed: []string{"q"}}, "q:80", false}, // no width
		"options it allows": {signedurl.DialectConfig{Allowed: []string{"rs", "w", "q"}}, "q:80", true},
	} {
		dialect, err := signedurl.NewDialect(tc.dialect)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, func(c *Config) { c.Dialect = dialect })
		ask := WarmRequest{Sources: []string{r.site.URL + "/a.png"}, Widths: []int{10}, Options: tc.options}
		err = r.server.checkMinting(ask)
		if (err == nil) != tc.works {
			t.Errorf("%s: %v", name, err)
		}
		if !tc.works {
			continue
		}
		if _, end := r.warm(ask); end.Warmed != 1 {
			t.Errorf("%s: %+v", name, end.WarmTotals)
		}
	}
}

// FuzzWarmBody: whatever is sent to be warmed, each of its URLs is answered, or nothing is
// done and the text says why. No source can be fetched here.
func FuzzWarmBody(f *testing.F) {
	for _, s := range []string{`{"urls":["/x/w:1/plain/http://10.0.0.1"]}`,
		`{"sources":["http://10.0.0.1/b"],"widths":[1,2]}`,
		`{"sources":["http://10.0.0.1"],"formats":["auto","webp"],"options":"rs:fill:1:1/q:80"}`, `{"urls":["","//","/%"]}`,
		`{"urls":["/a"],"accept":["image/webp","*/*"]}`, `{}`, `[]`, `{"widths":[1]}`, `{"x":1}`, "\xff", `{"urls":null}{}`} {
		f.Add([]byte(s), "application/json")
	}
	f.Add([]byte(`{}`), "text/plain")
	r := newRig(f, func(c *Config) { c.AutoFormats = []transform.Format{transform.WebP} })
	r.server.cfg.RequestTimeout = time.Millisecond
	admin := r.server.Admin("")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/warm", bytes.NewReader(body))
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, req)
		again := httptest.NewRequest(http.MethodPost, "/warm", bytes.NewReader(body))
		again.Header.Set("Content-Type", kind)
		var ask WarmRequest
		if err := warmBody.decode(httptest.NewRecorder(), again, &ask); err != nil && w.Code == 200 {
			t.Fatalf("%q: %v, and it was warmed", body, err)
		}
		if slices.Contains([]int{400, 413, 415}, w.Code) {
			return
		}
		var end WarmLine
		for dec := json.NewDecoder(w.Body); dec.More(); {
			end = WarmLine{}
			if err := dec.Decode(&end); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
		}
		if w.Code != 200 || end.Status != StatusDone || end.WarmTotals == nil || end.Left != 0 {
			t.Fatalf("%q as %q: %d %+v", body, kind, w.Code, end)
		}
	})
}
