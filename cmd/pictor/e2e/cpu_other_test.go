//go:build !linux

package e2e

import (
	"errors"
	"testing"
	"time"
)

func processCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// ballast is for tests of Linux.
func ballast() bool { return false }

// refusing is for tests of Linux.
func refusing() bool { return false }

// contention is for tests of Linux: elsewhere no rate or latency is judged.
type contention struct{}

func watchContention(testing.TB) contention { return contention{} }

func (contention) quiet() bool { return false }
