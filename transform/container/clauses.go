package container

import (
	"fmt"

	"github.com/pictor-proxy/pictor/transform"
)

// hasMagic says whether b has a mark at a place.
func hasMagic(b []byte, at int, magic string) bool {
	return len(b) >= at+len(magic) && string(b[at:at+len(magic)]) == magic
}

// The errors of Sniff: a sentinel of package transform, and a clause that clients
// may see.

func cutShort(clause string) error { return fmt.Errorf("%w: %s", transform.ErrTruncated, clause) }

func malformedError(clause string) error { return fmt.Errorf("%w: %s", transform.ErrMalformed, clause) }

func notRead(clause string) error { return fmt.Errorf("%w: %s", transform.ErrUnsupported, clause) }
