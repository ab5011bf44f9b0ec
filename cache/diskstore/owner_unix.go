//go:build unix

package diskstore

import (
	"fmt"
	"os"
	"syscall"
)

// ownAlone sees to it that nobody but this user can change what is in an open
// folder, or says that it is another's.
func ownAlone(folder *os.File) error {
	const others = 0o022
	st, err := folder.Stat()
	if err != nil {
		return err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: owned by another user", ErrForeign)
	}
	if st.Mode().Perm()&others == 0 {
		return nil
	}
	if err = folder.Chmod(0o700); err != nil {
		return err
	}
	if st, err = folder.Stat(); err == nil && st.Mode().Perm()&others != 0 {
		err = fmt.Errorf("%w: writable by other users", ErrForeign)
	}
	return err
}
