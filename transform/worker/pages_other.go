//go:build !linux

package worker

import "os"

// DropPages does nothing here.
func DropPages() (dropped int64, err error) { return 0, nil }

func dropPagesOf(*os.File) {}
