package worker

import (
	"errors"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// A job is killed for its own CPU time, not for time that passes.
func TestCPUTimeIsBounded(t *testing.T) {
	p := newPool(t, 1)
	job := newJob(t, "x", burn)
	job.Memory, job.CPU = 64<<20, 300*time.Millisecond
	if _, err := do(within(t, patience), p, job); !errors.Is(err, transform.ErrCPU) {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Overtime != 1 || s.Killed != 0 || s.Retried != 0 || s.Workers != 0 {
		t.Errorf("%+v", s)
	}
	job = newJob(t, "x", hang)
	job.Memory, job.CPU = 64<<20, 300*time.Millisecond
	if _, err := do(within(t, 2*time.Second), p, job); !errors.Is(err, transform.ErrTimeout) {
		t.Errorf("a job that only waits: %v", err)
	}
}
