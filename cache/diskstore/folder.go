package diskstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// storeDir is the folder that is ours, of this form of records.
	storeDir = "pictor-v1"
	// tempDir has the files being written. They have no place in a store yet.
	tempDir  = "tmp"
	lockFile = "lock"
)

// Folder is DIR/pictor-v1, of this process alone.
type Folder struct {
	path        string
	root        *os.Root
	lock        *os.File
	openTimeout time.Duration
}

// openTimeout is for how long the file system is waited for at the start.
const openTimeout = 5 * time.Second

// OpenFolder makes DIR/pictor-v1 if it is missing, takes it for this process,
// and tries whether it can be written to. DIR may be a link; pictor-v1 may not,
// for what lies where it leads is not ours to clear. Errors are ErrInUse,
// ErrMemory, ErrForeign, ErrStalled, and those of the file system.
func OpenFolder(dir string) (*Folder, error) { return openFolder(dir, openTimeout) }

func openFolder(dir string, timeout time.Duration) (*Folder, error) {
	f := &Folder{path: filepath.Join(dir, storeDir), openTimeout: timeout}
	err := runWithTimeout(timeout, func() error {
		err := f.openDir(dir)
		if err != nil {
			_ = f.Close() // the first error tells more
		}
		return err
	}, func() { _ = f.Close() }) // the caller runs without it
	if err != nil {
		return nil, fmt.Errorf("open cache directory %s: %w", f.path, err)
	}
	return f, nil
}

func (f *Folder) openDir(dir string) (err error) {
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err = f.openStoreDir(dir); err != nil {
		return err
	}
	if f.lock, err = f.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err = acquireLock(f.lock); err != nil {
		return err
	}
	// The files that another process had begun.
	if err = f.root.RemoveAll(tempDir); err != nil {
		return err
	}
	if err = f.root.Mkdir(tempDir, 0o700); err != nil {
		return err
	}
	trial := filepath.Join(tempDir, "trial")
	if err = f.root.WriteFile(trial, []byte("x"), 0o600); err != nil {
		return err
	}
	return f.root.Remove(trial)
}

// openStoreDir opens pictor-v1, if it is a folder that only this user can change.
func (f *Folder) openStoreDir(dir string) error {
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := parent.Mkdir(storeDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	seen, err := parent.Lstat(storeDir)
	if err != nil {
		return err
	}
	if !seen.IsDir() {
		return fmt.Errorf("%w: not a directory", ErrForeign)
	}
	if f.root, err = parent.OpenRoot(storeDir); err != nil {
		return err
	}
	self, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	// Open follows links: either it is the folder seen above, or a link was put there
	// meanwhile.
	if st, err := self.Stat(); err != nil || !os.SameFile(seen, st) {
		return errors.Join(fmt.Errorf("%w: not a directory", ErrForeign), err)
	}
	if err := ownAlone(self); err != nil {
		return err
	}
	if IsInMemory(self) {
		_ = parent.Remove(storeDir) // if it is empty: it is of no use
		return ErrMemory
	}
	return nil
}

// fileTimeout is for how long a file that belongs to no store is waited for.
const fileTimeout = time.Second

// ReadFile reads a file that WriteFile has written, of at most so many bytes. It waits for the disk no longer than
// fileTimeout.
func (f *Folder) ReadFile(name string, most int64) (data []byte, err error) {
	read := make(chan []byte, 1)
	err = runWithTimeout(fileTimeout, func() error {
		file, err := f.root.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		b, err := io.ReadAll(io.LimitReader(file, most+1))
		if err == nil && int64(len(b)) > most {
			err = fmt.Errorf("%s has more than %d bytes", name, most)
		}
		read <- b
		return err
	}, func() {})
	if err != nil {
		return nil, err
	}
	return <-read, nil
}

// WriteFile replaces a file. It may be lost in a crash, and is never half of one.
func (f *Folder) WriteFile(name string, data []byte) error {
	return runWithTimeout(fileTimeout, func() error {
		temp := filepath.Join(tempDir, name)
		if err := f.root.WriteFile(temp, data, 0o600); err != nil {
			return err
		}
		return f.root.Rename(temp, name)
	}, func() {})
}

// QueueFile is DIR/pictor-v1/next, at whose lock a process waits for the folder of one that ends.
func QueueFile(dir string) string { return filepath.Join(dir, storeDir, "next") }

// Path is DIR/pictor-v1.
func (f *Folder) Path() string { return f.path }

// Close gives the folder back. It comes after the Close of its stores.
func (f *Folder) Close() error {
	var err error
	if f.lock != nil {
		err = f.lock.Close()
	}
	if f.root != nil {
		err = errors.Join(err, f.root.Close())
	}
	return err
}
