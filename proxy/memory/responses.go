package memory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// SmallResult is the largest entry that is sent out of the share of small ones: the
// kernel's buffer takes it whole, so that no client keeps it in memory.
const SmallResult = sendBuffer

// Responses accounts for the results that are on their way to clients, by what they
// add to memory. The bytes of an entry count once, however many clients read it:
//
//   - not at all while the RAM cache has them, which counts them, nor in a file;
//   - where a fill has just made them, in the share of transforms, until the cache
//     has taken them, the sending share has room for them, or nobody wants them;
//   - else in the sending share. Small entries have a part of it to themselves, and
//     a large one is given no more than half of the other part: what it has beyond
//     that stays in the share of transforms.
//
// So an entry that the RAM cache lets go of while clients read it begins to count
// then, room or not. Where there is none, or where a client waits for some, the
// slowest readers are cut off: see relieve.
type Responses struct {
	small, large *budget.Budget
	// transforms has what is just made, and what of an entry is beyond its part.
	transforms *budget.Budget
	// PieceTime is how long a client has for a piece.
	PieceTime time.Duration

	mu sync.Mutex
	// outgoing are by the first of their bytes: entries that are renewed have the
	// same.
	outgoing map[*byte]*outgoing
	// interests are the newest of their keys.
	interests map[cache.Key]*interest
	transfers map[*Transfer]struct{}
	// exclusive is how many jobs wait for all others to give back.
	exclusive int
	// cutAt is when a reader was last cut off for those who wait.
	cutAt time.Time
	cuts  [cutReasons]atomic.Uint64
}

// outgoing is the bytes of an entry that are in memory and not in the cache's care
// alone.
type outgoing struct {
	entry *cache.Entry
	size  int64
	where where
	// grants are what counts the bytes, but for held ones; share is the one of the
	// sending share, nil where there is none.
	grants  []*budget.Grant
	share   *budget.Budget
	since   time.Time // of share
	clients map[*Transfer]struct{}
	// landing: the fill that made the bytes is not over; read: a client has begun.
	landing, read bool
	// waits are the clients that the bytes stay counted for where none reads them.
	waits *interest
	// claim is closed when the client that waits for room has it, or gives up; nil
	// where none waits. needless ends its wait.
	claim    chan struct{}
	needless context.CancelCauseFunc
	// cut: its readers are being cut off.
	cut bool
}

// where bytes are counted.
type where uint8

const (
	nowhere where = iota
	// made: by what the fill was admitted with.
	made
	// held: by the RAM cache.
	held
	// shared: by the sending share.
	shared
)

// interest is clients who have asked for a key and have not begun to read. Bytes that
// nobody reads wait for those who had asked by then: one who asks later gets them
// only from the RAM cache, or anew. So that a key which there is always a client of
// keeps nothing for ever, later clients are an interest of their own.
type interest struct {
	clients int
	// of are bytes that wait for these clients and for those before.
	of            []*outgoing
	before, after *interest
}

// ResponseBudgets are what results are counted by: Small and Large are the sending
// share.
type ResponseBudgets struct{ Small, Large, Transforms *budget.Budget }

// NewResponses counts results by these budgets.
func NewResponses(b ResponseBudgets) *Responses {
	return &Responses{small: b.Small, large: b.Large, transforms: b.Transforms, PieceTime: pieceTime,
		outgoing: map[*byte]*outgoing{}, interests: map[cache.Key]*interest{}, transfers: map[*Transfer]struct{}{}}
}

// SplitResponses splits the sending share.
func SplitResponses(bytes int64) (small, large int64) {
	small = max(bytes/4, 1)
	return small, max(bytes-small, 1)
}

// RegisterRequest is a client that asks for a key: until over is called what is made
// meanwhile stays counted.
func (s *Responses) RegisterRequest(key cache.Key) (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.interests[key]
	if in == nil || len(in.of) > 0 {
		in = &interest{before: in}
		if in.before != nil {
			in.before.after = in
		}
		s.interests[key] = in
	}
	in.clients++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if in.clients--; in.clients == 0 {
			s.lost(key, in)
		}
	}
}

// lost takes an interest away whose last client is gone. The lock is held.
func (s *Responses) lost(key cache.Key, in *interest) {
	switch {
	case in.after != nil:
		in.after.before = in.before
	case in.before != nil:
		s.interests[key] = in.before
	default:
		delete(s.interests, key)
	}
	if in.before != nil {
		in.before.after = in.after
	}
	for _, out := range in.of {
		switch {
		case out.waits != in: // it has been read since
		case in.before != nil:
			out.waits = in.before
			in.before.of = append(in.before.of, out)
		case len(out.clients) == 0 && !out.landing:
			s.forget(out)
		}
	}
}

// AddFilled takes over the bytes of an entry that a fill has made, with what counts
// them.
func (s *Responses) AddFilled(e *cache.Entry, g *budget.Grant) {
	if len(e.Body) == 0 {
		g.Release()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.of(e)
	out.where, out.grants, out.landing = made, []*budget.Grant{g}, true
}

// of finds the bytes of an entry, or adds them. The lock is held.
func (s *Responses) of(e *cache.Entry) *outgoing {
	out := s.outgoing[&e.Body[0]]
	if out == nil {
		out = &outgoing{entry: e, size: int64(cap(e.Body)), clients: map[*Transfer]struct{}{}}
		s.outgoing[&e.Body[0]] = out
	}
	return out
}

// Moved implements cache.Watcher.
func (s *Responses) Moved(e *cache.Entry) {
	s.change(e, func(*outgoing) {})
}

// Landed implements cache.Watcher.
func (s *Responses) Landed(e *cache.Entry) {
	s.change(e, func(out *outgoing) { out.landing = false })
}

func (s *Responses) change(e *cache.Entry, change func(*outgoing)) {
	if len(e.Body) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if out := s.outgoing[&e.Body[0]]; out != nil {
		change(out)
		s.settle(out)
		s.shrink()
	}
}

// settle counts bytes where they are to be counted now, and forgets those that
// nobody wants. The lock is held.
func (s *Responses) settle(out *outgoing) {
	switch {
	case out.entry.Held():
		if out.where != held {
			out.count(held)
		}
		if out.needless != nil {
			out.needless(errHeld)
		}
	case out.where == held && len(out.clients) > 0:
		b, n := s.part(out.size)
		out.count(shared, s.transforms.Charge(out.size-n), b.Charge(n))
		out.share = b
	case out.where == held:
		out.count(nowhere)
	}
	if len(out.clients) > 0 || out.landing {
		return
	}
	own := out.entry.NoStore && out.read // of one client, who has had it
	if in := s.interests[out.entry.Key]; in != nil && out.where != nowhere && !own {
		if out.waits != in {
			out.waits, in.of = in, append(in.of, out)
		}
		return
	}
	s.forget(out)
}

// forget stops counting bytes. The lock is held.
func (s *Responses) forget(out *outgoing) {
	out.count(nowhere)
	out.waits = nil
	delete(s.outgoing, &out.entry.Body[0])
}

// count counts bytes by other grants.
func (out *outgoing) count(at where, g ...*budget.Grant) {
	for i := len(out.grants) - 1; i >= 0; i-- {
		out.grants[i].Release()
	}
	out.where, out.grants, out.share, out.since = at, g, nil, time.Now()
}

// part is the share that an entry of a size is sent out of, and what it gets there.
func (s *Responses) part(size int64) (b *budget.Budget, n int64) {
	if size <= SmallResult {
		return s.small, min(size, s.small.Stats().Capacity)
	}
	return s.large, min(size, max(s.large.Stats().Capacity/2, 1))
}

// WaitFunc runs f, which waits for a grant, for as long as a request may still wait
// for memory. Where that is over the error is budget.ErrSaturated.
type WaitFunc func(ctx context.Context, f func(context.Context) (*budget.Grant, error)) (*budget.Grant, error)

// Admit counts a client in that is about to read an entry. Where there is no room
// for its bytes the client waits, with the errors of Budget.Acquire.
func (s *Responses) Admit(ctx context.Context, wait WaitFunc, e *cache.Entry) (*Transfer, error) {
	t := &Transfer{responses: s}
	for {
		out, claim, mine := s.enter(t, e)
		if claim == nil {
			return t, nil
		}
		err := error(nil)
		if mine {
			err = s.claim(ctx, wait, out)
		} else {
			_, err = wait(ctx, func(ctx context.Context) (*budget.Grant, error) {
				select {
				case <-claim:
					return nil, nil
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			})
		}
		if err != nil {
			s.Release(t)
			return nil, err
		}
	}
}

// enter is a client that may read at once, where claim is nil, or that waits until
// claim is closed: mine says that it is the one that claims room for all.
func (s *Responses) enter(t *Transfer, e *cache.Entry) (out *outgoing, claim chan struct{}, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.began = time.Now() // again after a wait, which says nothing of how fast it reads
	s.transfers[t] = struct{}{}
	if len(e.Body) == 0 { // it is in a file
		return nil, nil, false
	}
	out = s.of(e)
	t.out, out.clients[t], out.read, out.cut = out, struct{}{}, true, false
	s.settle(out)
	switch {
	case out.where == held, out.where == shared:
		return out, nil, false
	case out.claim != nil:
		return out, out.claim, false
	}
	out.claim = make(chan struct{})
	return out, out.claim, true
}

// errHeld: the RAM cache has taken the bytes that room was waited for.
var errHeld = errors.New("the cache has it")

// claim waits for room in the sending share.
func (s *Responses) claim(ctx context.Context, wait WaitFunc, out *outgoing) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	out.needless = cancel
	s.settle(out)
	s.mu.Unlock()
	b, n := s.part(out.size)
	relieved := s.CutSlowReaders()
	g, err := wait(ctx, func(ctx context.Context) (*budget.Grant, error) { return b.Acquire(ctx, n) })
	relieved()
	if errors.Is(err, budget.ErrTooLarge) {
		err = budget.ErrSaturated // the share became smaller meanwhile
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(out.claim)
	out.claim, out.needless = nil, nil
	switch s.settle(out); {
	case out.where == held:
		if g != nil {
			g.Release()
		}
		return nil
	case errors.Is(err, errHeld): // for a moment
		return budget.ErrSaturated
	case err != nil:
		return err
	}
	out.count(shared, s.transforms.Charge(out.size-n), g)
	out.share = b
	return nil
}

// Release is a client that reads no more.
func (s *Responses) Release(t *Transfer) {
	t.finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.transfers, t)
	if t.out != nil {
		delete(t.out.clients, t)
		s.settle(t.out)
	}
}
