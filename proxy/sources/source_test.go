package sources

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// countdown is a context that ends when Err has been called so many times.
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

// Reading a stored source into memory ends with its context, and the memory is given back.
// The source is not lost for that.
func TestReadingAStoredSourceEndsWithItsContext(t *testing.T) {
	sources := newTestStore(t)
	store, name := sources.cfg.Disk, diskstore.NameOf("a source")
	const size = 2 << 20
	if err := store.Put(name, []byte("{}"), strings.NewReader(strings.Repeat("x", size)), size); err != nil {
		t.Fatal(err)
	}
	read := func(ctx context.Context) (*Source, error) {
		record, ok := store.Get(context.Background(), name)
		if !ok {
			t.Fatal("not there")
		}
		src := &Source{store: sources, id: "a source", record: record}
		t.Cleanup(src.close)
		return src, src.readRecord(ctx, budget.NewQueueWait(slow))
	}
	whole := newCountdown(1 << 40)
	var bad *ImageError
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
	if in := sources.cfg.Bytes.Stats().InUse; in != 0 {
		t.Errorf("%d bytes are held", in)
	}
}

// A panic while a source is fetched fails the fills that wait for it, and gives back all that they had.
func TestAPanicFailsTheFillsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sources := newTestStore(t)
		release := make(chan struct{})
		sources.cfg.NegativeTTL = func(error) (time.Duration, bool) { return 0, false }
		sources.cfg.Now = func() time.Time { <-release; panic("boom") }
		w := Request{Identity: "http://127.0.0.1/a", URL: "http://127.0.0.1/a"}
		acquire := func() error {
			w := w
			w.Queue = budget.NewQueueWait(slow)
			src, err := sources.Acquire(t.Context(), w)
			if err == nil {
				src.Release()
			}
			return err
		}
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() { errs <- acquire() }()
		}
		synctest.Wait()
		close(release)
		for range cap(errs) {
			var p *flight.PanicError
			if err := <-errs; !errors.As(err, &p) || p.Cause != "boom" {
				t.Errorf("a fill got %v", err)
			}
		}
		synctest.Wait()
		st, slots := sources.Stats(), sources.cfg.Fetches.Stats()
		if st.Failed != 1 || st.Shared != 2 || st.Open != 0 || slots.Granted != 1 || slots.InUse != 0 {
			t.Errorf("%+v, slots: %+v", st, slots)
		}
		if n := sources.cfg.Bytes.Stats().InUse; n != 0 || sources.FetchStats().Hosts != 0 {
			t.Errorf("%d bytes and %d hosts are left", n, sources.FetchStats().Hosts)
		}
	})
}

// hangingWork does not end before it is told to, whatever becomes of its context.
type hangingWork struct{ end chan struct{} }

func (w hangingWork) Run(context.Context, *sourceFlight) (*Source, error) {
	<-w.end
	return nil, context.Canceled
}
func (hangingWork) Complete(*sourceFlight) {}
func (hangingWork) Release(*sourceFlight)  {}

// Nothing is fetched after Close, and it does not wait beyond its context.
func TestCloseWithASourceUnderWay(t *testing.T) {
	sources := newTestStore(t)
	work := hangingWork{make(chan struct{})}
	defer close(work.end)
	sources.flights.Start("a", work)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sources.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 source") {
		t.Errorf("Close: %v", err)
	}
	w := Request{Identity: "b", URL: "http://127.0.0.1/b", Queue: budget.NewQueueWait(slow)}
	if _, err := sources.Acquire(context.Background(), w); err == nil {
		t.Error("a source was fetched after it")
	}
}
