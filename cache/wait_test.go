package cache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

var (
	errPassing = errors.New("the origin does not answer")
	errTruth   = errors.New("the origin has none")
)

// classes has what passes over, and what is true.
func classes(err error) ErrorClass {
	switch {
	case errors.Is(err, errPassing):
		return ErrorClass{For: time.Second, Stale: true}
	case errors.Is(err, errTruth):
		return ErrorClass{For: time.Minute}
	}
	return ErrorClass{}
}

// heldFill is a fill under way.
type heldFill struct {
	began  chan struct{}
	finish chan error
	entry  *Entry
}

func newHeldFill(e *Entry) *heldFill {
	return &heldFill{began: make(chan struct{}), finish: make(chan error), entry: e}
}

func (h *heldFill) fill(_ context.Context, commit func() error, _ *Entry) (*Entry, error) {
	if err := commit(); err != nil {
		return nil, err
	}
	close(h.began)
	if err := <-h.finish; err != nil {
		return nil, err
	}
	return h.entry, nil
}

func makes(e *Entry) Fill {
	return func(context.Context, func() error, *Entry) (*Entry, error) { return e, nil }
}

type answer struct {
	body    string
	outcome Outcome
	err     error
}

// getLater gets in the background.
func getLater(c *Cache, key Key, fill Fill) chan answer {
	got := make(chan answer, 1)
	go func() {
		e, o, err := c.Get(context.Background(), key, fill)
		a := answer{outcome: o, err: err}
		if e != nil {
			a.body = string(e.Body)
			e.Close()
		}
		got <- a
	}()
	return got
}

func purgeTag(t *testing.T, c *Cache, tag string) {
	t.Helper()
	if _, err := c.Purge(purge.Hard, []purge.Target{{Kind: purge.Tag, Value: tag}}); err != nil {
		t.Fatal(err)
	}
}

// fallback is an entry that is no longer fresh, and takes the place of errors.
func fallback(t *testing.T, c *Cache) {
	t.Helper()
	e := newEntry("k", "old", time.Second)
	e.StaleError, e.Tags = 24*time.Hour, []string{"tag"}
	if _, _, err := c.Get(context.Background(), "k", makes(e)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	time.Sleep(time.Minute)
}

// What was found before a wait is no answer after it, where it was purged
// meanwhile: neither where the fill failed nor where it is late.
func TestAPurgeMeetsSomebodyWithAnEntryToFallBackTo(t *testing.T) {
	for name, late := range map[string]bool{"the fill fails": false, "the fill is late": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := New(Config{MaxBytes: 1 << 20, Classify: classes})
				defer c.Close()
				fallback(t, c)
				fresh := newEntry("k", "new", time.Hour)
				fresh.Seq = 1
				held := newHeldFill(fresh)
				fills := 0
				got := getLater(c, "k", func(ctx context.Context, commit func() error, old *Entry) (*Entry, error) {
					if fills++; fills == 1 {
						return held.fill(ctx, commit, old)
					}
					return fresh, nil
				})
				<-held.began
				purgeTag(t, c, "tag")
				if late {
					time.Sleep(4 * time.Second)
					synctest.Wait()
					held.finish <- nil
				} else {
					held.finish <- errPassing
				}
				if a := <-got; a.err != nil || a.body != "new" {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// Without a purge it is an answer, and those who come while a fill is late
// already do not wait for it once more.
func TestALateFillIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{MaxBytes: 1 << 20, Classify: classes})
		defer c.Close()
		fallback(t, c)
		held := newHeldFill(newEntry("k", "new", time.Hour))
		for i, want := range []time.Duration{3 * time.Second, 0, 0} {
			start := time.Now()
			a := <-getLater(c, "k", held.fill)
			if a.err != nil || a.body != "old" || a.outcome != StaleError || time.Since(start) != want {
				t.Errorf("%d: %+v after %v, want %v", i, a, time.Since(start), want)
			}
		}
		held.finish <- nil
	})
}

// An error of a fill that began before a purge tells those who came after it
// nothing.
func TestAnErrorFromBeforeAPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{MaxBytes: 1 << 20, Classify: classes})
		defer c.Close()
		held := newHeldFill(nil)
		before := getLater(c, "k", held.fill)
		<-held.began
		purgeTag(t, c, "tag")
		after := getLater(c, "k", makes(newEntry("k", "new", time.Hour)))
		synctest.Wait()
		held.finish <- errTruth
		if a := <-before; !errors.Is(a.err, errTruth) {
			t.Errorf("who came before: %+v", a)
		}
		if a := <-after; a.err != nil || a.body != "new" {
			t.Errorf("who came after: %+v", a)
		}
	})
}

// What is found not to be for everybody any more is not served again, from
// whichever tier.
func TestWhatMayNotBeKeptAnyMoreGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{MaxBytes: 1 << 20, Classify: classes})
		defer c.Close()
		e := newEntry("k", "public", time.Second)
		e.StaleWhile, e.StaleError = time.Hour, time.Hour
		if _, _, err := c.Get(context.Background(), "k", makes(e)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		private := func(body string) Fill {
			e := newEntry("k", body, time.Hour)
			e.NoStore = true
			return makes(e)
		}
		if a := <-getLater(c, "k", private("one's")); a.outcome != Stale || a.body != "public" {
			t.Errorf("for the last time: %+v", a)
		}
		synctest.Wait()
		for range 2 {
			a := <-getLater(c, "k", private("another's"))
			if a.err != nil || a.body != "another's" || a.outcome != Bypassed {
				t.Errorf("afterwards: %+v", a)
			}
		}
	})
}
