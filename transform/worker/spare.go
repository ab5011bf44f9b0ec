package worker

import (
	"context"
	"fmt"
	"time"
)

// Freed memory that stays in a worker's heap between jobs is spare memory: the next job takes it
// without asking the kernel. How much each worker may have is up to the caller of the pool, who has to
// find room for it beside the working sets of jobs.

// SetSpare sets how many bytes of spare memory each worker may have, at first 0. A worker whose
// job leaves more gives all of it back before the job counts as done. Where bytes are fewer
// than before, idle workers are told to give theirs back, soon; a busy one does so at the
// end of its job.
func (p *Pool) SetSpare(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare = max(bytes, 0)
	for _, w := range p.idle {
		p.lowerSpareLocked(w)
	}
}

// lowerSpareLocked tells an idle worker where it may have less spare memory than it was told before.
func (p *Pool) lowerSpareLocked(w *process) {
	if p.spare >= w.spare {
		return // its next job tells it
	}
	w.spare = p.spare
	if b, err := encodeFrame(request{Kind: kindSpare, Spare: p.spare}, 0); err == nil {
		_ = sendRequest(w.conn, b) // where it fails the worker is dead, which its next job finds
	}
}

// spareDuring is how much spare memory the worker may use for a job of so many bytes: none for one that
// is far larger. It would leave more than may stay, and take more than its estimate, because large
// blocks fit badly into the gaps of a heap; without spare memory each is mapped for itself.
func (p *process) spareDuring(memory int64) int64 {
	const farLarger = 4
	if memory > farLarger*p.spare {
		return 0
	}
	return p.spare
}

// trimTime is how long a worker may take to give its spare memory back.
const trimTime = 5 * time.Second

// fitsWhenIdle says whether a worker without a job holds no more than it may, once it has given back
// what spare memory is too much.
func (p *Pool) fitsWhenIdle(w *process) bool {
	f, err := readFigures(w.cmd.Process.Pid)
	p.mu.Lock()
	most := w.base.anon + p.cfg.Retain
	fits, spare := f.anon <= most+p.spare, p.spare
	p.mu.Unlock()
	if err != nil || fits || spare == 0 && w.spare == 0 {
		return err == nil && fits // without spare memory it has given all back already
	}
	if err := w.trim(); err != nil {
		return false
	}
	f, err = readFigures(w.cmd.Process.Pid)
	return err == nil && f.anon <= most
}

// trim has the worker give all of its spare memory back.
func (p *process) trim() error {
	ctx, cancel := context.WithTimeout(context.Background(), trimTime)
	defer cancel()
	return p.killAtDeadline(ctx, func() error {
		return p.exchangeFrames(request{Kind: kindTrim}, nil, 0, func(resp response, _ []byte) (bool, error) {
			if resp.Kind != kindTrimmed {
				return true, fmt.Errorf("%w: unexpected response %q to a trim", errDied, clipText(string(resp.Kind)))
			}
			return true, nil
		})
	})
}
