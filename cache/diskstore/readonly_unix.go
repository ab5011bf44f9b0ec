//go:build unix

package diskstore

import "syscall"

// errReadOnly: the file system is.
const errReadOnly = syscall.EROFS
