//go:build !linux

package main

// monotonicMicroseconds is for systemd, which is on Linux alone.
func monotonicMicroseconds() int64 { return 0 }
