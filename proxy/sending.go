package proxy

import (
	"sync"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// sending accounts for entries that are being written to clients. The cache
// may let go of one meanwhile, and a client that reads slowly keeps it in
// memory all the same. An entry counts once, however many clients read it.
type sending struct {
	bytes *budget.Budget

	mu      sync.Mutex
	entries map[*cache.Entry]*sent
}

type sent struct {
	grant   *budget.Grant
	clients int
}

func newSending(bytes *budget.Budget) *sending {
	return &sending{bytes: bytes, entries: map[*cache.Entry]*sent{}}
}

// begin counts a client in. It gives budget.ErrSaturated where clients that
// do not read hold all there is; nobody waits for them here.
func (s *sending) begin(e *cache.Entry) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.entries[e]
	if out == nil {
		// One that is larger than the whole account may be sent when nothing
		// else is.
		grant, err := s.bytes.TryAcquire(min(int64(len(e.Body)), s.bytes.Stats().Capacity))
		if err != nil {
			return nil, budget.ErrSaturated
		}
		out = &sent{grant: grant}
		s.entries[e] = out
	}
	out.clients++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if out.clients--; out.clients == 0 {
			out.grant.Release()
			delete(s.entries, e)
		}
	}, nil
}
