//go:build unix

package diskstore

import (
	"errors"
	"syscall"
)

// readOnly: the file system is.
func readOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// full: there is no more room in the file system, or for this user in it.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
