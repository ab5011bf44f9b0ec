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
	done, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(beginWithin)
		defer tick.Stop()
		for idle := time.Duration(0); ; {
			select {
			case <-done:
				return
			case <-p.ended:
				return
			case <-tick.C:
			}
			switch stateOf(p.cmd.Process.Pid) {
			case running:
				idle = 0
				continue
			case waiting:
				idle += beginWithin
			case stopped:
				idle = beginAtMost
			}
			if idle >= beginAtMost {
				p.stalled.Store(true)
				p.kill()
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-finished
	})
}

// state is what the kernel says of a process and its threads.
type state int

const (
	waiting state = iota // none could run
	running              // one runs, or waits for a processor only
	stopped              // by a signal or a debugger
)
