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
	s := asked{identity: "s", key: "k"}
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
			p := newPoison(func() time.Time { return now }, noPurges(t))
			for i, err := range tc.errs {
				p.blame(asked{identity: "s", key: cache.Key(fmt.Sprint(i))}, 0, err, tc.hadTime)
				now = now.Add(time.Minute)
			}
			if err := p.check(s); errors.Is(err, errPoison) != tc.refused {
				t.Errorf("%v", err)
			}
			if err := p.check(asked{identity: "another"}); err != nil {
				t.Errorf("another source: %v", err)
			}
			now = now.Add(poisonTime)
			if err := p.check(s); err != nil {
				t.Errorf("later: %v", err)
			}
			p.blame(s, 0, overran, true)
			if err := p.check(s); err != nil {
				t.Errorf("what was held against it before still counts: %v", err)
			}
		})
	}
}

// Of a good source only what ended workers is refused, so that others have it.
func TestWhatIsHeldAgainstAResult(t *testing.T) {
	now := time.Now()
	p := newPoison(func() time.Time { return now }, noPurges(t))
	heavy, thumbnail := asked{identity: "s", key: "heavy"}, asked{identity: "s", key: "thumbnail"}
	p.blame(thumbnail, 0, nil, true)
	p.blame(heavy, 0, transform.ErrMemory, true)
	if err := p.check(heavy); err != nil {
		t.Errorf("after one: %v", err)
	}
	p.blame(heavy, 0, transform.ErrTimeout, true)
	if err := p.check(heavy); !errors.Is(err, errPoison) || !strings.Contains(err.Error(), "this variant of the source") {
		t.Errorf("after two: %v", err)
	}
	if err := p.check(thumbnail); err != nil {
		t.Errorf("others: %v", err)
	}
	now = now.Add(poisonTime)
	if err := p.check(heavy); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestPoisonIsBounded(t *testing.T) {
	p := newPoison(time.Now, noPurges(t))
	ask := func(i int) asked { return asked{identity: fmt.Sprint(i)} }
	for i := range 2 * poisonSources {
		p.blame(ask(i), 0, transform.ErrCrashed, true)
		p.blame(ask(-i), 0, nil, true)
	}
	if p.suspects.Len() != poisonSources || p.made.Len() != poisonSources {
		t.Errorf("%d and %d", p.suspects.Len(), p.made.Len())
	}
	if p.check(ask(0)) != nil || p.check(ask(2*poisonSources-1)) == nil {
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
	if resp.StatusCode != 422 || !strings.HasPrefix(body, "poison: ") || resp.Header.Get("Cache-Control") != "no-store" || r.asked.Load() != 1 {
		t.Errorf("%d %q, %d fetches", resp.StatusCode, body, r.asked.Load())
	}
	now = now.Add(poisonTime)
	if resp, body := r.must(r.path("w:2")); resp.StatusCode != 200 {
		t.Errorf("later: %d %q", resp.StatusCode, body)
	}
}

func noPurges(t *testing.T) *purge.Clock {
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
	p := newPoison(time.Now, clock)
	a := asked{identity: "https://example.com/a", key: "k"}
	purged := func() uint64 {
		r, err := clock.Purge(purge.Hard, []purge.Target{{Kind: purge.Source, Value: a.identity}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Sequence
	}
	p.blame(a, 0, transform.ErrMemory, true)
	p.blame(a, 0, transform.ErrMemory, true)
	if p.check(a) == nil {
		t.Fatal("two strikes")
	}
	seq := purged()
	p.blame(a, seq, transform.ErrMemory, true)
	if err := p.check(a); err != nil {
		t.Errorf("one strike since: %v", err)
	}
	p.blame(a, seq-1, transform.ErrCrashed, true) // a job from before
	if err := p.check(a); err != nil {
		t.Errorf("one strike since, and what is of the old one: %v", err)
	}
	p.blame(a, seq, transform.ErrMemory, true)
	if p.check(a) == nil {
		t.Error("two strikes since")
	}
}
