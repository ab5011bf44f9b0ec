package cache

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hungTier is a tier of one entry, one of whose calls never returns until it is
// free, whatever ends meanwhile.
type hungTier struct {
	entry   *Entry
	at      string
	reached chan struct{}
	free    chan struct{}
	gets    int
}

func (h *hungTier) call(name string) {
	if name == h.at {
		close(h.reached)
		<-h.free
	}
}

func (h *hungTier) Get(_ context.Context, k Key) (*Entry, bool) {
	if h.entry == nil || k != h.entry.Key {
		return nil, false
	}
	if h.gets++; h.gets == 2 {
		h.call("promotion finds")
	}
	e := h.entry.metadata()
	e.file = hungFile{h}
	return e, true
}

func (h *hungTier) Put(*Entry) bool {
	h.call("put")
	return true
}

func (h *hungTier) Renew(*Entry) bool {
	h.call("renew")
	return true
}

func (h *hungTier) Use(Key) {}

func (h *hungTier) Drop(Key) { h.call("drop") }

func (h *hungTier) Close() {}

// hungFile is the entry's bytes.
type hungFile struct{ t *hungTier }

func (f hungFile) Size() int64                      { return int64(len(f.t.entry.Body)) }
func (f hungFile) Close() error                     { return nil }
func (f hungFile) Reader(context.Context) io.Reader { return io.NewSectionReader(f, 0, f.Size()) }

func (f hungFile) ReadAt(p []byte, off int64) (int, error) {
	f.t.call("promotion reads")
	return strings.NewReader(string(f.t.entry.Body)).ReadAt(p, off)
}

// Whatever hangs, Close returns, and Shutdown when its context ends; what was
// left to itself does no harm when it goes on. Under the clock of synctest only
// what waits without a bound takes for ever.
func TestCloseDoesNotWaitForWhatHangs(t *testing.T) {
	errGone := errors.New("gone")
	get := func(fill Fill) func(*Cache) {
		return func(c *Cache) {
			go func() {
				if e, _, err := c.Get(context.Background(), "k", fill); err == nil {
					e.Close()
				}
			}()
		}
	}
	tests := map[string]struct {
		at string
		// ttl is that of the tier's entry; 0 for none.
		ttl   time.Duration
		begin func(*Cache)
	}{
		"promotion finds": {"promotion finds", time.Hour, get(nil)},
		"promotion reads": {"promotion reads", time.Hour, get(nil)},
		"put": {"put", 0, get(func(context.Context, func() error, *Entry) (*Entry, error) {
			return newEntry("k", "body", time.Hour), nil
		})},
		"drop of what is gone": {"drop", -time.Second, get(func(context.Context, func() error, *Entry) (*Entry, error) {
			return nil, errGone
		})},
		"renew": {"renew", -time.Second, get(func(_ context.Context, _ func() error, old *Entry) (*Entry, error) {
			e := old.Renew()
			e.Expires = time.Now().Add(time.Hour)
			return e, nil
		})},
	}
	for name, test := range tests {
		for _, end := range []string{"Close", "Shutdown"} {
			t.Run(name+", "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tier := &hungTier{at: test.at, reached: make(chan struct{}), free: make(chan struct{})}
					c, err := New(Config{MaxBytes: 1 << 20, Lower: []Tier{tier}, Classify: func(err error) ErrorClass {
						if errors.Is(err, errGone) {
							return ErrorClass{For: time.Minute}
						}
						return ErrorClass{}
					}})
					if err != nil {
						t.Fatal(err)
					}
					if test.ttl != 0 {
						tier.entry = newEntry("k", "body", test.ttl)
						tier.entry.StaleWhile, tier.entry.StaleError = time.Hour, time.Hour
					}
					test.begin(c)
					<-tier.reached
					if end == "Close" {
						c.Close()
					} else {
						ctx, cancel := context.WithTimeout(context.Background(), time.Second)
						err := c.Shutdown(ctx)
						cancel()
						if err == nil || !strings.Contains(err.Error(), "did not end") {
							t.Errorf("Shutdown: %v", err)
						}
					}
					close(tier.free)
					awaitIdle(c)
					if _, ok := c.Lookup("k"); ok && tier.entry == nil {
						t.Error("it is found after Close")
					}
				})
			})
		}
	}
}

// A fill that is in no table, as nobody may join it, ends like any other when the
// cache is closed: at once where its client has left, else when there is no more time.
func TestShutdownEndsFillsThatNobodyJoins(t *testing.T) {
	for name, leaves := range map[string]bool{"its client has left": true, "its client waits": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := New(Config{FillTimeout: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				private := newEntry("k", "body", time.Hour)
				private.NoStore = true
				if _, _, err := c.Get(context.Background(), "k", makes(private)); err != nil {
					t.Fatal(err)
				}
				client, leave := context.WithCancel(context.Background())
				defer leave()
				committed, done := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(done)
					fill := func(ctx context.Context, commit func() error, _ *Entry) (*Entry, error) {
						err := commit()
						close(committed)
						if err != nil {
							return nil, err
						}
						<-ctx.Done()
						return nil, context.Cause(ctx)
					}
					_, outcome, err := c.Get(client, "k", fill)
					if outcome != Bypassed || !errors.Is(err, context.Canceled) {
						t.Errorf("%v, %v", outcome, err)
					}
				}()
				<-committed
				if leaves {
					leave()
					synctest.Wait()
				}
				most := 10 * time.Second
				ctx, cancel := context.WithTimeout(context.Background(), most)
				defer cancel()
				began := time.Now()
				if err := c.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				if d := time.Since(began); leaves && d > 0 || d > most {
					t.Errorf("it took %v", d)
				}
				<-done
			})
		})
	}
}
