package memory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// Uploads bounds the sources that clients send. Together they have half of the budget of sources, so that fetches go on
// however many clients send; a larger one has that half to itself. While something waits for the budgets that hold
// what clients have announced, the slowest of those that send slowly is cut off, as slow readers of responses are.
type Uploads struct {
	share, sources *budget.Budget
	cuts           atomic.Uint64

	mu   sync.Mutex
	open map[*Upload]struct{}
	// exclusiveJobs is how many jobs wait for sources to be released.
	exclusiveJobs int
	// watch cuts off slow clients while there are any.
	watch *time.Timer
}

// Upload is a body that a client sends. Its life: New, Reserve until the first bytes are admitted, Begin, Received and
// Reserve as they come, Done, and End. But for what cuts it off, it is for one goroutine.
type Upload struct {
	uploads *Uploads
	// abort ends the read of the body. It is called at most once.
	abort func()
	// share is what the upload has of the budget of all uploads; nil before Reserve.
	share    *budget.Grant
	since    time.Time
	received atomic.Int64
}

// NewUploads counts bodies in a budget of their own, which is a part of that of sources.
func NewUploads(share, sources *budget.Budget) *Uploads {
	us := &Uploads{share: share, sources: sources, open: map[*Upload]struct{}{}}
	us.watch = time.AfterFunc(time.Hour, us.cutForWaiting)
	us.watch.Stop()
	return us
}

// shareOfUploads is how much of the budget of sources uploads may have together.
func shareOfUploads(sources int64) int64 { return max(sources/2, 1) }

// New is for a client that is about to send a body. The caller ends the Upload.
func (us *Uploads) New(abort func()) *Upload { return &Upload{uploads: us, abort: abort} }

// Reserve admits n bytes of the body before they are read. The first call waits, with the errors of Budget.Acquire; the
// others do not. The caller reserves the bytes in the budget of sources besides.
func (u *Upload) Reserve(ctx context.Context, wait *budget.QueueWait, n int64) (err error) {
	if n > u.uploads.sources.Stats().Capacity {
		return budget.ErrTooLarge // at once
	}
	most := u.uploads.share.Stats().Capacity
	if u.share == nil {
		u.share, err = wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
			return u.uploads.share.Acquire(ctx, min(n, most))
		})
		return err
	}
	if n = min(n, most-u.share.Bytes()); n <= 0 {
		return nil
	}
	return u.share.Grow(n)
}

// Begin says that the body is read from now on: a client that sends it slowly may be cut off for others.
func (u *Upload) Begin() {
	us := u.uploads
	us.mu.Lock()
	defer us.mu.Unlock()
	u.since = time.Now()
	us.open[u] = struct{}{}
	if len(us.open) == 1 {
		us.watch.Reset(cutInterval)
	}
}

// Received counts n bytes of the body.
func (u *Upload) Received(n int) { u.received.Add(int64(n)) }

// Done says that no more is read, so that nothing cuts the client off any more. The bytes stay counted until End.
func (u *Upload) Done() {
	us := u.uploads
	us.mu.Lock()
	defer us.mu.Unlock()
	us.remove(u)
}

// remove takes a client off the table. The lock is held.
func (us *Uploads) remove(u *Upload) {
	if delete(us.open, u); len(us.open) == 0 {
		us.watch.Stop()
	}
}

// End gives back what the upload has of the budget of all uploads.
func (u *Upload) End() {
	u.Done()
	if u.share != nil {
		u.share.Release()
	}
}

// YieldTo has slow clients cut off for a job that waits until sources are released, until done is called.
func (us *Uploads) YieldTo() (done func()) {
	us.addExclusive(1)
	return func() { us.addExclusive(-1) }
}

func (us *Uploads) addExclusive(jobs int) {
	us.mu.Lock()
	defer us.mu.Unlock()
	us.exclusiveJobs += jobs
}

// cutForWaiting cuts off the slowest client if something waits for its bytes, and looks again later.
func (us *Uploads) cutForWaiting() {
	waited := us.share.Stats().Waiting > 0 || us.sources.Stats().Waiting > 0
	us.mu.Lock()
	waited = waited || us.exclusiveJobs > 0
	if len(us.open) > 0 {
		us.watch.Reset(cutInterval)
	}
	us.mu.Unlock()
	if waited {
		us.CutSlowest()
	}
}

// CutSlowest cuts off the client that sends most slowly, if one is slow, and reports whether there was one.
func (us *Uploads) CutSlowest() bool {
	now := time.Now()
	us.mu.Lock()
	var slowest *Upload
	for u := range us.open {
		if u.isSlow(now) && (slowest == nil || u.sendRate(now) < slowest.sendRate(now)) {
			slowest = u
		}
	}
	if slowest != nil {
		us.remove(slowest)
		us.cuts.Add(1)
	}
	us.mu.Unlock()
	if slowest == nil {
		return false
	}
	slowest.abort()
	return true
}

// isSlow says whether the client may be cut off for others.
func (u *Upload) isSlow(now time.Time) bool {
	age := now.Sub(u.since)
	return age >= maxReadTime || age >= minReadTime && u.sendRate(now) <= slowRate
}

// sendRate is in bytes a second.
func (u *Upload) sendRate(now time.Time) float64 {
	return float64(u.received.Load()) / max(now.Sub(u.since), minReadTime).Seconds()
}

// Cuts is how many clients were cut off so far.
func (us *Uploads) Cuts() uint64 { return us.cuts.Load() }
