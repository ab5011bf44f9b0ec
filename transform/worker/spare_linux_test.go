package worker

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// spareRetain is what workers of these tests may hold besides spare memory.
const spareRetain = 16 << 20

// newSparePool has one worker, which has done a job, so that its code is there.
func newSparePool(t *testing.T, spare int64) (*Pool, *process) {
	t.Helper()
	p := newPoolOf(t, Config{Size: 1, Retain: spareRetain})
	p.SetSpare(spare)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	return p, p.idle[0]
}

// held is what a worker holds over a fresh one.
func (p *process) held(t *testing.T) int64 {
	t.Helper()
	f, err := readFigures(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return f.anon - p.base.anon
}

func TestSpareMemoryStaysUntilItMayNot(t *testing.T) {
	p, w := newSparePool(t, 64<<20)
	for range 2 {
		if _, err := do(within(t, patience), p, newJob(t, "x", leave)); err != nil {
			t.Fatal(err)
		}
		if n := w.held(t); n < leftBytes {
			t.Errorf("%d bytes are left after a job that leaves %d", n, leftBytes)
		}
	}
	p.SetSpare(0)
	for end := time.Now().Add(patience); w.held(t) > spareRetain && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the worker does it in its own time
	}
	if n := w.held(t); n > spareRetain {
		t.Errorf("%d bytes are still there", n)
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", leave)); err != nil {
		t.Fatal(err)
	}
	if n := w.held(t); n > spareRetain {
		t.Errorf("%d bytes are left without spare memory", n)
	}
	if s := p.Stats(); s.Started != 1 || s.Replaced != 0 || s.Crashed != 0 {
		t.Errorf("%+v", s)
	}
}

// Before a job counts as done the worker has given back what is too much.
func TestMoreThanTheSpareMemoryGoesBackWithTheJob(t *testing.T) {
	p, w := newSparePool(t, 8<<20)
	if _, err := do(within(t, patience), p, newJob(t, "x", leave)); err != nil {
		t.Fatal(err)
	}
	if n := w.held(t); n > spareRetain+8<<20 {
		t.Errorf("%d bytes are left", n)
	}
	if s := p.Stats(); s.Started != 1 || s.Replaced != 0 || s.Idle != 1 {
		t.Errorf("%+v", s)
	}
	// What is not free cannot be given back.
	if _, err := do(within(t, patience), p, newJob(t, "x", retain)); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Replaced != 1 || s.Workers != 0 {
		t.Errorf("a worker that keeps 64 MiB: %+v", s)
	}
}

// A busy worker hears of less spare memory when its job has ended.
func TestSpareMemoryIsLoweredUnderAJob(t *testing.T) {
	p, w := newSparePool(t, 64<<20)
	var job sync.WaitGroup
	job.Go(func() {
		if _, err := do(within(t, patience), p, newJob(t, "x", leave, pause)); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(patience); w.shown.memory.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	p.SetSpare(0)
	job.Wait()
	if n := w.held(t); n > spareRetain || w.spare != 0 {
		t.Errorf("%d bytes are left, and it may have %d", n, w.spare)
	}
}

// A job has its own bytes and the spare memory, and no more.
func TestSpareMemoryHidesNoOverrun(t *testing.T) {
	p, _ := newSparePool(t, 48<<20)
	job := newJob(t, "x", leave, pause) // long enough to be looked at
	job.Memory = 4 << 20
	for range 3 {
		if _, err := do(within(t, patience), p, job); err != nil {
			t.Errorf("a job that takes what is spare: %v", err)
		}
	}
	job = newJob(t, "x", hog)
	job.Memory = 16 << 20
	if _, err := do(within(t, patience), p, job); !errors.Is(err, transform.ErrMemory) {
		t.Errorf("a job that takes 300 MiB: %v", err)
	}
}
