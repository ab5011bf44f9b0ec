package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxWarmLists is how many requests to warm may be under way at once: each holds its
	// list in memory.
	maxWarmLists = 4
	// warmPoll is how often it is looked whether the server can spare anything.
	warmPoll = 50 * time.Millisecond
	// warmTries is how often an image is begun that had to yield to clients each time.
	warmTries = 8
)

// errWarmingStops: the server shuts down.
var errWarmingStops = errors.New("the server is shutting down")

// backgroundWork is what no request waits for.
type backgroundWork struct {
	warmer    *warmer
	deferrals *deferrals
}

// warmer says when an image may be warmed. Warming has the lowest priority: see
// memory.Governor.CanSpare for when an image is begun, and budget.InBackground for what
// becomes of it where clients come meanwhile.
type warmer struct {
	// canSpare says whether the server has room for another image, and most how many may
	// be under way at once.
	canSpare func() bool
	most     func() int
	// stopped says that the server shuts down.
	stopped func() bool
	// results counts the images by how they ended.
	results *prometheus.CounterVec

	mu sync.Mutex
	// lists is how many requests to warm are under way, and images how many images.
	lists, images int
}

func newWarmer(canSpare func() bool, most func() int, stopped func() bool) *warmer {
	return &warmer{canSpare: canSpare, most: most, stopped: stopped,
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_warm_images_total",
			Help: "Images that were asked to be warmed, by result: warmed, already (they were fresh), failed.",
		}, []string{"result"})}
}

// enterList counts a request to warm. It reports false where there are too many.
func (w *warmer) enterList() (leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lists >= maxWarmLists {
		return nil, false
	}
	w.lists++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lists--
	}, true
}

// beginImage waits until an image may be begun. The caller holds nothing meanwhile, and
// calls end when it has ended. The error is the cause of ctx, or errWarmingStops.
func (w *warmer) beginImage(ctx context.Context) (end func(), err error) {
	for {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case w.stopped():
			return nil, errWarmingStops
		case w.tryBeginImage():
			return w.endImage, nil
		}
		pauseUntil(ctx, warmPoll)
	}
}

func (w *warmer) tryBeginImage() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.images >= w.most() || !w.canSpare() {
		return false
	}
	w.images++
	return true
}

func (w *warmer) endImage() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.images--
}

// pauseUntil waits for d, or until ctx ends.
func pauseUntil(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
