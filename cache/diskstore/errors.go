package diskstore

import "errors"

// Why a folder cannot be opened.
var (
	// ErrInUse: another process has the folder.
	ErrInUse = errors.New("cache directory is in use by another process")
	// ErrMemory: the folder is in memory, which the memory limit is for.
	ErrMemory = errors.New("cache directory is in memory (tmpfs)")
	// ErrForeign: what has the folder's name is a link, or not this user's alone.
	ErrForeign = errors.New("cache directory is not private to this user")
)

// Why Put does not keep a record, beside the file system's errors.
var (
	// ErrBusy: what was there at Open is not counted yet.
	ErrBusy = errors.New("disk store is still being scanned")
	// ErrTooLarge: it would take more than a quarter of the store.
	ErrTooLarge = errors.New("record is too large for the disk store")
	// ErrPaused: the disk failed a short while ago.
	ErrPaused = errors.New("disk failed recently")
	// ErrStalled: the disk does not answer.
	ErrStalled = errors.New("disk does not respond")
	// errClosed and errCaller are bugs of the caller.
	errClosed = errors.New("disk store is closed")
	errCaller = errors.New("not a record")
	// errReplaced: a record is not what it was any more.
	errReplaced = errors.New("record was replaced or dropped")
)
