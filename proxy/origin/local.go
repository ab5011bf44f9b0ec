package origin

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// fetchLocal reads a file below the configured folder. Whatever is wrong with
// it (missing, forbidden, no regular file, a link that leads out): from outside
// it does not exist.
func (f *Fetcher) fetchLocal(ctx context.Context, name string, w io.Writer, reserve func(int64) error) (Meta, error) {
	// To open a pipe is to wait for its writer, so it is looked at first.
	st, err := fs.Stat(f.cfg.Local, name)
	if err != nil {
		return Meta{}, fail(ErrNotFound, err.Error())
	}
	if !st.Mode().IsRegular() {
		return Meta{}, fail(ErrNotFound, "not a regular file")
	}
	file, err := f.cfg.Local.Open(name)
	if err != nil {
		return Meta{}, fail(ErrNotFound, err.Error())
	}
	defer file.Close()
	if st, err = file.Stat(); err != nil {
		return Meta{}, fail(ErrNotFound, err.Error())
	}
	// What is appended from here on is not of this picture.
	body := &localBody{ctx: ctx, file: io.LimitReader(file, st.Size())}
	n, err := f.copy(w, body, st.Size(), reserve)
	if err != nil {
		return Meta{}, err
	}
	if n < st.Size() {
		return Meta{}, fail(ErrTruncated, "the file shrank while it was read")
	}
	return Meta{LastModified: st.ModTime(), Size: n}, nil
}

// localBody is a file that stops where its context ends.
type localBody struct {
	ctx  context.Context
	file io.Reader
}

func (b *localBody) Read(p []byte) (int, error) {
	if cause := context.Cause(b.ctx); cause != nil {
		return 0, cause
	}
	n, err := b.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = blame(b.ctx, ErrUnreachable, err)
	}
	return n, err
}
