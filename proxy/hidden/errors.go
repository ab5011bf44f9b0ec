package hidden

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrUnknown: no source was added with this hash.
	ErrUnknown = errors.New("unknown hash")
	// ErrInUse: another process has the log.
	ErrInUse = errors.New("log of hidden sources is in use")
	// ErrTooMany: there are as many sources as there may be. Nothing was added.
	ErrTooMany = errors.New("too many hidden sources")
	// ErrDiskFull: the disk has no room for a record. Nothing was added.
	ErrDiskFull = errors.New("disk of hidden sources is full")
	// ErrStalled: the disk does not respond. An addition that was begun may still take effect.
	ErrStalled = errors.New("disk of hidden sources does not respond")
	// ErrLog: the log cannot be read or written. Nothing was added.
	ErrLog = errors.New("log of hidden sources cannot be used")
	// ErrBadSource: an addition has an empty URL, or one of more than MaxURL bytes, or too many.
	ErrBadSource = errors.New("bad source")
)

// classifyError tells a full disk from other errors of a write.
func classifyError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return fmt.Errorf("%w: %w", ErrLog, err)
}
