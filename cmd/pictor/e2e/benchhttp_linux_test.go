package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchVar makes TestBenchHTTP run, tableVar says where its tables go.
const (
	benchVar = "PICTOR_BENCH_HTTP"
	tableVar = "PICTOR_BENCH_TABLE"
)

const (
	// benchRounds are the turns of each program, benchMisses the misses in one.
	benchRounds, benchMisses = 7, 5
	// sparseRounds are misses with sparsePause from one to the next.
	sparseRounds, sparsePause = 7, 2 * time.Second
	// benchHits are the hits of a turn, hitClients those who ask for them together.
	benchHits, hitClients = 4000, 8
)

// srcsetWidths are those of a page's srcset.
var srcsetWidths = []int{320, 480, 640, 750, 828, 1080, 1200, 1920}

// What a user pays: the CPU time of all processes, page faults, memory and latency of
// misses, hits and srcsets, beside programs that do the same work and nothing else.
func TestBenchHTTP(t *testing.T) {
	if os.Getenv(benchVar) == "" {
		t.Skip("takes minutes: make bench-http")
	}
	b := newBench(t)
	b.putPictures()
	table := &benchTable{}
	for _, part := range []struct {
		name    string
		measure func(*benchTable)
	}{
		{"misses", b.measureMisses}, {"sparse", b.measureSparseMisses}, {"hits", b.measureHits},
		{"protocols", b.measureProtocols}, {"srcset", b.measureSrcset},
	} {
		if wants := os.Getenv(benchVar); wants == "all" || strings.Contains(wants, part.name) {
			part.measure(table)
		}
	}
	t.Log(table.String())
	if path := os.Getenv(tableVar); path != "" {
		if err := os.WriteFile(path, []byte(table.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (b *bench) measureMisses(table *benchTable) {
	table.head("Misses, one after the other")
	for _, f := range benchForms {
		contenders := b.misses(f)
		costs := inTurns(b, contenders, benchRounds, benchMisses)
		for i, p := range contenders {
			costs[i].peak = watchPeak(b, p, benchMisses)
		}
		table.add(f.name, costs)
	}
}

func (b *bench) measureSparseMisses(table *benchTable) {
	table.head(fmt.Sprintf("Misses, one every %.0f seconds", sparsePause.Seconds()))
	for _, f := range benchForms {
		table.add(f.name, sparsely(b, b.misses(f), sparseRounds, sparsePause))
	}
}

func (b *bench) measureSrcset(table *benchTable) {
	table.head(fmt.Sprintf("Eight widths of one 6 MP JPEG, %d to %d pixels", srcsetWidths[0],
		srcsetWidths[len(srcsetWidths)-1]))
	for _, ext := range []string{"jpg", "webp"} {
		var contenders []contender
		for _, p := range b.servers {
			contenders = append(contenders, contender{p.name, p.pid, b.together(p, ext)})
		}
		pictor := b.servers[0]
		singles := contender{pictor.name + ", one after the other, a source each", pictor.pid, b.singly(pictor, ext)}
		table.add("eight "+ext+" together", inTurns(b, append(contenders, singles), benchRounds, 1))
	}
}

func (b *bench) width(p peer, width int, source, ext string) int {
	return b.fetch(p, fmt.Sprintf("rs:fit:%d:0/q:80", width), source, ext)
}

// together asks for all widths of one new source at the same time.
func (b *bench) together(p peer, ext string) work {
	return oneByOne(func() (sum int) {
		source := b.fresh("6mp.jpg")
		sizes := make([]int, len(srcsetWidths))
		var all sync.WaitGroup
		for i, w := range srcsetWidths {
			all.Go(func() { sizes[i] = b.width(p, w, source, ext) })
		}
		all.Wait()
		for _, n := range sizes {
			sum += n
		}
		return sum
	})
}

// singly asks for each width of a source that is new to it.
func (b *bench) singly(p peer, ext string) work {
	return oneByOne(func() (sum int) {
		for _, w := range srcsetWidths {
			sum += b.width(p, w, b.fresh("6mp.jpg"), ext)
		}
		return sum
	})
}

// benchTable is Markdown.
type benchTable struct{ bytes.Buffer }

func (b *benchTable) head(title string) {
	fmt.Fprintf(b, "\n### %s\n\n| what | program | CPU | pictor's is | user | system | page faults | of children "+
		"| peak | median | p99 | bytes |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", title)
}

// add writes a line for each; the first is pictor, whose CPU time is divided by that of the others.
func (b *benchTable) add(what string, costs []cost) {
	for i, c := range costs {
		cells := []string{what, c.name}
		if len(c.rounds) == 0 {
			cells = append(cells, "", "", "", "", "", "")
		} else {
			nanos, share, ratio := c.cpu(), c.userShare(), ""
			if i > 0 {
				ratio = fmt.Sprintf("%.2f times", costs[0].cpu()/nanos)
			}
			cells = append(cells, millis(nanos), ratio, millis(nanos*share), millis(nanos*(1-share)),
				fmt.Sprintf("%.0f", c.faults()), fmt.Sprintf("%.0f", c.faultsBelow()))
		}
		peak := ""
		if c.peak > 0 {
			peak = fmt.Sprintf("%d MiB", c.peak/mib)
		}
		cells = append(cells, peak, millis(float64(c.percentile(0.5))), millis(float64(c.percentile(0.99))),
			fmt.Sprint(c.size))
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		what = ""
	}
}

// millis writes nanoseconds as milliseconds of three digits.
func millis(nanos float64) string { return fmt.Sprintf("%.3g ms", nanos/1e6) }
