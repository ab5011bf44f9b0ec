package main

import "golang.org/x/sys/unix"

// clockIsKept says whether the kernel knows that the clock is right; also where that cannot be asked.
func clockIsKept() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t) // changes nothing: Modes is 0
	return err != nil || state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
