package origin

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// maxLocal is how many local files are in use at once. A call to a file system
// that hangs, such as one on a network, cannot be ended, and holds a thread: so
// many at most, and further fetches wait until their context ends.
const maxLocal = 32

// localIO has room for the local files in use.
type localIO chan struct{}

func newLocalIO() localIO { return make(localIO, maxLocal) }

// localFile is a file whose calls are made by a goroutine of its own, so that the wait
// for a call ends with the context. The goroutine, and its place among maxLocal, stay
// until the call returns.
type localFile struct {
	ctx context.Context
	// requests asks the goroutine for the next block, and is closed with the file.
	requests chan struct{}
	blocks   chan block
	// rest is the part of the last block that was not read yet.
	rest []byte
}

// block is the result of a read.
type block struct {
	b   []byte
	err error
}

// opened is the result of opening a file.
type opened struct {
	st  fs.FileInfo
	err error
}

// openFile opens a regular file. The caller closes it. Where the context ends
// first, the error is anything.
func (l localIO) openFile(ctx context.Context, files fs.StatFS, name string) (*localFile, fs.FileInfo, error) {
	select {
	case l <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	// Room for one, so that the goroutine ends also where the caller has gone.
	result := make(chan opened, 1)
	file := &localFile{ctx: ctx, requests: make(chan struct{}, 1), blocks: make(chan block, 1)}
	go func() {
		defer func() { <-l }()
		file.serveReads(files, name, result)
	}()
	select {
	case o := <-result:
		if o.err != nil {
			return nil, nil, o.err
		}
		return file, o.st, nil
	case <-ctx.Done():
		file.close()
		return nil, nil, context.Cause(ctx)
	}
}

// serveReads makes all calls to the file system, one after another.
func (f *localFile) serveReads(files fs.StatFS, name string, result chan<- opened) {
	file, st, err := openRegular(files, name)
	result <- opened{st, err}
	if err != nil {
		return
	}
	defer file.Close() // it was only read
	buf := make([]byte, 32<<10)
	for range f.requests {
		n, err := file.Read(buf)
		f.blocks <- block{buf[:n], err}
	}
}

// openRegular opens a file that is a regular one before it is opened, and after.
func openRegular(files fs.StatFS, name string) (file fs.File, st fs.FileInfo, err error) {
	st, err = files.Stat(name)
	if err == nil && !st.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		return nil, nil, err
	}
	if file, err = files.Open(name); err != nil {
		return nil, nil, err
	}
	st, err = file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, st, nil
}

// Read gives the cause of the context's end where that comes first.
func (f *localFile) Read(p []byte) (int, error) {
	if cause := context.Cause(f.ctx); cause != nil {
		return 0, cause
	}
	if len(f.rest) > 0 {
		return f.copyRest(p), nil
	}
	f.requests <- struct{}{} // the channel has room: the last block was received
	select {
	case b := <-f.blocks:
		f.rest = b.b
		if b.err != nil && !errors.Is(b.err, io.EOF) {
			b.err = transportFailure(f.ctx, ErrUnreachable, b.err)
		}
		if len(p) < len(f.rest) && errors.Is(b.err, io.EOF) {
			b.err = nil // it comes again
		}
		return f.copyRest(p), b.err
	case <-f.ctx.Done():
		return 0, context.Cause(f.ctx)
	}
}

func (f *localFile) copyRest(p []byte) int {
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n
}

// close has the file closed, and does not wait for that.
func (f *localFile) close() { close(f.requests) }
