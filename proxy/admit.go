package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// patience is how much longer a fill may stand in lines, all of them
// together. What it spends on work is not counted.
type patience struct{ left time.Duration }

// in runs f, which stands in one line. Out of patience the context's cause,
// and so the error, is budget.ErrSaturated.
func (p *patience) in(ctx context.Context, f func(context.Context) (*budget.Grant, error)) (*budget.Grant, error) {
	start := time.Now() // before the deadline is set, or some of the patience would be left when it is over
	ctx, cancel := context.WithTimeoutCause(ctx, p.left, budget.ErrSaturated)
	defer cancel()
	g, err := f(ctx)
	p.left -= time.Since(start)
	return g, err
}

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
func (s *Server) admit(ctx context.Context, wait *patience, src *source, need int64) (release func(), err error) {
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
func (s *Server) beside(ctx context.Context, wait *patience, need int64) (g grants, err error) {
	defer s.responses.CutSlowReaders()()
	for _, line := range []struct {
		account *budget.Budget
		n       int64
	}{{s.accounts.transforms, need}, {s.accounts.slots, 1}} {
		grant, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return line.account.Acquire(ctx, line.n) })
		if err != nil {
			g.release()
			return nil, err
		}
		g = append(g, grant)
	}
	return g, nil
}
