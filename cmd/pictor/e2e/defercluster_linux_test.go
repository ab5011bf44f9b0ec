package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// deferringFlags have AVIF made when workers are idle.
var deferringFlags = []string{"--auto-formats", "avif,webp", "--defer", "avif,autoquality", "--defer-ttl", "20s"}

// maxAgeOf is max-age of a response in seconds, -1 without one.
func maxAgeOf(a answer) int {
	for _, part := range strings.Split(a.header.Get("Cache-Control"), ", ") {
		if age, ok := strings.CutPrefix(part, "max-age="); ok {
			if n, err := strconv.Atoi(age); err == nil {
				return n
			}
		}
	}
	return -1
}

// deferredBy asks a server for an image in AVIF, and says whether it answered with less. No cache before it may keep
// that for longer than --defer-ttl.
func (s *server) deferredBy(path string) (a answer, quick bool) {
	s.t.Helper()
	a = s.get(path, "Accept", "image/avif,image/webp,*/*")
	kind := a.header.Get("Content-Type")
	quick = strings.Contains(a.header.Get("Cache-Status"), "deferred: avif")
	want := map[bool]string{true: "image/webp", false: "image/avif"}[quick]
	if a.status != http.StatusOK || a.header.Get("Vary") != "Accept" || kind != want {
		s.t.Fatalf("%d %v", a.status, a.header)
	}
	if age := maxAgeOf(a); quick && (age < 0 || age > 20) || !quick && age <= 20 {
		s.t.Errorf("%s may be kept for %d s", kind, age)
	}
	return a, quick
}

// Of servers that share leases and a bucket, one makes a deferred result, and then all of them serve it: also one that
// was never asked before, at once and without a job. Whoever is asked earlier answers with less.
func TestDeferredImagesOfSeveralServers(t *testing.T) {
	t.Parallel() // it waits
	bus, b, site := startRedis(t), newSharedBucket(t), newSite(t)
	l := &leasing{t: t, bus: bus}
	for i := range 2 {
		args := append(b.flags(t, bus, fmt.Sprintf("s%d", i)), "--fill-leases", bus.url, "--fill-leases-from", "0",
			"--fill-leases-wait", "30s")
		l.servers = append(l.servers, serve(t, append(args, deferringFlags...)...))
	}
	for _, s := range l.servers {
		waitFor(t, "the bus", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
	}
	made := func() int { return l.sum(func(s *server) int { return s.figure(jobs) }) }
	first, second := l.servers[0], l.servers[1]
	path := "/_/w:200/plain/" + site.put("/one.jpg", photo(640, 480))
	if _, quick := first.deferredBy(path); !quick {
		t.Error("the first answer is the slow one")
	}
	waitFor(t, "both results in the bucket", func() bool {
		return first.figure(`pictor_cache_bucket_writes_total{result="written"}`) == 2
	})
	if a, quick := second.deferredBy(path); quick || !strings.Contains(a.header.Get("Cache-Status"), "detail=bucket") {
		t.Errorf("the server that was not asked before: %v", a.header)
	}
	if n := made(); n != 2 {
		t.Errorf("%d jobs for a WebP and an AVIF", n)
	}
	path = "/_/w:200/plain/" + site.put("/two.jpg", photo(640, 480))
	etags := map[string]bool{}
	for _, s := range []*server{first, second} {
		s.deferredBy(path)
	}
	for _, s := range []*server{first, second} {
		waitFor(t, "the AVIF", func() bool {
			a, quick := s.deferredBy(path)
			etags[a.header.Get("Etag")] = true
			return !quick
		})
	}
	if n := made(); len(etags) > 2 || n > 6 { // each may have made both before it could know of the other
		t.Errorf("%d jobs, and results %v", n, etags)
	}
}

// A cache before the servers that goes by max-age has the deferred result at the latest when what it has got at first
// is over.
func TestDeferredImagesBehindACache(t *testing.T) {
	site := newSite(t)
	s := serveLocal(t, "--auto-formats", "avif,webp", "--defer", "avif", "--defer-ttl", "2s")
	path := signed(t, "/w:120/plain/"+site.put("/photo.jpg", photo(320, 240)))
	var kept answer
	var until time.Time
	get := func() answer {
		if time.Now().After(until) {
			kept = s.get(path, "Accept", "image/avif,image/webp,*/*")
			until = time.Now().Add(time.Duration(maxAgeOf(kept)) * time.Second)
		}
		return kept
	}
	if a := get(); a.header.Get("Content-Type") != "image/webp" || maxAgeOf(a) > 2 {
		t.Fatalf("%v", a.header)
	}
	waitFor(t, "the AVIF", func() bool { return seriesIn(t, s.metrics())[`pictor_deferred_total{result="made"}`] == 1 })
	waitFor(t, "the AVIF in the cache", func() bool { return get().header.Get("Content-Type") == "image/avif" })
	if age := maxAgeOf(kept); age <= 2 {
		t.Errorf("it may be kept for %d s", age)
	}
}

// What an origin lets nobody store cannot be made for later. The quick answer is all that there is, and it is not made
// twice for each request.
func TestNothingIsDeferredThatIsNotStored(t *testing.T) {
	image := photo(320, 240)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(image)
	}))
	t.Cleanup(origin.Close)
	s := serveLocal(t, deferringFlags...)
	path := signed(t, "/w:120/plain/"+origin.URL+"/photo.jpg")
	for range 2 {
		a := s.get(path, "Accept", "image/avif,image/webp,*/*")
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/webp" ||
			a.header.Get("Cache-Control") != "private, no-store" ||
			strings.Contains(a.header.Get("Cache-Status"), "deferred") {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
	if waits, made := s.figure("pictor_deferred_pending"), s.figure(jobs); waits != 0 || made != 2 {
		t.Errorf("%d results wait, %d were made", waits, made)
	}
}
