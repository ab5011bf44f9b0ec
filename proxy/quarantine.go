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

// errPoison: the source, or what is to be made of it, has ended workers before.
var errPoison = errors.New("poison source")

const (
	// poisonTime is for how long what has ended two workers is refused, and for
	// how long the first of them is held against it.
	poisonTime = 10 * time.Minute
	// poisonSources is how many suspects are remembered, and how many sources of
	// which something was made, at some 200 bytes each.
	poisonSources = 4096
)

// poison remembers what ended workers. Each costs a worker its life and whoever
// waits for one their time, so after two there is no third try for a while: a
// crash is two, as its job is tried again on a new worker.
//
// A source of which something was made is not at fault when something else of
// it takes too much or too long: what was asked for is, and only that is
// refused. Else two heavy URLs would take a picture from everybody.
type poison struct {
	now   func() time.Time
	clock *purge.Clock

	mu       sync.Mutex
	suspects *simplelru.LRU[culprit, record]
	made     *simplelru.LRU[culprit, struct{}]
}

// culprit stands for a source or for a result.
type culprit [sha256.Size]byte

func culpritSource(identity string) culprit { return sha256.Sum256([]byte("source\n" + identity)) }
func culpritResult(key cache.Key) culprit   { return sha256.Sum256([]byte("result\n" + key)) }

// record is what is held against a culprit.
type record struct {
	strikes int
	last    time.Time
	// seq is the purge clock's before the source was got that did it: a purge
	// since then says that there is another one now.
	seq uint64
}

func newPoison(now func() time.Time, clock *purge.Clock) *poison {
	p := &poison{now: now, clock: clock}
	// Neither can fail: the size is more than none.
	p.suspects, _ = simplelru.NewLRU[culprit, record](poisonSources, nil)
	p.made, _ = simplelru.NewLRU[culprit, struct{}](poisonSources, nil)
	return p
}

// check refuses what has ended workers twice.
func (p *poison) check(a asked) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	purged := p.purged(a)
	what, left := "this source", p.left(culpritSource(a.identity), purged)
	if left <= 0 {
		what, left = "this variant of the source", p.left(culpritResult(a.key), purged)
	}
	if left <= 0 {
		return nil
	}
	return fmt.Errorf("%w: %s crashed or overloaded two workers; it is refused for another %d s", errPoison, what, int(left.Seconds())+1)
}

// purged is when it was last said that there is something else now.
func (p *poison) purged(a asked) uint64 {
	hard, soft := p.clock.Last(a.scope())
	return max(hard, soft)
}

// left is for how long a culprit is still refused, that was last purged then.
// The lock is held.
func (p *poison) left(c culprit, purged uint64) time.Duration {
	r, ok := p.suspects.Peek(c)
	if !ok || r.strikes < 2 || r.seq < purged {
		return 0
	}
	return poisonTime - p.now().Sub(r.last)
}

// blame holds what became of a job against its source or its result. seq is the
// purge clock's before the source was got. A timeout counts only where the job
// had the time that others have.
func (p *poison) blame(a asked, seq uint64, err error, hadTime bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	source := culpritSource(a.identity)
	purged := p.purged(a)
	switch {
	case seq < purged: // it is of a source that is no more
	case err == nil:
		p.suspects.Remove(source)
		p.made.Add(source, struct{}{})
	case errors.Is(err, transform.ErrCrashed):
		p.strike(source, seq, purged, 2)
	case errors.Is(err, transform.ErrMemory), errors.Is(err, transform.ErrCPU), errors.Is(err, transform.ErrTimeout) && hadTime:
		culprit := source
		if p.made.Contains(source) {
			culprit = culpritResult(a.key)
		}
		p.strike(culprit, seq, purged, 1)
	}
}

// strike counts strikes since a culprit was last purged. The lock is held.
func (p *poison) strike(c culprit, seq, purged uint64, strikes int) {
	now := p.now()
	if r, ok := p.suspects.Peek(c); ok && now.Sub(r.last) < poisonTime && r.seq >= purged {
		strikes += r.strikes
	}
	p.suspects.Add(c, record{strikes, now, seq})
}
