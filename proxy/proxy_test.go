package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform"
)

func TestMissThenHit(t *testing.T) {
	r := newRig(t, nil)
	first, body := r.must(r.path("w:100"))
	again, body2 := r.must(r.path("width:100/exp:99999999999"))
	if first.StatusCode != 200 || body != body2 ||
		!strings.HasPrefix(again.Header.Get("Cache-Status"), "pictor; hit; ttl=3") {
		t.Errorf("%v, %v", first.Header, again.Header)
	}
	if r.asked.Load() != 1 || r.painter.results.Load() != 1 {
		t.Errorf("%d fetches, %d jobs", r.asked.Load(), r.painter.results.Load())
	}
}

// The leader leaves while the source is being fetched, when nothing but those
// who still wait keeps the fill alive.
func TestLeaderLeavesAndTheOthersAreServed(t *testing.T) {
	r := newRig(t, nil)
	started, release := r.hold()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.get(ctx, r.path("w:100")) })
	<-started
	for range 20 {
		wg.Go(func() {
			resp, _, err := r.get(context.Background(), r.path("w:100"))
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	r.until("all are in", func() bool { return r.cfg.Cache.Stats().Collapsed == 20 })
	cancel()
	r.until("the leader has left", func() bool { return r.handled.Load() == 1 })
	close(release)
	wg.Wait()
	if r.asked.Load() != 1 || r.painter.results.Load() != 1 {
		t.Errorf("%d fetches, %d jobs", r.asked.Load(), r.painter.results.Load())
	}
}

func TestLastOneToLeaveEndsTheFetch(t *testing.T) {
	r := newRig(t, nil)
	started, release := r.hold()
	defer close(release)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.get(ctx, r.path("w:100")) })
	<-started
	cancel()
	wg.Wait()
	r.until("the fetch has ended", func() bool { return r.server.memory.Budgets.Fetches.Stats().InUse == 0 })
	if r.painter.results.Load() != 0 {
		t.Error("a job was run for nobody")
	}
}

// Once a worker has the job it is done to its end, and a reload joins it.
func TestWorkUnderWayIsFinishedAndJoined(t *testing.T) {
	r := newRig(t, nil)
	started, release := make(chan struct{}), make(chan error)
	r.painter.fail = func(ctx context.Context) error { close(started); <-release; return ctx.Err() }
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.get(ctx, r.path("w:100")) })
	<-started
	cancel()
	r.until("the client has left", func() bool { return r.handled.Load() == 1 })
	wg.Go(func() {
		resp, _, err := r.get(context.Background(), r.path("w:100"))
		if err != nil || resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Status"), "collapsed") {
			t.Errorf("%+v, %v", resp, err)
		}
	})
	r.until("the reload is in", func() bool { return r.cfg.Cache.Stats().Collapsed == 1 })
	close(release)
	wg.Wait()
	if resp, _ := r.must(r.path("w:100")); !strings.Contains(resp.Header.Get("Cache-Status"), "hit") ||
		r.painter.results.Load() != 1 {
		t.Errorf("the finished work was thrown away: %v", resp.Header)
	}
}

func TestWhatNeverFits(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*memory.Plan)
		text   string
	}{
		"transform": {func(plan *memory.Plan) { plan.Transforms = 1 << 20 }, "raise --memory-limit to "},
		"alone":     {func(plan *memory.Plan) { plan.Transforms, plan.Exclusive = 1<<20, 2<<20 }, "raise --memory-limit to "},
		"body":      {func(plan *memory.Plan) { plan.Sources = 100 }, "leaves 1 MiB for source files"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { tc.change(&c.Plan) })
			resp, body := r.must(r.path("w:100"))
			if resp.StatusCode != 422 || !strings.HasPrefix(body, "too-large: ") || !strings.Contains(body, tc.text) {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			if r.painter.results.Load() != 0 {
				t.Error("a job was tried")
			}
		})
	}
}

func TestErrorsTellNothingOfTheInside(t *testing.T) {
	r := newRig(t, nil)
	for i, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("secret: disk /dev/x at 10.0.0.1"), 500, "internal"},
		{fmt.Errorf("%w: secret", transform.ErrTimeout), 504, "transform-timeout"},
		{fmt.Errorf("%w: secret", transform.ErrCrashed), 422, "crashed"},
		{fmt.Errorf("%w: its data cannot be decoded", transform.ErrMalformed), 422, "broken-picture"},
		{context.DeadlineExceeded, 504, "timeout"},
	} {
		r.painter.fail = func(context.Context) error { return tc.err }
		resp, body := r.must(r.path(fmt.Sprint("w:10", i))) // some of them are remembered
		r.server.quarantine = newQuarantine(time.Now, r.cfg.Clock)
		if resp.StatusCode != tc.status || !strings.HasPrefix(body, tc.code+": ") || strings.Contains(body, "secret") ||
			resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v %q", tc.err, resp.StatusCode, resp.Header, body)
		}
	}
	r.painter.fail = func(context.Context) error { panic("secret") }
	if resp, body := r.must(r.path("w:100")); resp.StatusCode != 500 || strings.Contains(body, "secret") {
		t.Errorf("a panic: %d %q", resp.StatusCode, body)
	}
	r.painter.fail = nil
	if resp, _ := r.must(r.path("w:100")); resp.StatusCode != 200 {
		t.Error("an error was kept")
	}
}

func TestFullErrorsInDevelopment(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FullErrors = true })
	r.painter.fail = func(context.Context) error { return errors.New("the cause") }
	if _, body := r.must(r.path("w:100")); !strings.HasSuffix(body, "\ncause: the cause\n") {
		t.Errorf("%q", body)
	}
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(418) })
	const cause = "\ncause: source denied: 418 I'm a teapot\n"
	if _, body := r.must(r.pathOf("", "/b.png")); !strings.HasSuffix(body, cause) {
		t.Errorf("%q", body)
	}
	// What the sentence says already is not said again.
	wrong := strings.Replace(r.path("w:1"), "w:1", "w:2", 1)
	for _, path := range []string{wrong, r.path("wat:1"), r.path("w:wide"), r.path("exp:1"), "/nothing"} {
		if _, body := r.must(path); strings.Count(body, "\n") != 1 {
			t.Errorf("%q", body)
		}
	}
}

// documented are the rows of a section of docs/errors.md: "code status".
func documented(t *testing.T, heading string) map[string]bool {
	t.Helper()
	b, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([0-9]{3}) \\| [^|]+ \\| [^|]+ \\|$")
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		rows[m[1]+" "+m[2]] = true
	}
	return rows
}

// Every code is documented with its status, nothing else is, and no code of the
// image port has two statuses.
func TestEveryErrorIsDocumented(t *testing.T) {
	has, status := map[string]bool{}, map[string]int{}
	for _, f := range append(failureTable, internalFailure, failureOf(echo.ErrMethodNotAllowed),
		failureOf(echo.ErrNotFound)) {
		has[fmt.Sprint(f.code, " ", f.status)] = true
		if before, ok := status[f.code]; ok && before != f.status {
			t.Errorf("%s is %d and %d", f.code, before, f.status)
		}
		status[f.code] = f.status
	}
	if rows := documented(t, "Image port"); !maps.Equal(rows, has) {
		t.Errorf("docs/errors.md has %v, the code %v", rows, has)
	}
	// Each of these has a test of its own.
	has = map[string]bool{"too-large 413": true, "internal 500": true, "shed 503": true, "purge-unavailable 503": true,
		"too-many-attempts 429": true, "hidden-unavailable 503": true, "hidden-full 507": true, "unknown-hash 404": true,
		"bad-settings 422": true}
	for _, tc := range adminErrors {
		has[fmt.Sprint(tc.code, " ", tc.status)] = true
	}
	if rows := documented(t, "Admin port"); !maps.Equal(rows, has) {
		t.Errorf("docs/errors.md has %v, the admin port %v", rows, has)
	}
}

// What docs/errors.md says of how long errors are remembered is what is done.
func TestHowLongErrorsLastIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	row := regexp.MustCompile(`(?m)^\| (` + "`[^|]+`" + `) \| (\d+ \w+) \|$`)
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			said[strings.Trim(code, "`")] = m[2]
		}
	}
	does := map[string]string{}
	for _, f := range failureTable {
		if f.negativeTTL > 0 {
			does[f.code] = map[time.Duration]string{
				negTTLContent: "5 minutes", negTTLMissing: "1 minute", negTTLTransient: "3 seconds",
			}[f.negativeTTL]
		}
	}
	if !maps.Equal(said, does) {
		t.Errorf("docs/errors.md says %v, the code %v", said, does)
	}
}

func TestFreshnessOfAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, cacheControl, options, want string
		kept                              bool
	}{
		{"nothing said", "", "w:1", "public, max-age=3600", true},
		{"by the origin", "max-age=120", "w:2", "public, max-age=120", true},
		{"bounded", "max-age=999999999", "w:3", "public, max-age=86400", true},
		{"no-cache", "no-cache", "w:4", "no-cache", false},
		{"private", "private", "w:5", "private, no-store", false},
		{"private with a cache buster", "private", "w:5/cb:1", "private, no-store", false},
		{"cache buster", "max-age=1", "w:6/cb:1", "public, max-age=31536000, immutable", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Now().Truncate(time.Second)
			r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
			if tc.cacheControl != "" {
				r.header.Set("Cache-Control", tc.cacheControl)
			}
			resp, _ := r.must(r.path(tc.options))
			if got := resp.Header.Get("Cache-Control"); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			again, _ := r.must(r.path(tc.options))
			if kept := strings.Contains(again.Header.Get("Cache-Status"), "; hit;"); kept != tc.kept {
				t.Errorf("kept %v: %v", kept, again.Header)
			}
		})
	}
}

// RFC 9110 §13.1.2, §13.1.3 and §13.2.2.
func TestConditionalRequests(t *testing.T) {
	r := newRig(t, nil)
	r.header.Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
	first, _ := r.must(r.path("w:100"))
	etag := first.Header.Get("ETag")
	if first.Header.Get("Last-Modified") != "Wed, 21 Oct 2015 07:28:00 GMT" {
		t.Error(first.Header)
	}
	for _, tc := range []struct {
		name   string
		header []string
		status int
	}{
		{"the very tag", []string{"If-None-Match", etag}, 304},
		{"weakened on the way", []string{"If-None-Match", "W/" + etag}, 304},
		{"in a list", []string{"If-None-Match", `"a", ` + etag + `,"b"`}, 304},
		{"any", []string{"If-None-Match", "*"}, 304},
		{"another", []string{"If-None-Match", `"a"`}, 200},
		{"since then", []string{"If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}, 304},
		{"since before", []string{"If-Modified-Since", "Wed, 21 Oct 2015 07:27:59 GMT"}, 200},
		{"no date", []string{"If-Modified-Since", "yesterday"}, 200},
		{"the tag has precedence", []string{"If-None-Match", `"a"`, "If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}, 200},
		{"no-cache of a client makes no work", []string{"Cache-Control", "no-cache"}, 200},
	} {
		resp, body := r.must(r.path("w:100"), tc.header...)
		if resp.StatusCode != tc.status || (tc.status == 304) != (body == "") ||
			resp.Header.Get("ETag") != etag || resp.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %d %v", tc.name, resp.StatusCode, resp.Header)
		}
	}
	if r.asked.Load() != 1 {
		t.Errorf("%d fetches", r.asked.Load())
	}
}

func TestReadiness(t *testing.T) {
	var missing error
	r := newRig(t, func(c *Config) { c.Ready = func() error { return missing } })
	want := func(path string, status int) {
		t.Helper()
		if resp, body := r.must(path); resp.StatusCode != status {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	want("/health/ready", 200)
	missing = errors.New("no AVIF")
	want("/health/ready", 503)
	want("/health", 200)
	missing = nil
	r.server.Drain()
	want("/health/ready", 503)
	want("/health/live", 200)
}

func TestTheHomePageHasAnIcon(t *testing.T) {
	home := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "home of ", r.URL.Path) })
	r := newRig(t, func(c *Config) { c.Studio = home })
	for _, path := range []string{"/", "/favicon.ico"} {
		if resp, body := r.must(path); resp.StatusCode != 200 || body != "home of "+path {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	r = newRig(t, nil)
	if resp, body := r.must("/favicon.ico"); resp.StatusCode != 404 || !strings.HasPrefix(body, "malformed-path: ") {
		t.Errorf("without a page: %d %q", resp.StatusCode, body)
	}
}

func TestASourceThatIsNotAllowedIsNotFetched(t *testing.T) {
	r := newRig(t, nil)
	for path, want := range map[string]string{
		"/plain/file:///etc/passwd":      "403 source-not-allowed: The scheme of the source is not supported; ",
		"/plain/s3://bucket/a.jpg":       "403 source-not-allowed: No account of --accounts is for this bucket and key.",
		"/plain//dunes.jpg":              "404 bad-source: The source has no scheme: it must be a full URL such as ",
		"/w:100/L2R1bmVzLmpwZw.webp":     "404 bad-source: The source has no scheme: it must be a full URL such as ",
		"/plain/dunes.jpg@webp":          "404 bad-source: The source has no scheme: it must be a full URL such as ",
		"/plain/http://me:you%40x/a.jpg": "404 bad-source: The source must not contain a user name or a password.",
	} {
		resp, body := r.must("/" + ring.Sign(path) + path)
		if !strings.HasPrefix(fmt.Sprintf("%d %s", resp.StatusCode, body), want) {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
}

// What a hit costs: the whole handler, without a network.
func BenchmarkHit(b *testing.B) {
	r := newRig(b, nil)
	path := r.path("w:100")
	r.must(path)
	req := httptest.NewRequest(http.MethodGet, path, nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, req)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
