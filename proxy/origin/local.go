package origin

import (
	"context"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// rootFiles are the regular files below a root.
type rootFiles struct{ root *os.Root }

// RegularFiles is the file system of a root for Config.Local. It follows links
// only within the root, and opens nothing but regular files: to open a FIFO
// would wait for its writer, and to open a device may do anything.
func RegularFiles(root *os.Root) fs.StatFS { return rootFiles{root} }

// Stat follows links within the root. It opens nothing.
func (r rootFiles) Stat(name string) (fs.FileInfo, error) {
	st, err := r.root.Stat(name)
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errIrregular}
	}
	return st, err
}

// Open opens a regular file.
func (r rootFiles) Open(name string) (fs.File, error) {
	if _, err := r.Stat(name); err != nil {
		return nil, err
	}
	return r.openNonblocking(name)
}

// openNonblocking opens a file that Stat found to be regular. O_NONBLOCK keeps the
// open from waiting where a FIFO or a device has taken the file's place since, and the
// open file is checked once more.
func (r rootFiles) openNonblocking(name string) (fs.File, error) {
	f, err := r.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errIrregular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fetchLocal reads a file below the configured folder. Whatever is wrong with
// it (missing, forbidden, no regular file, a link that leads out): from outside
// it does not exist.
func (f *Fetcher) fetchLocal(ctx context.Context, name string, w io.Writer, reserve func(int64) error) (Meta, error) {
	file, st, err := f.local.openFile(ctx, f.cfg.Local, name)
	switch {
	case context.Cause(ctx) != nil && err != nil:
		return Meta{}, context.Cause(ctx)
	case err != nil:
		return Meta{}, newFailure(ErrNotFound, err.Error())
	}
	defer file.close()
	// Bytes that are appended to the file from now on are not read.
	n, err := f.cfg.copyBody(w, io.LimitReader(file, st.Size()), st.Size(), reserve)
	if err != nil {
		return Meta{}, err
	}
	if n < st.Size() {
		return Meta{}, newFailure(ErrTruncated, "the file shrank while it was read")
	}
	return Meta{LastModified: st.ModTime(), Size: n}, nil
}
