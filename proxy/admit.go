package proxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// grants are held together and given back together, the last one first.
type grants []*budget.Grant

func (g grants) release() {
	for i := len(g) - 1; i >= 0; i-- {
		g[i].Release()
	}
}

// admit waits for the bytes of a working set, then for a worker. Bytes come
// first: a job that waits for many of them must not keep a worker from others.
// One that is larger than the share of all jobs has the server to itself.
func (s *Server) admit(ctx context.Context, wait *budget.QueueWait, src *source, need int64) (release func(), err error) {
	shared, err := s.beside(ctx, wait, need)
	if !errors.Is(err, budget.ErrTooLarge) {
		return shared.release, err
	}
	if total := need + src.held(); total > s.sharesNow().Alone {
		return nil, fmt.Errorf("%w: this image needs about %s of memory; request a smaller result, use a smaller source, or raise --memory-limit to %s",
			budget.ErrTooLarge, mebibytes(need), mebibytes(s.cfg.LimitFor(total)))
	}
	return s.alone(ctx, wait, need, src)
}

// beside admits a job beside others. It gives budget.ErrTooLarge also where
// the share became too small for the job while it waited.
func (s *Server) beside(ctx context.Context, wait *budget.QueueWait, need int64) (g grants, err error) {
	defer s.responses.CutSlowReaders()()
	for _, line := range []struct {
		account *budget.Budget
		n       int64
	}{{s.accounts.transforms, need}, {s.accounts.slots, 1}} {
		grant, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return line.account.Acquire(ctx, line.n) })
		if err != nil {
			g.release()
			return nil, err
		}
		g = append(g, grant)
	}
	return g, nil
}
