package proxy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

// errQuarantined: jobs of this source, or of this result, have ended workers before.
var errQuarantined = errors.New("poison source")

const (
	// quarantineTime is for how long a source or a result that has ended two workers is
	// refused, and for how long one strike counts.
	quarantineTime = 10 * time.Minute
	// quarantineSize is how many keys with strikes are remembered, and how many sources
	// of which a job has succeeded, at some 200 bytes each.
	quarantineSize = 4096
)

// quarantine remembers the sources and results that ended workers. Each such job costs a
// worker and the time of the requests that wait for one, so after two strikes there
// is no third try for a while. A crash is two strikes, because its job was tried again
// on a new worker.
//
// A source of which another job has succeeded is not at fault when one takes too
// much memory or time: the options of the URL are, and only that result is refused.
// Else two heavy URLs would take an image from all clients.
type quarantine struct {
	now   func() time.Time
	clock *purge.Clock
	// tell tells the other servers of a cluster of strikes, which count from a sequence on, without waiting; nil for
	// none.
	tell func(c quarantineKey, seq uint64, strikes int)

	mu        sync.Mutex
	suspects  *simplelru.LRU[quarantineKey, strikeRecord]
	succeeded *simplelru.LRU[quarantineKey, struct{}]
}

// quarantineKey stands for a source or for a result.
type quarantineKey [sha256.Size]byte

func sourceKey(identity string) quarantineKey { return sha256.Sum256([]byte("source\n" + identity)) }
func resultKey(key cache.Key) quarantineKey   { return sha256.Sum256([]byte("result\n" + key)) }

// strikeRecord is the strikes of one key.
type strikeRecord struct {
	strikes int
	last    time.Time
	// seq is the purge sequence before that source was fetched: a purge since then
	// says that there is another source now.
	seq uint64
}

func newQuarantine(now func() time.Time, clock *purge.Clock) *quarantine {
	q := &quarantine{now: now, clock: clock}
	// Neither can fail: the size is more than none.
	q.suspects, _ = simplelru.NewLRU[quarantineKey, strikeRecord](quarantineSize, nil)
	q.succeeded, _ = simplelru.NewLRU[quarantineKey, struct{}](quarantineSize, nil)
	return q
}

// checkRequest refuses a request whose source or result has two strikes.
func (q *quarantine) checkRequest(a cacheRequest) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	purged := q.lastPurge(a)
	what, left := "this source", q.remaining(sourceKey(a.identity), purged)
	if left <= 0 {
		what, left = "this variant of the source", q.remaining(resultKey(a.key), purged)
	}
	if left <= 0 {
		return nil
	}
	return fmt.Errorf("%w: %s crashed or overloaded two workers; it is refused for another %d s",
		errQuarantined, what, int(left.Seconds())+1)
}

// lastPurge is the sequence of the last purge that names the result of a request.
func (q *quarantine) lastPurge(a cacheRequest) uint64 {
	hard, soft := q.clock.Last(a.purgeScope())
	return max(hard, soft)
}

// remaining is for how long a key is still refused whose last purge is given. The lock
// is held.
func (q *quarantine) remaining(c quarantineKey, purged uint64) time.Duration {
	r, ok := q.suspects.Peek(c)
	if !ok || r.strikes < 2 || r.seq < purged {
		return 0
	}
	return quarantineTime - q.now().Sub(r.last)
}

// recordOutcome counts the outcome of a job, nil for success. seq is the purge sequence
// before its source was fetched. A timeout counts only where the job had most of the
// time that a request has.
func (q *quarantine) recordOutcome(a cacheRequest, seq uint64, err error, hadTime bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	source := sourceKey(a.identity)
	now := q.clock.Applied() // a source that is not older than purged was named by no purge up to here
	purged := q.lastPurge(a)
	strike := func(c quarantineKey, strikes int) {
		q.addStrikes(c, seq, purged, strikes)
		if q.tell != nil {
			q.tell(c, max(seq, now), strikes)
		}
	}
	switch {
	case seq < purged: // the job was of a source that has been replaced since
	case err == nil:
		q.suspects.Remove(source)
		q.succeeded.Add(source, struct{}{})
	case errors.Is(err, transform.ErrCrashed):
		strike(source, 2)
	case errors.Is(err, transform.ErrMemory), errors.Is(err, transform.ErrCPU),
		errors.Is(err, transform.ErrTimeout) && hadTime:
		key := source
		if q.succeeded.Contains(source) {
			key = resultKey(a.key)
		}
		strike(key, 1)
	}
}

// addStrikes adds strikes to those of a key since its last purge. The lock is held.
func (q *quarantine) addStrikes(c quarantineKey, seq, purged uint64, strikes int) {
	now := q.now()
	if r, ok := q.suspects.Peek(c); ok && now.Sub(r.last) < quarantineTime && r.seq >= purged {
		strikes += r.strikes
	}
	q.suspects.Add(c, strikeRecord{strikes, now, seq})
}
