package proxy

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// timingNames are the names in a Server-Timing header.
func timingNames(h http.Header) (names []string) {
	for part := range strings.SplitSeq(h.Get("Server-Timing"), ", ") {
		name, _, _ := strings.Cut(part, ";")
		names = append(names, name)
	}
	return names
}

// In development a response says where its time went, and a follower that it waited for another's fill.
func TestServerTiming(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FullErrors = true })
	started, release := r.hold()
	var wg sync.WaitGroup
	var leader, follower *http.Response
	ask := func(resp **http.Response) {
		var err error
		if *resp, _, err = r.get(context.Background(), r.path("w:100")); err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() { ask(&leader) })
	<-started
	wg.Go(func() { ask(&follower) })
	r.until("it waits for the other's fill", func() bool { return r.cfg.Cache.Stats().Collapsed == 1 })
	r.gate = nil
	close(release)
	wg.Wait()
	if leader == nil || follower == nil {
		t.FailNow()
	}
	for want, resp := range map[string]*http.Response{
		"verify lookup queue fetch transform memory": leader, "verify lookup follow queue": follower,
	} {
		for _, name := range timingNames(resp.Header) {
			if !slices.Contains(strings.Fields(want), name) {
				t.Errorf("%s is not in %s", name, want)
			}
		}
		if n := len(timingNames(resp.Header)); n < len(strings.Fields(want))-2 { // there may be no wait at all
			t.Errorf("%v, want %s", timingNames(resp.Header), want)
		}
	}
	hit, _ := r.must(r.path("w:100"))
	if got := timingNames(hit.Header); slices.Contains(got, "fetch") || slices.Contains(got, "transform") ||
		!slices.Contains(got, "lookup") {
		t.Errorf("a hit: %v", got)
	}
	if wrong, _ := r.must("/wrong/w:1/plain/x"); !slices.Equal(timingNames(wrong.Header), []string{"verify"}) {
		t.Errorf("an error: %v", wrong.Header)
	}
}

func TestNoServerTimingInProduction(t *testing.T) {
	r := newRig(t, nil)
	for range 2 {
		if resp, _ := r.must(r.path("w:100")); resp.Header.Get("Server-Timing") != "" {
			t.Errorf("%v", resp.Header)
		}
	}
}

func (t phaseTimes) sum() (all time.Duration) {
	for _, d := range t {
		all += d
	}
	return all
}

// The phases are the whole time, whoever counts them, and a fill that goes on without its request counts nothing.
func TestPhasesAreTheWholeTime(t *testing.T) {
	c := &phaseClock{}
	began := time.Now()
	c.begin(began)
	fill := c.beginFill()
	fill.enter(phaseFetch)
	fill.WaitBegins()
	fill.WaitEnds()
	if c.current != phaseFetch {
		t.Errorf("after a wait: %v", c.current)
	}
	fill.WaitedElsewhere(time.Hour) // more than the fetch took
	fill.enter(phaseTransform)
	fill.end(false)
	c.enter(phaseSend)
	before := c.read()
	fill.enter(phaseFetch)
	fill.WaitBegins()
	fill.WaitedElsewhere(time.Minute)
	if c.current != phaseSend {
		t.Errorf("a fill that nobody waits for: %v", c.current)
	}
	after := c.read()
	if got, want := after.sum(), c.since.Sub(began); got != want {
		t.Errorf("%v in phases, %v in all", got, want)
	}
	before[phaseSend] = after[phaseSend]
	if before != after {
		t.Errorf("%v, then %v", before, after)
	}
	var none *phaseClock // of a fill that no client waits for
	none.beginFill().enter(phaseFetch)
	none.enter(phaseSend)
	none.WaitBegins()
	none.WaitEnds()
	none.WaitedElsewhere(time.Second)
	none.beginFill().end(true)
	if none.read().sum() != 0 {
		t.Error("none measures")
	}
}

// A follower's lookup is the wait for the other's fill, but for what it had looked up before.
func TestPhasesOfAFollower(t *testing.T) {
	c := &phaseClock{}
	c.begin(time.Now().Add(-time.Hour))
	c.current = phaseLookup
	fill := c.beginFill()
	c.since = c.since.Add(-time.Minute)
	fill.end(true)
	if got := c.read(); got[phaseLookup] < time.Hour || got[phaseLookup] >= time.Hour+time.Minute ||
		got[phaseFollow] < time.Minute {
		t.Errorf("%v", got)
	}
}

// Server-Timing tells what a search for the quality has come to, and of a size no score.
func TestServerTimingOfASearch(t *testing.T) {
	for want, method := range map[string]transform.Method{
		`quality;desc="74", encodes;desc="3", score;desc="77.8"`: transform.BySSIMULACRA2,
		`quality;desc="74", encodes;desc="3"`:                    transform.BySize,
	} {
		var c phaseClock
		c.begin(time.Now())
		c.beginFill().noteSearched(transform.Searched{Quality: 74, Encodes: 3, Score: 77.82}, method)
		if got := c.jobTiming(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
