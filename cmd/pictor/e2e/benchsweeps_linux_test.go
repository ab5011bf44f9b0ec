package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// chartsVar is where TestBenchCharts puts its charts.
const chartsVar = "PICTOR_BENCH_CHARTS"

// What a request costs where there are more pixels, more clients, more entries.
func TestBenchCharts(t *testing.T) {
	dir := os.Getenv(chartsVar)
	if dir == "" {
		t.Skip("takes minutes: make bench-http CHARTS=docs")
	}
	for name, measure := range map[string]func(testing.TB) *chart{
		"cost-by-pixels": costByPixels, "cost-by-clients": costByClients, "cost-by-entries": costByEntries,
	} {
		t.Run(name, func(t *testing.T) {
			c := measure(t)
			for _, l := range c.lines {
				t.Logf("%s: %.4g", l.name, l.points)
			}
			if err := os.WriteFile(filepath.Join(dir, name+".svg"), c.svg(), 0o644); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c *chart) addMillis(over float64, costs []cost) {
	for _, of := range costs {
		c.add(of.name, over, of.cpu()/1e6)
	}
}

// costByPixels is of misses of one size of result.
func costByPixels(t testing.TB) *chart {
	c := &chart{title: "A miss by the size of its source: JPEG → 300 px JPEG", over: "megapixels of the source",
		unit: "ms of CPU"}
	b := newBench(t)
	for _, mp := range []float64{0.1, 0.3, 1, 3, 6, 12, 25, 50} {
		size := megapixels("jpeg", mp)
		f := benchForm{file: "one.jpg", options: "rs:fit:300:0/q:80", params: narrowed(300, transform.JPEG, 80)}
		b.origin.put("/"+f.file, picturetest.JPEG(picturetest.Photo(size.width, size.height, 1), 85))
		c.addMillis(mp, inTurns(t, b.misses(f), 5, 4))
	}
	return c
}

// chartClients are how many ask together.
var chartClients = []int{1, 4, 16, 64, 256, 1000}

// costByClients is of misses and hits.
func costByClients(t testing.TB) *chart {
	c := &chart{title: "Misses (1 MP JPEG → 300 px JPEG) and hits by clients that ask together",
		over: "clients", unit: "ms of CPU a request"}
	b := newBench(t)
	b.putPictures()
	b.origin.put("/1mp.jpg", picturetest.JPEG(picturetest.Photo(1224, 816, 1), 85))
	of := b.compareHits(b.hit())
	f := benchForm{file: "1mp.jpg", options: "rs:fit:300:0/q:80", params: narrowed(300, transform.JPEG, 80)}
	for _, clients := range chartClients {
		var misses []contender
		for _, p := range b.servers {
			one := b.miss(p, f)
			misses = append(misses, contender{p.name + ", misses", p.pid, shared(one.work, clients)})
		}
		c.addMillis(float64(clients), inTurns(t, misses, 3, max(100, clients)))
		hits := of(clients, false)
		hits[0].name += ", hits"
		c.addMillis(float64(clients), inTurns(t, hits, 5, max(2000, 2*clients)))
	}
	return c
}

// shared has some clients do the work together.
func shared(one work, clients int) work {
	return func(times int) (took []time.Duration, size int) {
		var running sync.WaitGroup
		for i := range clients {
			running.Go(func() { one((times + i) / clients) })
		}
		running.Wait()
		return nil, 0
	}
}

// costByEntries is of hits anywhere in a cache in RAM.
func costByEntries(t testing.TB) *chart {
	c := &chart{title: "A hit of 100 bytes by entries in the RAM cache", over: "entries", unit: "ms of CPU a hit"}
	root := t.TempDir()
	pixel := picturetest.PNG(picturetest.Photo(8, 8, 1))
	if err := os.WriteFile(filepath.Join(root, "a.png"), pixel, 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "--local-root", root, "--cache-disk", "off", "--cache-memory", "4GiB", "--ttl", "24h")
	b.servers = b.servers[:1]
	pictor := b.servers[0]
	path := func(i int) string { return fmt.Sprintf("/raw:1/cb:%d/plain/local:///a.png", i) }
	like, err := (&server{t: t, url: pictor.prefix}).try(http.MethodGet, path(0))
	if err != nil {
		t.Fatal(err)
	}
	url, pid := b.netHTTP(like)
	begun := 0
	fill := b.askEach(pictor.prefix, "", 16, http.StatusOK, func(i int) string { return path(begun + i) })
	for _, entries := range []int{1000, 10_000, 100_000, 1_000_000} {
		fill(entries - begun)
		begun = entries
		hits := func(at string) work {
			return b.askEach(at, "", hitClients, http.StatusOK, func(int) string { return path(rand.IntN(entries)) })
		}
		ours := contender{pictor.name, pictor.pid, hits(pictor.prefix)}
		c.addMillis(float64(entries), inTurns(t, []contender{ours, {"bare net/http", pid, hits(url)}}, 5, 4000))
		t.Logf("%d entries: %d MiB", entries, watchPeak(t, ours, 10)/mib)
	}
	return c
}
