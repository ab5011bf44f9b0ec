package origin

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
)

// Passed are headers of a client's request that a fetch for it passes on. The zero value is none.
type Passed struct {
	header  http.Header
	variant Variant
}

// Variant stands for the names and values of passed headers, by a hash, as they may be secret; zero for none.
// A source that is fetched with other headers is another one.
type Variant [16]byte

// String is the hash in hexadecimal digits; "" for none.
func (v Variant) String() string {
	if v == (Variant{}) {
		return ""
	}
	return fmt.Sprintf("%x", v[:])
}

// PassedOf takes the headers with these canonical names from a request.
func PassedOf(names []string, h http.Header) (p Passed) {
	if !slices.ContainsFunc(names, func(name string) bool { return h[name] != nil }) {
		return p
	}
	p.header = http.Header{}
	hash := sha256.New()
	for _, name := range names {
		lines := h[name]
		if lines == nil {
			continue
		}
		p.header[name] = lines
		fmt.Fprintf(hash, "%s:%d\n", name, len(lines))
		for _, line := range lines {
			fmt.Fprintf(hash, "%d:%s\n", len(line), line)
		}
	}
	copy(p.variant[:], hash.Sum(nil))
	return p
}

// Variant stands for the headers.
func (p Passed) Variant() Variant { return p.variant }

// String has no value in it.
func (p Passed) String() string { return fmt.Sprint(len(p.header), " passed headers") }

// GoString has no value in it, either.
func (p Passed) GoString() string { return p.String() }
