package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// fetchLocal reads local:///path below the configured folder. The path is
// taken as it is: what was percent-encoded in the outer URL is decoded by now.
func (f *Fetcher) fetchLocal(source string, w io.Writer, reserve func(int64) error) (Meta, error) {
	name := strings.TrimLeft(strings.TrimPrefix(source, localScheme+"://"), "/")
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return Meta{}, fmt.Errorf("%w: a local source is local:///path/to/file, without . or .. in it", ErrBadSource)
	}
	file, err := f.cfg.Local.Open(name)
	if err != nil {
		// Whatever is wrong with it (missing, forbidden, a link that leads
		// out), from here it does not exist.
		return Meta{}, fmt.Errorf("%w: %v", ErrNotFound, reason(err))
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return Meta{}, fmt.Errorf("%w: not a regular file", ErrNotFound)
	}
	n, err := f.copy(context.Background(), w, file, st.Size(), reserve)
	if err != nil {
		return Meta{}, err
	}
	if n < st.Size() {
		return Meta{}, fmt.Errorf("%w: the file shrank while it was read", ErrTruncated)
	}
	return Meta{LastModified: st.ModTime(), Size: n}, nil
}

// reason is an error without the path in it.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
