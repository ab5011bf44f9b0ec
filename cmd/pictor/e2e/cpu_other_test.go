//go:build !linux

package e2e

import (
	"errors"
	"time"
)

func processCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// ballast is for tests of Linux.
func ballast() bool { return false }
