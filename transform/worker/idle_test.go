package worker

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestIdleWorkerThatDiedHarmsNoJob(t *testing.T) {
	p := newPool(t, 1)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	w := p.idle[0]
	w.cmd.Process.Kill()
	<-w.ended
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Retried != 0 || s.Crashed != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWornWorkersAreReplaced(t *testing.T) {
	p := newPoolOf(t, Config{Size: 1, MaxJobs: 3})
	for range 7 {
		if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
			t.Fatal(err)
		}
	}
	if s := p.Stats(); s.Started != 3 || s.Replaced != 2 || s.Crashed != 0 {
		t.Errorf("%+v", s)
	}
	if runtime.GOOS != "linux" {
		return
	}
	p = newPoolOf(t, Config{Size: 1})
	if _, err := do(within(t, patience), p, newJob(t, "x", retain)); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Replaced != 1 || s.Workers != 0 {
		t.Errorf("a worker that keeps 64 MiB: %+v", s)
	}
}

func threeIdle(t *testing.T, idleTime time.Duration) *Pool {
	t.Helper()
	p := newPoolOf(t, Config{Size: 3, IdleTime: idleTime})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := do(within(t, patience), p, newJob(t, "x", pause)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Started != 3 {
		t.Fatalf("%+v", s)
	}
	return p
}

func TestIdleWorkersAreLetGoAtOnceOnRequest(t *testing.T) {
	p := threeIdle(t, time.Hour)
	var old []*process
	for w := range p.all {
		old = append(old, w)
	}
	p.ReleaseIdle()
	gone := 0
	for _, w := range old {
		select {
		case <-w.ended:
			gone++
		default:
		}
	}
	if s := p.Stats(); gone != 2 || s.Workers != 1 || s.Idle != 1 || s.Crashed != 0 {
		t.Errorf("%d are gone, %+v", gone, s)
	}
	p.ReleaseIdle() // the last one stays
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil || p.Stats().Started != 3 {
		t.Errorf("%v, %+v", err, p.Stats())
	}
}

func TestIdleWorkersAreLetGoAllButOne(t *testing.T) {
	p := threeIdle(t, 200*time.Millisecond)
	for end := time.Now().Add(patience); p.Stats().Workers > 1 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // processes end in their own time
	}
	if s := p.Stats(); s.Workers != 1 || s.Idle != 1 || s.Crashed != 0 {
		t.Errorf("%+v", s)
	}
}

// Who became idle after the others were looked at goes in time, too, and not
// when as much time has passed once more.
func TestIdleWorkersAreLetGoInTime(t *testing.T) {
	p := threeIdle(t, time.Hour)
	p.mu.Lock()
	for _, w := range p.idle {
		w.idleSince = time.Now().Add(50*time.Millisecond - time.Hour)
	}
	p.mu.Unlock()
	p.reapIdle() // too early for all of them
	for end := time.Now().Add(patience); p.Stats().Workers > 1 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // processes end in their own time
	}
	if s := p.Stats(); s.Workers != 1 || s.Idle != 1 {
		t.Errorf("%+v", s)
	}
}
