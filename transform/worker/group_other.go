//go:build unix && !linux

package worker

// killGroup is for Linux: elsewhere the end of a process cannot be seen without
// reaping it.
func killGroup(int) {}
