package proxy

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// errPoison: the source has ended workers before.
var errPoison = errors.New("poison source")

const (
	// poisonTime is for how long a source that has ended two workers is
	// refused, and for how long the first of them is held against it.
	poisonTime = 10 * time.Minute
	// poisonSources is how many are remembered, at some 200 bytes each.
	poisonSources = 4096
)

// poison remembers sources that ended workers. Each costs a worker its life
// and whoever waits for one their time, so after two there is no third try for
// a while: a crash is two, as its job is tried again on a new worker.
type poison struct {
	now func() time.Time

	mu      sync.Mutex
	order   list.List // of *suspect, the last one to strike behind
	sources map[[sha256.Size]byte]*list.Element
}

type suspect struct {
	source  [sha256.Size]byte
	strikes int
	last    time.Time
}

func newPoison(now func() time.Time) *poison {
	return &poison{now: now, sources: map[[sha256.Size]byte]*list.Element{}}
}

// check refuses a source that has ended workers twice.
func (p *poison) check(source string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.sources[sha256.Sum256([]byte(source))]
	if e == nil {
		return nil
	}
	s := e.Value.(*suspect)
	left := poisonTime - p.now().Sub(s.last)
	if left <= 0 {
		p.drop(e)
		return nil
	}
	if s.strikes < 2 {
		return nil
	}
	return fmt.Errorf("%w: decoding this source has ended two workers; it is not tried again for %d s", errPoison, int(left.Seconds())+1)
}

// blame holds what became of a job against its source. A timeout counts only
// where the job had the time that others have.
func (p *poison) blame(source string, err error, hadTime bool) {
	strikes := 0
	switch {
	case errors.Is(err, transform.ErrCrashed):
		strikes = 2
	case errors.Is(err, transform.ErrMemory), errors.Is(err, transform.ErrTimeout) && hadTime:
		strikes = 1
	default:
		return
	}
	id := sha256.Sum256([]byte(source))
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if e := p.sources[id]; e != nil {
		if s := e.Value.(*suspect); now.Sub(s.last) < poisonTime {
			strikes += s.strikes
		}
		p.drop(e)
	}
	if p.order.Len() >= poisonSources {
		p.drop(p.order.Front())
	}
	p.sources[id] = p.order.PushBack(&suspect{id, strikes, now})
}

func (p *poison) drop(e *list.Element) {
	delete(p.sources, e.Value.(*suspect).source)
	p.order.Remove(e)
}
