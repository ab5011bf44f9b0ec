//go:build !linux

package diskstore

import "os"

// isInMemory is not known on this system.
func isInMemory(*os.File) bool { return false }
