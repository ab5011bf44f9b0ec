//go:build unix && !linux

package worker

import "errors"

func attempted([]byte) error { return errors.ErrUnsupported }
