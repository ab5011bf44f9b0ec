package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

func TestWhatIsHeldAgainstASource(t *testing.T) {
	boom := fmt.Errorf("%w: boom", transform.ErrCrashed)
	overran := fmt.Errorf("%w: much", transform.ErrMemory)
	long := fmt.Errorf("%w: long", transform.ErrCPU)
	slow := fmt.Errorf("%w: long", transform.ErrTimeout)
	s := cacheRequest{identity: "s", key: "k"}
	for name, tc := range map[string]struct {
		errs    []error
		hadTime bool
		refused bool
	}{
		"a crash, which is tried twice":         {[]error{boom}, true, true},
		"one overrun":                           {[]error{overran}, true, false},
		"two overruns":                          {[]error{overran, overran}, true, true},
		"an overrun and a timeout":              {[]error{overran, slow}, true, true},
		"a picture, and two overruns of others": {[]error{nil, overran, overran}, true, false},
		"an overrun, a picture, and another":    {[]error{overran, nil, overran}, true, false},
		"a picture, and a crash":                {[]error{nil, boom}, true, true},
		"two that took too much CPU time":       {[]error{long, long}, true, true},
		"workers that do not start":             {[]error{transform.ErrNoWorker, transform.ErrNoWorker, transform.ErrNoWorker}, true, false},
		"timeouts of jobs without time":         {[]error{slow, slow, slow}, false, false},
		"what ends no worker":                   {[]error{transform.ErrMalformed, transform.ErrTruncated, context.Canceled, nil}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			p := newQuarantine(func() time.Time { return now }, noPurges(t))
			for i, err := range tc.errs {
				p.recordOutcome(cacheRequest{identity: "s", key: cache.Key(fmt.Sprint(i))}, 0, err, tc.hadTime)
				now = now.Add(time.Minute)
			}
			if err := p.checkRequest(s); errors.Is(err, errQuarantined) != tc.refused {
				t.Errorf("%v", err)
			}
			if err := p.checkRequest(cacheRequest{identity: "another"}); err != nil {
				t.Errorf("another source: %v", err)
			}
			now = now.Add(quarantineTime)
			if err := p.checkRequest(s); err != nil {
				t.Errorf("later: %v", err)
			}
			p.recordOutcome(s, 0, overran, true)
			if err := p.checkRequest(s); err != nil {
				t.Errorf("what was held against it before still counts: %v", err)
			}
		})
	}
}

// Of a good source only what ended workers is refused, so that others have it.
func TestWhatIsHeldAgainstAResult(t *testing.T) {
	now := time.Now()
	p := newQuarantine(func() time.Time { return now }, noPurges(t))
	heavy, thumbnail := cacheRequest{identity: "s", key: "heavy"}, cacheRequest{identity: "s", key: "thumbnail"}
	p.recordOutcome(thumbnail, 0, nil, true)
	p.recordOutcome(heavy, 0, transform.ErrMemory, true)
	if err := p.checkRequest(heavy); err != nil {
		t.Errorf("after one: %v", err)
	}
	p.recordOutcome(heavy, 0, transform.ErrTimeout, true)
	if err := p.checkRequest(heavy); !errors.Is(err, errQuarantined) ||
		!strings.Contains(err.Error(), "this variant of the source") {
		t.Errorf("after two: %v", err)
	}
	if err := p.checkRequest(thumbnail); err != nil {
		t.Errorf("others: %v", err)
	}
	now = now.Add(quarantineTime)
	if err := p.checkRequest(heavy); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestPoisonIsBounded(t *testing.T) {
	p := newQuarantine(time.Now, noPurges(t))
	ask := func(i int) cacheRequest { return cacheRequest{identity: fmt.Sprint(i)} }
	for i := range 2 * quarantineSize {
		p.recordOutcome(ask(i), 0, transform.ErrCrashed, true)
		p.recordOutcome(ask(-i), 0, nil, true)
	}
	if p.suspects.Len() != quarantineSize || p.succeeded.Len() != quarantineSize {
		t.Errorf("%d and %d", p.suspects.Len(), p.succeeded.Len())
	}
	if p.checkRequest(ask(0)) != nil || p.checkRequest(ask(2*quarantineSize-1)) == nil {
		t.Error("it does not forget the oldest")
	}
}

func TestPoisonSourceIsRefusedWithoutAFetch(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
	r.painter.fail = func(context.Context) error { return transform.ErrCrashed }
	if resp, body := r.must(r.path("w:1")); resp.StatusCode != 422 || !strings.HasPrefix(body, "crashed: ") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	r.painter.fail = nil
	resp, body := r.must(r.path("w:2")) // other options, the same source
	if resp.StatusCode != 422 || !strings.HasPrefix(body, "poison: ") ||
		resp.Header.Get("Cache-Control") != "no-store" || r.asked.Load() != 1 {
		t.Errorf("%d %q, %d fetches", resp.StatusCode, body, r.asked.Load())
	}
	now = now.Add(quarantineTime)
	if resp, body := r.must(r.path("w:2")); resp.StatusCode != 200 {
		t.Errorf("later: %d %q", resp.StatusCode, body)
	}
}

func noPurges(t testing.TB) *purge.Clock {
	t.Helper()
	c, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Who replaces such a picture says so by a purge.
func TestAPurgeEndsPoison(t *testing.T) {
	r := newRig(t, nil)
	for i, ask := range []PurgeRequest{
		{Sources: []string{r.site.URL + "/a.png"}}, {Hosts: []string{"127.0.0.1"}}, {All: true, Mode: "hard"}, {Tags: []string{"sale"}},
	} {
		p := r.path(fmt.Sprintf("w:%d/ct:sale", i+1))
		r.painter.fail = func(context.Context) error { return transform.ErrCrashed }
		if resp, body := r.must(p); resp.StatusCode != 422 || !strings.HasPrefix(body, "crashed: ") {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		r.painter.fail = nil
		r.purge(PurgeRequest{Sources: []string{"https://example.com/another.png"}})
		if resp, body := r.must(p); resp.StatusCode != 422 || !strings.HasPrefix(body, "poison: ") {
			t.Errorf("after a purge of another: %d %q", resp.StatusCode, body)
		}
		r.purge(ask)
		if resp, body := r.must(p); resp.StatusCode != 200 {
			t.Errorf("after a purge: %d %q", resp.StatusCode, body)
		}
	}
}

// Nor does what was held against a source before a purge count after it.
func TestStrikesFromBeforeAPurge(t *testing.T) {
	clock := noPurges(t)
	p := newQuarantine(time.Now, clock)
	a := cacheRequest{identity: "https://example.com/a", key: "k"}
	purged := func() uint64 {
		r, err := clock.Purge(purge.Hard, []purge.Target{{Kind: purge.Source, Value: a.identity}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Sequence
	}
	p.recordOutcome(a, 0, transform.ErrMemory, true)
	p.recordOutcome(a, 0, transform.ErrMemory, true)
	if p.checkRequest(a) == nil {
		t.Fatal("two strikes")
	}
	seq := purged()
	p.recordOutcome(a, seq, transform.ErrMemory, true)
	if err := p.checkRequest(a); err != nil {
		t.Errorf("one strike since: %v", err)
	}
	p.recordOutcome(a, seq-1, transform.ErrCrashed, true) // a job from before
	if err := p.checkRequest(a); err != nil {
		t.Errorf("one strike since, and what is of the old one: %v", err)
	}
	p.recordOutcome(a, seq, transform.ErrMemory, true)
	if p.checkRequest(a) == nil {
		t.Error("two strikes since")
	}
}
