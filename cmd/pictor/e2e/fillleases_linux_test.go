package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // decodes what servers answer
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// gated is an origin that holds its answers back until the gate is opened.
type gated struct {
	*httptest.Server
	body    []byte
	mu      sync.Mutex
	fetches map[string]int
	gate    chan struct{}
}

func newGated(t testing.TB, body []byte) *gated {
	g := &gated{body: body, fetches: map[string]int{}, gate: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.fetches[r.URL.Path]++
		gate := g.gate
		g.mu.Unlock()
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Cache-Control", "max-age=86400")
		w.Write(g.body)
	}))
	t.Cleanup(g.Close)
	t.Cleanup(g.open) // or Close would wait
	return g
}

func (g *gated) fetched(path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fetches[path]
}

// open lets all answers go.
func (g *gated) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.gate:
	default:
		close(g.gate)
	}
}

// shut holds the next answers back.
func (g *gated) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate = make(chan struct{})
}

// figure is a metric of a server.
func (s *server) figure(name string) int {
	s.t.Helper()
	a, err := (&server{t: s.t, url: s.admin}).try(http.MethodGet, "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindSubmatch(a.body)
	if m == nil {
		s.t.Fatalf("no metric %s", name)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// leased is what came of leases at a server.
func (s *server) leased(outcome string) int {
	s.t.Helper()
	return s.figure(`pictor_fill_leases_total{outcome="` + outcome + `"}`)
}

const jobs = "pictor_jobs_total"

// leasing are servers of one cluster with leases, or without any where no flags say so.
type leasing struct {
	t       *testing.T
	bus     *engine
	servers []*server
}

func newLeasing(t *testing.T, servers int, flags ...string) *leasing {
	l := &leasing{t: t, bus: startRedis(t)}
	for i, flag := range flags {
		flags[i] = strings.ReplaceAll(flag, "{redis}", l.bus.url)
	}
	for i := range servers {
		l.servers = append(l.servers, serve(t, clusterArgs(l.bus, fmt.Sprintf("s%d", i), t.TempDir(), flags...)...))
	}
	for _, s := range l.servers {
		waitFor(t, "the bus", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
	}
	return l
}

// sum adds a figure up over all servers.
func (l *leasing) sum(figure func(*server) int) (n int) {
	for _, s := range l.servers {
		n += figure(s)
	}
	return n
}

// askAll asks all servers at once, and has then wait for what comes of it.
func (l *leasing) askAll(path string, then func()) (answers []answer) {
	answers = make([]answer, len(l.servers))
	var all sync.WaitGroup
	for i, s := range l.servers {
		all.Go(func() { answers[i] = s.get(path) })
	}
	then()
	all.Wait()
	return answers
}

// expectSame wants one image of all.
func (l *leasing) expectSame(answers []answer) {
	l.t.Helper()
	for i, a := range answers {
		if a.status != http.StatusOK || !bytes.Equal(a.body, answers[0].body) {
			l.t.Errorf("server %d: %d, %d bytes, the first one has %d: %.200s", i, a.status, len(a.body),
				len(answers[0].body), a.body)
		} else if _, _, err := image.Decode(bytes.NewReader(a.body)); err != nil {
			l.t.Errorf("server %d: %v", i, err)
		}
	}
}

// A cold URL that all servers are asked for at once is made by one of them with leases, and by each without.
func TestOneFillInACluster(t *testing.T) {
	t.Parallel() // it waits
	photo := picturetest.JPEG(picturetest.Photo(1600, 1200, 1), 90)
	for name, c := range map[string]struct {
		flags         []string
		fetches, jobs int
	}{
		"none": {nil, 3, 3},
		"dear": {[]string{"--fill-leases", "{redis}", "--fill-leases-from", "20ms", "--fill-leases-wait", "30s"}, 3, 1},
		"all": {[]string{"--fill-leases", "{redis}", "--fill-leases-from", "0", "--fill-leases-wait", "30s",
			"--log-level", "debug", "--log-sources", "off"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, origin := newLeasing(t, 3, c.flags...), newGated(t, photo)
			for i := range 4 {
				file := fmt.Sprintf("/a%d.jpg", i)
				origin.shut()
				before := l.sum(func(s *server) int { return s.figure(jobs) })
				answers := l.askAll("/_/sm:1/w:1200/plain/"+origin.URL+file+"@jpg", func() {
					waitFor(t, "the servers", func() bool {
						return origin.fetched(file) == c.fetches && (name != "all" ||
							l.sum(func(s *server) int { return s.leased("waited") }) == 2*(i+1))
					})
					origin.open()
				})
				l.expectSame(answers)
				if n := l.sum(func(s *server) int { return s.figure(jobs) }) - before; n != c.jobs {
					t.Errorf("%d transforms, want %d", n, c.jobs)
				}
				if n := origin.fetched(file); n != c.fetches {
					t.Errorf("%d fetches, want %d", n, c.fetches)
				}
			}
			for _, s := range l.servers {
				if name == "all" && strings.Contains(s.logged(), origin.URL) {
					t.Errorf("a log has a source that it is not to have: %s", s.logged())
				}
			}
		})
	}
}

// A server that is killed or stopped while the others wait for it costs them a wait, and no request.
func TestHolderOfALeaseIsGone(t *testing.T) {
	t.Parallel() // it waits
	for name, signal := range map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, 3, "--fill-leases", "{redis}", "--fill-leases-from", "0", "--fill-leases-wait", "30s")
			origin := newGated(t, picturetest.JPEG(picturetest.Photo(64, 48, 1), 90))
			path := "/_/w:20/plain/" + origin.URL + "/a.jpg@jpg"
			holder := l.servers[0]
			l.servers = l.servers[1:]
			go holder.try(http.MethodGet, path)
			waitFor(t, "the holder", func() bool { return origin.fetched("/a.jpg") == 1 })
			l.expectSame(l.askAll(path, func() {
				waitFor(t, "the others", func() bool {
					return l.sum(func(s *server) int { return s.leased("waited") }) == 2
				})
				if err := holder.cmd.Process.Signal(signal); err != nil {
					t.Error(err)
				}
				origin.open()
			}))
			if n := l.sum(func(s *server) int { return s.figure(jobs) }); n != 1 {
				t.Errorf("%d of the others made it", n)
			}
			if signal == syscall.SIGSTOP {
				if err := holder.cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				l.expectSame([]answer{l.servers[0].get(path), holder.get(path)})
			}
		})
	}
}

// A holder that takes longer than the others have time costs them half of it, and no request.
func TestWaitForALeaseLeavesTimeForTheFill(t *testing.T) {
	t.Parallel() // it waits
	l := newLeasing(t, 2, "--fill-leases", "{redis}", "--fill-leases-from", "0", "--fill-leases-wait", "30s",
		"--request-timeout", "10s", "--fetch-timeout", "10s", "--fetch-first-byte-timeout", "10s")
	origin := newGated(t, picturetest.JPEG(picturetest.Photo(64, 48, 1), 90))
	path := "/_/w:20/plain/" + origin.URL + "/a.jpg@jpg"
	l.expectSame(l.askAll(path, func() {
		waitFor(t, "the one that waited", func() bool { return origin.fetched("/a.jpg") == 2 })
		origin.open()
	}))
	if n := l.sum(func(s *server) int { return s.leased("late") }); n != 1 {
		t.Errorf("%d waits ended", n)
	}
}

// What is handed over is no answer after a purge, and neither is what a holder makes of the source from before.
func TestPurgeBetweenServersThatHandOver(t *testing.T) {
	t.Parallel() // it waits
	l, origin := newLeasing(t, 3, "--fill-leases", "{redis}", "--fill-leases-from", "0"), newVersions(t)
	waitFor(t, "all servers", func() bool {
		a, status, err := l.servers[0].purgeAt(proxy.PurgeRequest{Tags: []string{"x"}})
		return err == nil && status == http.StatusOK && len(a.Servers) == len(l.servers)
	})
	for i := range 10 {
		file := fmt.Sprintf("/%d.png", i)
		path := "/_/w:1/plain/" + origin.URL + file + "@png"
		if v, err := versionOf(l.servers[i%3].get(path)); err != nil || v != 0 {
			t.Fatalf("%d, %v", v, err)
		}
		waitFor(t, "a hand-over", func() bool {
			return l.sum(func(s *server) int { return s.leased("handed over") }) == 2*i+1
		})
		if i%2 == 0 { // the others see it before the purge, too
			if v, err := versionOf(l.servers[(i+1)%3].get(path)); err != nil || v != 0 {
				t.Fatalf("%d, %v", v, err)
			}
		}
		want := origin.change(file)
		a, status, err := l.servers[(i+2)%3].purgeAt(proxy.PurgeRequest{Sources: []string{origin.URL + file}})
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d, %+v, %v", status, a, err)
		}
		for _, a := range l.askAll(path, func() {}) {
			if v, err := versionOf(a); err != nil || v != want {
				t.Errorf("after the purge: version %d, %v, want %d", v, err, want)
			}
		}
		waitFor(t, "a hand-over", func() bool {
			return l.sum(func(s *server) int { return s.leased("handed over") }) == 2*i+2
		})
	}
	if n := l.sum(func(s *server) int { return s.leased("taken") }); n < 5 {
		t.Errorf("%d results were taken from others", n)
	}
}

// A Redis that hands over wrong bytes, or none, is not believed, and one that hangs costs no request.
func TestLeasesOfABadRedis(t *testing.T) {
	t.Parallel() // it waits
	leases := startRedis(t)
	l := newLeasing(t, 2, "--fill-leases", leases.url, "--fill-leases-from", "0")
	origin := newGated(t, picturetest.JPEG(picturetest.Photo(640, 480, 1), 90))
	origin.open()
	options, err := redis.ParseURL(leases.url)
	if err != nil {
		t.Fatal(err)
	}
	r, ctx := redis.NewClient(options), context.Background()
	defer r.Close()
	overwrite := func(kind, with string) {
		t.Helper()
		keys, err := r.Keys(ctx, "*:"+kind).Result()
		if err != nil || len(keys) == 0 {
			t.Fatal(keys, err)
		}
		for _, key := range keys {
			old, err := r.Get(ctx, key).Result()
			if err == nil {
				err = r.Set(ctx, key, (with + old)[:len(old)], time.Hour).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, spoil := range []func(){
		func() {},
		func() { overwrite("body", "wrong") },
		func() { overwrite("head", `{"entry":{}}`) },
		func() { overwrite("body", ""); r.FlushAll(ctx) },
		func() { _ = syscall.Kill(leases.PID(), syscall.SIGSTOP) },
		func() { leases.Kill() },
	} {
		path := fmt.Sprintf("/_/w:%d/plain/%s/a.jpg@jpg", 100+i, origin.URL)
		first := l.servers[0].get(path)
		if i < 4 {
			waitFor(t, "a hand-over", func() bool { return l.servers[0].leased("handed over") == i+1 })
		}
		spoil()
		l.expectSame([]answer{first, l.servers[1].get(path)})
		if n := l.servers[1].leased("taken"); n != 1 {
			t.Errorf("case %d: %d taken", i, n)
		}
	}
	for _, s := range l.servers {
		if a := s.get("/health/ready"); string(a.body) != "ok\n" {
			t.Errorf("%s", a.body)
		}
	}
}

// What an origin made for the headers of one client is handed to no other server.
func TestNoLeaseForPassedHeaders(t *testing.T) {
	t.Parallel()
	origin := newGated(t, photo(60, 40))
	origin.open()
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	yaml := fmt.Sprintf("origins:\n  shop: {sources: '%s/', pass-headers: [Authorization]}\n", origin.URL)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLeasing(t, 1, "--config", file, "--fill-leases", "{redis}", "--fill-leases-from", "0s")
	s := l.servers[0]
	path := "/_/w:30/plain/" + origin.URL + "/a.jpg"
	for i, authorization := range []string{"Basic aHVzaA==", ""} {
		req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n := s.leased("made"); resp.StatusCode != http.StatusOK || n != i {
			t.Errorf("with %q: %d, %d leases in all, want %d", authorization, resp.StatusCode, n, i)
		}
	}
}
