package e2e

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memstat"
)

// tree is what all processes of a server take: the proportional set size of
// each, but of sources what their files hold, mapped or not.
func (s *server) tree() int64 {
	s.t.Helper()
	var sum int64
	for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
		share, err := memstat.ReadShare(pid)
		if err != nil {
			continue // a worker that ends just now
		}
		sum += share.Anon + share.File
	}
	m, err := s.memory()
	if err != nil {
		s.t.Fatal(err)
	}
	return sum + m.Sources.Bytes
}

// off says by which part of b a differs from it.
func off(a, b int64) float64 { return math.Abs(float64(a)/float64(b) - 1) }

// Parts and total are found on different ways, and a test that looks from
// outside finds what they say.
func TestTheMemoryReportAddsUp(t *testing.T) {
	const limit = 256 * mib
	origin := newSite(t)
	g := newCgroup(t, limit)
	s := serveIn(t, g)
	compare := func(when string) (busy bool) {
		t.Helper()
		before := g.used()
		m, err := s.memory()
		if err != nil {
			t.Fatal(err)
		}
		after := g.used()
		if d := off(m.Sum, m.Total); d > 0.1 || m.Problem != "" {
			t.Errorf("%s the parts sum to %d KiB of %d, %.2f off %s\n%+v", when, m.Sum>>10, m.Total>>10, d, m.Problem,
				m.Parts)
		}
		// What cannot be taken back, as the cgroup counts it before and after.
		var firm int64
		for _, p := range m.Processes {
			firm += p.Anon
		}
		firm += m.Sources.Bytes
		if least, most := min(before, after)*9/10-2*mib, max(before, after)*11/10+2*mib; firm < least || firm > most {
			t.Logf("%s the cgroup has %d to %d KiB, the report %d", when, before>>10, after>>10, firm>>10)
			return false
		}
		return true
	}
	if !compare("at rest") {
		t.Error("at rest the report is not what the cgroup counts")
	}
	end, requests := make(chan load), loadFor(t, 60)
	go func() { end <- s.burst(16, requests, mixedPaths(t, s, origin)) }()
	looks, agree, reserved := 0, 0, false
	for done := false; !done; time.Sleep(50 * time.Millisecond) {
		select {
		case l := <-end:
			done = true
			if l.status[http.StatusOK] != requests {
				t.Errorf("%v", l)
			}
		default:
			looks++
			if compare("under load") {
				agree++
			}
			m, err := s.memory()
			reserved = reserved ||
				err == nil && m.Transforms.Reserved > 0 && m.Transforms.Real > 0 && m.Sources.Count > 0
		}
	}
	// The two do not look at the same moment.
	if looks < 20 || agree*10 < looks*8 || !reserved {
		t.Errorf("the report is what the cgroup counts in %d of %d looks; reserved and real bytes of jobs are "+
			"shown: %v", agree, looks, reserved)
	}
	waitFor(t, "rest", func() bool { m, err := s.memory(); return err == nil && m.Transforms.Reserved == 0 })
	compare("afterwards")
}

// A large limit means large tables, which are empty at first.
func TestTheMemoryReportOfALargeLimitAddsUp(t *testing.T) {
	s := serve(t, "--insecure", "--memory-limit", "16GiB")
	m, err := s.memory()
	if err != nil {
		t.Fatal(err)
	}
	if d := off(m.Sum, m.Total); d > 0.1 {
		t.Errorf("the parts sum to %d KiB of %d\n%+v", m.Sum>>10, m.Total>>10, m.Parts)
	}
}

// The whole tree is small when it has done nothing yet but one picture.
func TestAFreshTreeIsSmall(t *testing.T) {
	t.Parallel() // it waits for workers to end
	s := serveIn(t, newCgroup(t, 256*mib))
	origin := newSite(t)
	origin.put("/a.jpg", photo(1200, 900))
	if a := s.get("/insecure/w:300/plain/" + origin.URL + "/a.jpg@webp"); a.status != http.StatusOK {
		t.Fatal(a)
	}
	waitFor(t, "quiet", func() bool { return s.tree() < 60*mib && len(s.workers()) == 1 })
	t.Logf("%d KiB", s.tree()>>10)
}

// What a burst took comes back: all of it, but for what the cache keeps.
func TestMemoryComesBackAfterABurst(t *testing.T) {
	long(t, "load in a memory cgroup")
	t.Parallel() // it waits for memory to come back
	origin := newSite(t)
	mixedPictures(t) // for both
	for _, cache := range []string{"on", "off"} {
		t.Run("cache "+cache, func(t *testing.T) {
			t.Parallel()
			var args []string
			if cache == "off" {
				args = []string{"--cache-memory", "off"}
			}
			g := newCgroup(t, 256*mib)
			s := serveIn(t, g, args...)
			paths := mixedPaths(t, s, origin)
			s.burst(16, 14, paths)
			time.Sleep(12 * time.Second) // rest: workers but one go after ten
			idle := s.tree()
			requests := loadFor(t, 56)
			l := s.burst(64, requests, func(i int) string { return paths(i + 1000) })
			m, err := s.memory()
			if err != nil || l.status[http.StatusOK] < requests/2 {
				t.Fatal(l, err)
			}
			top := s.tree()
			time.Sleep(15 * time.Second)
			rest := s.tree()
			t.Logf("idle %d KiB, after a burst %d, 15 s later %d, of which %d in the cache", idle>>10, top>>10,
				rest>>10, m.Cache.Bytes>>10)
			if rest > idle+m.Cache.Bytes+24*mib {
				t.Error("it did not come back")
			}
			if cache == "off" && rest > 60*mib {
				t.Error("that is more than 60 MiB without a cache")
			}
		})
	}
}

// The admin port answers those who may ask.
func TestAdminPort(t *testing.T) {
	s := serve(t, "--insecure", "--admin-token", "let me in", "--metrics-token", "let me look")
	ask := func(path string, header ...string) answer {
		t.Helper()
		at := &server{t: t, url: s.admin}
		return at.get(path, header...)
	}
	if a := ask("/debug/memory"); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" ||
		!strings.Contains(string(a.body), "Bearer") {
		t.Error(a)
	}
	if a := ask("/debug/memory", "Authorization", "Bearer let me out"); a.status != http.StatusUnauthorized {
		t.Error(a)
	}
	bearer := []string{"Authorization", "Bearer let me in"}
	if a := ask("/debug/memory", bearer...); a.status != http.StatusOK ||
		a.header.Get("Content-Type") != "application/json" {
		t.Error(a)
	}
	table := ask("/debug/memory", append(bearer, "Accept", "text/html,*/*")...)
	for _, want := range []string{"cache entries", "total, as the kernel counts", "transforms", "worker ",
		"cgroup, version "} {
		if !strings.Contains(string(table.body), want) {
			t.Errorf("no %q in\n%s", want, table.body)
		}
	}
	if a := ask("/debug/memory?format=xml", bearer...); a.status != http.StatusBadRequest {
		t.Error(a)
	}
	scraper := []string{"Authorization", "Bearer let me look"}
	for path, header := range map[string][]string{"/metrics": nil, "/debug/memory": scraper} {
		if a := ask(path, header...); a.status != http.StatusUnauthorized {
			t.Error(a)
		}
	}
	metrics := ask("/metrics", scraper...)
	for _, want := range []string{"pictor_memory_limit_bytes ", `pictor_memory_part_bytes{part="workers"} `,
		`pictor_budget_reserved_bytes{budget="transforms"} 0`, "pictor_pressure_level 1\n",
		`pictor_processes{kind="worker"} 1`, "pictor_transforms_reserved_bytes 0", "go_goroutines ", "pictor_cache_bytes 0"} {
		if metrics.status != http.StatusOK || !strings.Contains(string(metrics.body), want) {
			t.Errorf("no %q in %d\n%s", want, metrics.status, metrics.body)
		}
	}
	if a := s.get("/metrics"); a.status == http.StatusOK {
		t.Error("metrics on the public port")
	}
	s.admin = "" // the report asks for a token here
}

func TestAdminPortInUse(t *testing.T) {
	s := serve(t, "--insecure")
	address := strings.TrimPrefix(s.admin, "http://")
	_, text, code := pictor(t, nil, "serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen", address)
	if code == 0 || !strings.Contains(text, "--admin-listen") {
		t.Errorf("%d %q", code, text)
	}
	_, text, code = pictor(t, nil, "serve", "--insecure", "--admin-listen", "0.0.0.0:0")
	if code == 0 || !strings.Contains(text, "--admin-token") {
		t.Errorf("%d %q", code, text)
	}
	off := serve(t, "--insecure", "--admin-listen", "off")
	if off.admin != "" || !strings.Contains(off.logged(), "listening") {
		t.Error(fmt.Sprint("there is an admin port: ", off.admin))
	}
}
