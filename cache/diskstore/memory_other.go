//go:build !linux

package diskstore

import "os"

// IsInMemory is not known on this system.
func IsInMemory(*os.File) bool { return false }
