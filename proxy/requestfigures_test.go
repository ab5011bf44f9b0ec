package proxy

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// series are the series of a scrape, with their values.
func (r *rig) series() map[string]string {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/metrics", nil))
	all := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); i > 0 && !strings.HasPrefix(line, "#") {
			all[line[:i]] = line[i+1:]
		}
	}
	return all
}

// Requests count once, by route, dialect, status and what the cache did, on the short way of hits as on the long one.
func TestRequestsAreCounted(t *testing.T) {
	r := newHitRig(t, func(c *Config) {
		c.MaxUpload = 1 << 20
		refuse := func(string) (signedurl.Request, error) { return signedurl.Request{}, signedurl.ErrSignature }
		c.Mounts = append(c.Mounts, Mount{Name: "fixed", Prefix: "/fixed/", Parse: refuse})
	})
	native, thumbor := r.path("w:10"), "/thumbor/unsafe/10x0/"+r.site.URL+"/b.png"
	for _, target := range []string{native, native, thumbor, thumbor, "/x/plain/y", "/fixed/x", "/thumbor/x/y",
		"/health", "/robots.txt"} {
		r.askInFront(target)
	}
	r.long.ask(native)
	again := r.front.ask(native, "If-None-Match: "+etagOf(t, r.front.ask(native)))
	if again.status != http.StatusNotModified {
		t.Fatal(again.status)
	}
	resp, err := http.Post(r.URL+"/upload/x", "image/png", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r.until("the handler has ended", func() bool { return r.handled.Load() == 2 }) // those of the long door
	all := r.series()
	for name, want := range map[string]string{
		`pictor_requests_total{cache="miss",dialect="native",route="image",status="200"}`:                               "1",
		`pictor_requests_total{cache="hit",dialect="native",route="image",status="200"}`:                                "3",
		`pictor_requests_total{cache="hit",dialect="native",route="image",status="304"}`:                                "1",
		`pictor_requests_total{cache="miss",dialect="thumbor",route="image",status="200"}`:                              "1",
		`pictor_requests_total{cache="hit",dialect="thumbor",route="image",status="200"}`:                               "1",
		`pictor_requests_total{cache="none",dialect="native",route="image",status="403"}`:                               "1",
		`pictor_requests_total{cache="none",dialect="fixed",route="image",status="403"}`:                                "1",
		`pictor_requests_total{cache="none",dialect="thumbor",route="image",status="403"}`:                              "1",
		`pictor_requests_total{cache="none",dialect="none",route="health",status="200"}`:                                "1",
		`pictor_requests_total{cache="none",dialect="none",route="home",status="200"}`:                                  "1",
		fmt.Sprintf(`pictor_requests_total{cache="none",dialect="native",route="upload",status="%d"}`, resp.StatusCode): "1",
		`pictor_request_duration_seconds_count{cache="hit"}`:                                                            "5",
		`pictor_request_duration_seconds_count{cache="miss"}`:                                                           "2",
		`pictor_request_duration_seconds_count{cache="error"}`:                                                          "4",
		`pictor_phase_duration_seconds_count{phase="fetch"}`:                                                            "2",
		`pictor_phase_duration_seconds_count{phase="queue"}`:                                                            "2",
		`pictor_phase_duration_seconds_count{phase="transform"}`:                                                        "2",
		`pictor_origin_fetches_total{origin="other",result="ok"}`:                                                       "2",
	} {
		if all[name] != want {
			t.Errorf("%s is %q instead of %s", name, all[name], want)
		}
	}
	if t.Failed() {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if strings.Contains(name, "requests_total") || strings.Contains(name, "_count") {
				t.Log(name, all[name])
			}
		}
	}
}

func etagOf(t *testing.T, a answer) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.header, "Etag: ")
	etag, _, _ := strings.Cut(rest, "\r\n")
	if !ok {
		t.Fatal("no ETag: ", a.header)
	}
	return etag
}

// Nothing that clients send becomes a label: after the first requests of each kind there are no new series.
func TestLabelsAreBounded(t *testing.T) {
	r := newHitRig(t)
	hostile := func(i int) {
		for _, target := range []string{
			fmt.Sprintf("/x%d/plain/y", i), r.path(fmt.Sprintf("w:%d", 10+i)),
			fmt.Sprintf("/thumbor/unsafe/%dx0/nowhere%d", i+1, i),
			fmt.Sprintf("/%d/%%ff%d?q=%d", i, i, i), r.path(fmt.Sprintf("opt%d:1", i)), r.path(fmt.Sprintf("w:1/f:x%d", i)),
			fmt.Sprintf("/thumbor/unsafe/10x0/http://127.1.1.%d:1/a.png", i),
		} {
			r.long.ask(target, fmt.Sprintf("Accept: image/x%d", i), fmt.Sprintf("X-Request-Id: id%d", i))
		}
		for _, method := range []string{fmt.Sprintf("M%d", i), "OPTIONS", "POST"} {
			req, err := http.NewRequest(method, r.URL+fmt.Sprintf("/a%d", i), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	hostile(0)
	before := r.series()
	for i := range 40 {
		hostile(1 + i)
	}
	after := r.series()
	var added []string
	for name := range after {
		if _, known := before[name]; !known && strings.HasPrefix(name, "pictor_") {
			added = append(added, name)
		}
	}
	if len(added) > 0 {
		t.Errorf("%d series were added to %d: %v", len(added), len(before), added)
	}
}

// What a hit costs on the short way, client included.
func BenchmarkKnownHit(b *testing.B) {
	r := newHitRig(b)
	path := r.path("w:100")
	r.front.ask(path)
	r.front.ask(path)
	b.ReportAllocs()
	for b.Loop() {
		if a := r.front.ask(path); a.status != http.StatusOK {
			b.Fatal(a.status)
		}
	}
}

// What the figures of a hit cost, beside the hit itself.
func BenchmarkHitFigures(b *testing.B) {
	f := newRequestFigures(nil)
	hits := f.hitsOf(dialectNative)
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		hits.requestsOK.Inc()
		f.hitTimes.Observe(time.Since(began).Seconds())
	}
}
