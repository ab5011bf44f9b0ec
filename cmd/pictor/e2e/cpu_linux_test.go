package e2e

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU reads the CPU clock of another process (clock_getcpuclockid(3)).
func processCPU(pid int) (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|2), &ts)
	return time.Duration(ts.Nano()), err
}
