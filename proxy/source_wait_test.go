package proxy

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// countdown is a context that ends when it has been looked at so many times.
type countdown struct {
	context.Context
	left   atomic.Int64
	cancel context.CancelCauseFunc
}

var errCounted = errors.New("the client has left")

func newCountdown(looks int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancelCause(context.Background())
	c.left.Store(looks)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		c.cancel(errCounted)
	}
	return c.Context.Err()
}

// A stored source that is read into memory is read no further than its context
// lasts, and the memory is given back. It is not lost for that.
func TestReadingAStoredSourceEndsWithItsContext(t *testing.T) {
	r := newRig(t, onDisk(t, &watch{}, t.TempDir(), t.TempDir()))
	store, name := r.cfg.Sources, diskstore.NameOf("a source")
	const size = 2 << 20
	if err := store.Put(name, []byte("{}"), strings.NewReader(strings.Repeat("x", size)), size); err != nil {
		t.Fatal(err)
	}
	read := func(ctx context.Context) (*source, error) {
		record, ok := store.Get(context.Background(), name)
		if !ok {
			t.Fatal("not there")
		}
		src := newSource(r.server.sources, wanted{identity: "a source"})
		src.record = record
		t.Cleanup(func() {
			src.cancel()
			src.close()
		})
		return src, src.read(ctx, budget.NewQueueWait(slow))
	}
	whole := newCountdown(1 << 40)
	var bad *badPicture
	if _, err := read(whole); !errors.As(err, &bad) {
		t.Fatalf("to its end: %v", err)
	}
	looks := 1<<40 - whole.left.Load()
	if looks < size/(32<<10) {
		t.Fatalf("it is looked at %d times whether somebody still waits", looks)
	}
	for _, n := range []int64{0, 1, looks / 4, looks / 2, looks - 2} {
		src, err := read(newCountdown(n))
		if !errors.Is(err, errCounted) || src.data != nil || src.grant != nil {
			t.Errorf("ended at look %d of %d: %v", n, looks, err)
		}
	}
	if in := r.server.memory.Budgets.Sources.Stats().InUse; in != 0 {
		t.Errorf("%d bytes are held", in)
	}
}

// Nothing is fetched after Shutdown, and it does not wait beyond its context.
func TestShutdownWithASourceUnderWay(t *testing.T) {
	r := newRig(t, nil)
	sources := r.server.sources
	sources.running.Add(1) // as one that hangs
	sources.getting++
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.server.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 source") {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := sources.take(context.Background(), budget.NewQueueWait(slow), wanted{identity: "a", url: r.site.URL}); err == nil {
		t.Error("a source was fetched after it")
	}
	sources.running.Done()
	sources.getting--
}
