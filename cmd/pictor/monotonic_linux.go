package main

import "golang.org/x/sys/unix"

// monotonicMicroseconds is the clock by which systemd matches a reload with what asked for it.
func monotonicMicroseconds() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano() / 1000
}
