package upload

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
)

const (
	// maxBoundary is from RFC 2046 §5.1.1.
	maxBoundary = 70
	// maxBeside is how many bytes a form may have beside its file: headers, boundaries and other fields.
	maxBeside = 64 << 10
	// maxParts is how many parts a form may have.
	maxParts = 32
)

// errBeside: a form has more than maxBeside.
var errBeside = fmt.Errorf("%w: the form has more than %d KiB beside its file", ErrBad, maxBeside>>10)

// besideGate bounds what is read while it is closed. mime/multipart itself takes headers of several megabytes.
type besideGate struct {
	from io.Reader
	left int
	open bool
}

func (g *besideGate) Read(b []byte) (int, error) {
	if g.open {
		return g.from.Read(b)
	}
	if g.left <= 0 {
		return 0, errBeside
	}
	n, err := g.from.Read(b[:min(len(b), g.left)])
	g.left -= n
	return n, err
}

// copyFile copies the file of a form, and reads the form to its end.
func (b *Body) copyFile(c *copier) error {
	field := b.limits.Field
	if field == "" {
		field = "file"
	}
	gate := &besideGate{from: b.wire, left: maxBeside}
	form := multipart.NewReader(gate, b.boundary)
	found := false
	for range maxParts {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && found:
			_, err = io.Copy(io.Discard, gate) // what follows the last boundary
			return b.formError(c, err)
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: the form has no file in a field %q", ErrBad, field)
		case err != nil:
			return b.formError(c, err)
		case part.FormName() != field:
			if _, err := io.Copy(io.Discard, part); err != nil {
				return b.formError(c, err)
			}
			continue
		case found:
			return fmt.Errorf("%w: the form has more than one file; send one at a time", ErrBad)
		}
		switch coding := part.Header.Get("Content-Transfer-Encoding"); strings.ToLower(coding) {
		case "", "binary", "8bit", "7bit":
		default:
			return fmt.Errorf("%w: the file of the form is encoded; send its bytes as they are", ErrUnsupported)
		}
		found, gate.open = true, true
		if err := c.copyFrom(part); err != nil {
			return b.formError(c, err)
		}
		gate.open = false
	}
	return fmt.Errorf("%w: the form has more than %d fields", ErrBad, maxParts)
}

// formError tells errors of the form, for which mime/multipart has its own words, from all others.
func (b *Body) formError(c *copier, err error) error {
	switch {
	case err == nil, errors.Is(err, errOverMost):
		return err
	case b.wire.failed != nil:
		return b.wire.failed
	case c.failed != nil:
		return c.failed
	case errors.Is(err, errBeside):
		return errBeside
	}
	return fmt.Errorf("%w: the form is malformed or breaks off", ErrBad)
}
