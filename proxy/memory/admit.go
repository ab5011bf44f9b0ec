package memory

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

// Admission is the memory and the worker that a job was admitted to.
type Admission struct {
	release func()
	// bytes is of a job beside others; nil for an exclusive one.
	bytes *budget.Grant
}

// Release gives both back.
func (a *Admission) Release() { a.release() }

// TryGrow adds bytes without a wait. It gives budget.ErrSaturated where they are not there, and for an
// exclusive job: the room was made for what it asked. That counts as nothing that was shed.
func (a *Admission) TryGrow(n int64) error {
	if a.bytes == nil {
		return budget.ErrSaturated
	}
	return a.bytes.TryGrow(n)
}

// ErrOnlyExclusive is of a job in the background that would have to run exclusively: all
// others would wait for it, and the cache would be emptied.
var ErrOnlyExclusive = errors.New("not in the background")

// Source is what a job reads, for the bytes that are reserved for it. Its values
// are comparable: jobs of one source hold it together.
type Source interface{ Reserved() int64 }

// Admit waits for the bytes of a job's working set, then for a worker. Bytes come
// first: a job that waits for many of them must not keep a worker from others. A job
// that is larger than the budget of transforms runs exclusively.
//
// The error is budget.ErrTooLarge where the job can never fit, and
// budget.ErrSaturated where it would wait for too long. A job in the background
// (budget.InBackground) does not wait and does not run exclusively: its errors are
// budget.ErrYielded and ErrOnlyExclusive.
func (g *Governor) Admit(
	ctx context.Context, wait *budget.QueueWait, src Source, need int64,
) (*Admission, error) {
	shared, err := g.admitShared(ctx, wait, need)
	switch {
	case err == nil:
		return &Admission{release: shared.release, bytes: shared[0]}, nil
	case !errors.Is(err, budget.ErrTooLarge):
		return nil, err
	}
	if total := need + src.Reserved(); total > g.currentPlan().Exclusive {
		return nil, fmt.Errorf("%w: this image needs about %s of memory; "+
			"request a smaller result, use a smaller source, or raise --memory-limit to %s",
			budget.ErrTooLarge, formatMebibytes(need),
			formatMebibytes(LimitFor(total+g.currentPlan().Index.demanded())))
	}
	if budget.IsBackground(ctx) {
		return nil, fmt.Errorf("%w: this image needs about %s of memory, more than can be spared for it "+
			"before a client requests it; request a smaller result, or raise --memory-limit",
			ErrOnlyExclusive, formatMebibytes(need))
	}
	done, err := g.admitExclusive(ctx, wait, need, src)
	if err != nil {
		return nil, err
	}
	return &Admission{release: done}, nil
}

// admitShared admits a job beside others. It gives budget.ErrTooLarge also where
// the budget became too small for the job while it waited.
func (g *Governor) admitShared(ctx context.Context, wait *budget.QueueWait, need int64) (held grants, err error) {
	defer g.Responses.CutSlowReaders()()
	for _, step := range []struct {
		from *budget.Budget
		n    int64
	}{{g.Budgets.Transforms, need}, {g.Budgets.Workers, 1}} {
		grant, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
			return step.from.Acquire(ctx, step.n)
		})
		if err != nil {
			held.release()
			return nil, err
		}
		held = append(held, grant)
	}
	return held, nil
}

// SourceTooLarge is the error of a source of so many bytes, which can never fit. It
// wraps budget.ErrTooLarge and says what can be done.
func (g *Governor) SourceTooLarge(bytes int64) error {
	return fmt.Errorf("%w: the source file has %s, but the memory limit leaves %s for source files; "+
		"use a smaller file, or raise --memory-limit to %s",
		budget.ErrTooLarge, formatMebibytes(bytes), formatMebibytes(g.Budgets.Sources.Stats().Capacity),
		formatMebibytes(LimitForSource(bytes+g.currentPlan().Index.demanded()/4)))
}

// formatMebibytes rounds up.
func formatMebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
