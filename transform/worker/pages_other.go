//go:build !linux

package worker

// DropPages does nothing here.
func DropPages() (dropped int64, err error) { return 0, nil }
