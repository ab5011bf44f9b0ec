package worker

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock counts the CPU time of a process, of all its threads.
type cpuClock struct {
	id   int32
	from time.Duration
}

// startCPU makes a clock that begins now (clock_getcpuclockid(3)).
func startCPU(pid int) cpuClock {
	c := cpuClock{id: int32(^pid<<3 | 2)}
	c.from = c.used()
	return c
}

// cpuOf is the CPU time of a process since it began.
func cpuOf(pid int) time.Duration { return cpuClock{id: int32(^pid<<3 | 2)}.used() }

// used is 0 for a process that is gone.
func (c cpuClock) used() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(c.id, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano()) - c.from
}
