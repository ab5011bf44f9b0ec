package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// clusterWays are ways to have three servers share their work. Names have no comma, as they are in the path of a socket
// that HAProxy would take for two.
var clusterWays = []struct {
	name                   string
	random, leases, bucket bool
}{
	{name: "random", random: true},
	{name: "random with leases", random: true, leases: true},
	{name: "random with a bucket", random: true, bucket: true},
	{name: "by source"},
	{name: "by source with leases", leases: true},
}

// randomly changes the recipe of HAProxy to one that knows nothing of sources.
var randomly = []string{"balance hash var(txn.source)", "balance random",
	"\thash-type consistent djb2 avalanche\n", "", "\thash-balance-factor 200\n", ""}

const (
	// clusterSources are asked for by Zipf's law in clusterWidths each, by clusterClients together.
	clusterSources, clusterClients = 40, 6
	// clusterAsked are the requests that warm the caches and are counted, clusterPart those before and after the end of
	// a server, and hotWidths the results of one source that are all asked for twice.
	clusterAsked, clusterPart, hotWidths = 400, 160, 12
)

var clusterWidths = []int{160, 240, 320, 480, 640}

// What the ways to share the work of several servers cost and save, for docs/scaling.md.
func TestBenchCluster(t *testing.T) {
	if !strings.Contains(os.Getenv(benchVar), "cluster") {
		t.Skip("takes minutes: make bench-http PARTS=cluster")
	}
	table := &bytes.Buffer{}
	fmt.Fprintf(table, "\n| balancing | transforms | origin fetches | CPU | hits | misses: median | p99 | hot source: "+
		"busiest server | its fetches | transforms | p99 | a server killed: failed | hits before | after "+
		"| transforms before | after |\n|---%s|\n", strings.Repeat("|--:", 15))
	for _, way := range clusterWays {
		t.Run(way.name, func(t *testing.T) {
			l := newClusterLoad(t, way.random, way.leases, way.bucket)
			choose := rand.New(rand.NewPCG(7, 7)) // the same for each way
			asked := l.ask(l.trace(choose, clusterAsked), clusterClients, nil)
			hot := l.ask(l.hotSource(choose), 2*clusterClients, nil)
			before := l.ask(l.trace(choose, clusterPart), clusterClients, nil)
			after := l.ask(l.trace(choose, clusterPart), clusterClients, l.b.servers[1].kill)
			row := fmt.Sprintf("| %s | %d | %d | %.1f s | %s | %v | %v | %.0f %% | %d | %d | %v | %d | %s | %s | %d "+
				"| %d |\n", way.name, sumOf(asked.jobs), asked.fetches, asked.cpu.Seconds(), asked.hitRatio(),
				asked.percentile(0.5), asked.percentile(0.99), 100*hot.busiest(), hot.fetches, sumOf(hot.jobs),
				hot.percentile(0.99), after.failed, before.hitRatio(), after.hitRatio(),
				before.jobs[0]+before.jobs[2], after.jobs[0]+after.jobs[2])
			t.Log(row)
			table.WriteString(row)
			if n := asked.failed + hot.failed + before.failed; n > 0 {
				t.Errorf("%d requests failed: %s", n, l.wrong)
			}
		})
	}
	t.Log(table.String())
	if path := os.Getenv(tableVar); path != "" {
		if err := os.WriteFile(path, table.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// clusterLoad are servers behind HAProxy, and those who ask them.
type clusterLoad struct {
	t    *testing.T
	b    *balanced
	site *site
	// others are programs whose CPU time counts, too.
	others []int
	gone   bool
	wrong  string
}

func newClusterLoad(t *testing.T, random, leases, bucket bool) *clusterLoad {
	l := &clusterLoad{t: t, site: newSite(t)}
	l.site.put("/photo.jpg", picturetest.JPEG(picturetest.Photo(800, 600, 1), 88))
	var args, change []string
	if leases || bucket {
		e := startRedis(t)
		l.others = append(l.others, e.PID())
		args = append(args, "--purge-bus", e.url)
		if leases {
			args = append(args, "--fill-leases", e.url, "--fill-leases-from", "0")
		}
	}
	if bucket {
		file := filepath.Join(t.TempDir(), "pictor.yaml")
		yaml := fmt.Sprintf("accounts:\n  results: {store: s3, bucket: records, endpoint: '%s', access-key-id: AKID, "+
			"secret-access-key: SECRET}\n", newSharedBucket(t).URL)
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file, "--cache-bucket", "results/v1/", "--cache-bucket-admit", "all")
	}
	if random {
		change = randomly
	}
	l.b = newBalancedBy(t, change, args...)
	l.others = append(l.others, l.b.pid)
	for _, s := range l.b.servers {
		waitFor(t, "a ready server", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
	}
	return l
}

// path is a result of a source.
func (l *clusterLoad) path(source string, width int) string {
	return fmt.Sprintf("/_/w:%d/plain/%s/v/%s/photo.jpg@webp", width, l.site.URL, source)
}

// trace are requests, of which few sources have most.
func (l *clusterLoad) trace(choose *rand.Rand, n int) (paths []string) {
	rank := rand.NewZipf(choose, 1.1, 1, clusterSources-1)
	for range n {
		width := clusterWidths[choose.IntN(len(clusterWidths))]
		paths = append(paths, l.path(fmt.Sprint(rank.Uint64()), width))
	}
	return paths
}

// hotSource are many results of one source, each asked for twice.
func (l *clusterLoad) hotSource(choose *rand.Rand) (paths []string) {
	for i := range hotWidths {
		path := l.path("hot", 300+20*i)
		paths = append(paths, path, path)
	}
	choose.Shuffle(len(paths), func(i, k int) { paths[i], paths[k] = paths[k], paths[i] })
	return paths
}

// clusterPhase is what came of some requests.
type clusterPhase struct {
	asked, failed, hits, fetches int
	misses                       []time.Duration
	jobs                         [3]int
	cpu                          time.Duration
}

// ask asks for all paths, by so many clients that take turns, and calls meanwhile after an eighth of them.
func (l *clusterLoad) ask(paths []string, clients int, meanwhile func()) (p clusterPhase) {
	before := l.state()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for {
				mu.Lock()
				i := p.asked
				if i == len(paths) {
					mu.Unlock()
					return
				}
				p.asked++
				mu.Unlock()
				if i == len(paths)/8 && meanwhile != nil {
					l.gone = true
					meanwhile()
				}
				began := time.Now()
				a := l.b.get(paths[i])
				took := time.Since(began)
				mu.Lock()
				switch {
				case a.status != http.StatusOK:
					p.failed++
					l.wrong = a.String()
				case strings.Contains(a.header.Get("Cache-Status"), "; hit"):
					p.hits++
				default:
					p.misses = append(p.misses, took)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	now := l.state()
	p.fetches, p.cpu = now.fetches-before.fetches, now.cpu-before.cpu
	for i := range p.jobs {
		p.jobs[i] = now.jobs[i] - before.jobs[i]
	}
	slices.Sort(p.misses)
	return p
}

// state is what was done so far. Of a server that is gone nothing is known.
func (l *clusterLoad) state() (p clusterPhase) {
	for i, s := range l.b.servers {
		if i == 1 && l.gone {
			continue
		}
		p.jobs[i] = s.figure(jobs)
		p.cpu += takenBy(l.t, s.cmd.Process.Pid).cpu
	}
	for _, pid := range l.others {
		p.cpu += takenBy(l.t, pid).cpu
	}
	l.site.mu.Lock()
	defer l.site.mu.Unlock()
	for _, n := range l.site.asked {
		p.fetches += n
	}
	return p
}

func (p *clusterPhase) hitRatio() string {
	return fmt.Sprintf("%.1f %%", 100*float64(p.hits)/float64(p.asked))
}

func (p *clusterPhase) percentile(q float64) time.Duration {
	if len(p.misses) == 0 {
		return 0
	}
	return p.misses[min(int(q*float64(len(p.misses))), len(p.misses)-1)].Round(time.Millisecond)
}

func sumOf(jobs [3]int) int { return jobs[0] + jobs[1] + jobs[2] }

// busiest is the part of the work that the server with the most of it had.
func (p *clusterPhase) busiest() float64 {
	return float64(max(p.jobs[0], p.jobs[1], p.jobs[2])) / float64(max(sumOf(p.jobs), 1))
}
