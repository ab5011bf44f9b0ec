package diskstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var (
	// ErrInUse: another process has the folder.
	ErrInUse = errors.New("the cache folder is in use by another process")
	// ErrMemory: the folder is in memory, which the memory limit is for.
	ErrMemory = errors.New("the cache folder is in memory")
)

const (
	// below is the folder that is ours, of this form of records.
	below = "pictor-v1"
	// unfinished are files being written. They have no place in a store yet.
	unfinished = "tmp"
	lockFile   = "lock"
)

// Folder is DIR/pictor-v1, of this process alone.
type Folder struct {
	path string
	root *os.Root
	lock *os.File
}

// OpenFolder makes DIR/pictor-v1 if it is missing, takes it for this process,
// and tries whether it can be written to. Errors are ErrInUse, ErrMemory, and
// those of the file system.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{path: filepath.Join(dir, below)}
	if err := f.open(); err != nil {
		_ = f.Close() // the first error tells more
		return nil, fmt.Errorf("open the cache folder %s: %w", f.path, err)
	}
	return f, nil
}

func (f *Folder) open() (err error) {
	if err = os.MkdirAll(f.path, 0o700); err != nil {
		return err
	}
	if inMemory(f.path) {
		_ = os.Remove(f.path) // if it is empty: it is of no use
		return ErrMemory
	}
	if f.root, err = os.OpenRoot(f.path); err != nil {
		return err
	}
	if f.lock, err = f.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err = lock(f.lock); err != nil {
		return err
	}
	// What another process had begun.
	if err = f.root.RemoveAll(unfinished); err != nil {
		return err
	}
	if err = f.root.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	trial := filepath.Join(unfinished, "trial")
	if err = f.root.WriteFile(trial, []byte("x"), 0o600); err != nil {
		return err
	}
	return f.root.Remove(trial)
}

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
