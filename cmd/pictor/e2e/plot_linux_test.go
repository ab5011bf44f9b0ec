package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"sync"
	"testing"
	"time"
)

// plot is memory over time, as a picture for people.
type plot struct {
	limit   int64
	version int // of cgroups
	start   time.Time

	mu     sync.Mutex
	used   []sample // anonymous and shared memory of the cgroup
	cache  []sample
	bursts [][2]time.Duration
}

type sample struct {
	at    time.Duration
	bytes int64
}

func newPlot(limit int64, version int) *plot {
	return &plot{limit: limit, version: version, start: time.Now()}
}

func (p *plot) burstBegins() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.start)
	p.bursts = append(p.bursts, [2]time.Duration{now, now})
}

func (p *plot) burstEnds() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bursts[len(p.bursts)-1][1] = time.Since(p.start)
}

// watch samples until stop.
func (p *plot) watch(g *cgroup, s *server) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			used := g.used()
			m, err := s.memory()
			now := time.Since(p.start)
			p.mu.Lock()
			p.used = append(p.used, sample{now, used})
			if err == nil {
				p.cache = append(p.cache, sample{now, m.Cache.Bytes})
			}
			p.mu.Unlock()
			select {
			case <-end:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	return func() { close(end); <-ended }
}

// svg draws it: bursts as grey columns, the limit as a line.
func (p *plot) svg() []byte {
	const width, height, left, bottom, top = 900, 320, 52, 40, 30
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.used[len(p.used)-1].at
	x := func(at time.Duration) float64 { return left + float64(at)/float64(end)*(width-left-12) }
	y := func(n int64) float64 { return height - bottom - float64(n)/float64(p.limit)/1.08*(height-bottom-top) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="14">%d bursts of %d requests by %d clients `+
		`in a %d MiB cgroup (version %d)</text>`+"\n",
		left, len(p.bursts), soakAsks, soakClients, p.limit/mib, p.version)
	for _, burst := range p.bursts {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#eee"/>`+"\n", x(burst[0]), top,
			x(burst[1])-x(burst[0]), height-bottom-top)
	}
	for n := int64(0); n <= p.limit; n += p.limit / 4 {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ccc"/>`+
			`<text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n",
			left, width-12, y(n), y(n), left-6, y(n)+4, n/mib)
	}
	for at := time.Duration(0); at < end; at += time.Minute {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(at), height-bottom+16,
			at.Minutes())
	}
	line := func(samples []sample, colour string) {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
		for _, s := range samples {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(s.at), y(s.bytes))
		}
		fmt.Fprintln(&b, `"/>`)
	}
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#c00" stroke-width="2"/>`+"\n", left, width-12,
		y(p.limit), y(p.limit))
	line(p.used, "#06c")
	line(p.cache, "#393")
	fmt.Fprintf(&b, `<text x="%d" y="%d">MiB over minutes: <tspan fill="#c00">limit</tspan>, `+
		`<tspan fill="#06c">anonymous and shared memory</tspan>, <tspan fill="#393">cached bytes</tspan>, `+
		`<tspan fill="#888">bursts</tspan></text>`+"\n</svg>\n", left, height-6)
	return b.Bytes()
}

func TestPlotIsSVG(t *testing.T) {
	p := newPlot(256*mib, 1)
	p.burstBegins()
	p.burstEnds()
	p.used = []sample{{0, mib}, {time.Minute, 128 * mib}}
	p.cache = []sample{{0, 0}, {time.Minute, mib}}
	var any struct {
		Lines []struct {
			Points string `xml:"points,attr"`
		} `xml:"polyline"`
	}
	if err := xml.Unmarshal(p.svg(), &any); err != nil || len(any.Lines) != 2 || any.Lines[0].Points == "" {
		t.Errorf("%v, %+v", err, any)
	}
	if got := slope([]float64{1, 3, 5, 7}); got != 2 {
		t.Errorf("a slope of 2 is %v", got)
	}
}
