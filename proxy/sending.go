package proxy

import (
	"context"
	"sync"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// sending accounts for entries that are being written to clients. The cache
// may let go of one meanwhile, and a client that reads slowly keeps it in
// memory all the same. An entry counts once, however many clients read it.
type sending struct {
	bytes *budget.Budget
	// beyond has what of an entry is larger than all of bytes.
	beyond *budget.Budget

	mu      sync.Mutex
	entries map[*cache.Entry]*sent
}

type sent struct {
	grants  grants
	clients int
}

func newSending(bytes, beyond *budget.Budget) *sending {
	return &sending{bytes: bytes, beyond: beyond, entries: map[*cache.Entry]*sent{}}
}

// begin counts a client in. Where clients that do not read hold all there is
// it waits for them, with the errors of Budget.Acquire.
func (s *sending) begin(ctx context.Context, wait *patience, e *cache.Entry) (end func(), err error) {
	if e.InFile() {
		return func() {}, nil
	}
	if out := s.join(e, nil); out != nil {
		return func() { s.leave(e, out) }, nil
	}
	size := int64(len(e.Body))
	share := min(size, s.bytes.Stats().Capacity)
	var g grants
	for _, part := range []struct {
		account *budget.Budget
		n       int64
	}{{s.bytes, share}, {s.beyond, size - share}} {
		grant, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return part.account.Acquire(ctx, part.n) })
		if err != nil {
			g.release()
			return nil, err
		}
		g = append(g, grant)
	}
	out := s.join(e, g)
	return func() { s.leave(e, out) }, nil
}

// join counts a client in where the entry is being sent already, giving g back,
// or where there is a g for it.
func (s *sending) join(e *cache.Entry, g grants) *sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.entries[e]
	switch {
	case out != nil:
		g.release()
	case g == nil:
		return nil
	default:
		out = &sent{grants: g}
		s.entries[e] = out
	}
	out.clients++
	return out
}

func (s *sending) leave(e *cache.Entry, out *sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.clients--; out.clients == 0 {
		out.grants.release()
		delete(s.entries, e)
	}
}
