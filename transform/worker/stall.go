package worker

import (
	"fmt"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// errStalled: a worker did not begin its job, and was killed. The job is as new.
var errStalled = fmt.Errorf("%w: it did not begin", transform.ErrNoWorker)

const (
	// beginWithin is after how long a worker that has not begun is looked at, and
	// how often from then on. To read a request takes some 50 µs.
	beginWithin = 250 * time.Millisecond
	// beginAtMost is how long a worker may take that waits for nothing the
	// kernel tells of. One that waits for a processor has all the time of its job.
	beginAtMost = 10 * time.Second
)

// watchBegin kills the worker if it does not begin: at once if it is stopped, and
// after a while if none of its threads could run. A worker that only waits for a
// processor is left alone, however busy the machine is. begun ends the watch.
func (p *process) watchBegin() (begun func()) {
	idle := time.Duration(0)
	return callEvery(beginWithin, func() (again bool) {
		select {
		case <-p.ended:
			return false
		default:
		}
		switch stateOf(p.cmd.Process.Pid) {
		case running:
			idle = 0
			return true
		case waiting:
			idle += beginWithin
		case stopped:
			idle = beginAtMost
		}
		if idle < beginAtMost {
			return true
		}
		p.stalled.Store(true)
		p.kill()
		return false
	})
}

// callEvery calls look after each period, until look reports false or stop is called,
// which may be more than once. It returns when no call is under way any more. There is a timer
// and no goroutine that waits: most jobs need one look or none.
func callEvery(period time.Duration, look func() (again bool)) (stop func()) {
	var mu sync.Mutex // held during a look
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(period, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped && look() {
			timer.Reset(period)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// state is what the kernel says of a process and its threads.
type state int

const (
	waiting state = iota // none could run
	running              // one runs, or waits for a processor only
	stopped              // by a signal or a debugger
)
