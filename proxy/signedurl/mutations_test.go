//go:build !race

// One goroutine does all of this: the race detector would only slow it down.

package signedurl

import (
	"slices"
	"testing"
)

// changes calls f with everything that one change of a byte makes of a text: each
// other value in its place, the byte left out, doubled, and each value before it.
func changes(text string, f func(string)) {
	for i := range len(text) {
		head, tail := text[:i], text[i+1:]
		f(head + tail)
		f(head + text[i:i+1] + text[i:])
		for c := range 256 {
			if byte(c) != text[i] {
				f(head + string([]byte{byte(c)}) + tail)
			}
			f(head + string([]byte{byte(c)}) + text[i:])
		}
	}
}

// A signed URL of which one byte is changed is refused, or it is read as the very
// path that was signed: a query behind it, and what proxies are known to do to
// paths, change nothing.
func TestOneChangedByteNeverMeansAnotherRequest(t *testing.T) {
	pairs := []Pair{{[]byte("key"), []byte("salt")}, {[]byte("old key"), nil}}
	for _, ring := range []*Keyring{
		ring(t, Config{Pairs: pairs}), ring(t, Config{Pairs: pairs[1:]}), ring(t, Config{Pairs: pairs, Size: 8}),
		ring(t, Config{Pairs: pairs, Trusted: []string{"trusted"}}),
	} {
		for _, path := range []string{
			"/rs:fill:300:200/q:80/plain/https://example.com/a%20b.jpg%3Fx=1@webp",
			"/exp:1700000000/w:300/aHR0cHM6Ly9leGFtcGxlLmNvbS9hLmpwZw.webp",
			"/plain/local:///%C3%A4.png", "/w:1/plain/http://h/%2e%2e/a",
		} {
			accepted := 0
			changes("/"+ring.Sign(path)+path, func(target string) {
				switch got, err := ring.Verify(target); {
				case err == nil && got.String() == path:
					accepted++
				case err == nil:
					t.Errorf("%q is read as %q", target, got)
				}
			})
			// Such as one slash of two left out, which Repair undoes, but no more than a few.
			if accepted > 10 {
				t.Errorf("%d changes of %s are accepted", accepted, path)
			}
		}
	}
}

// The same with a choice before the signature: what is accepted is of the list that was signed.
func TestOneChangedByteBesideAChoice(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("key"), []byte("salt")}}})
	var d Dialect
	const path = "/pick:32:64/pickf:webp/plain/x"
	all, err := d.Candidates(path)
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	changes("/w:64/f:webp/"+k.Sign(path)+path, func(target string) {
		if r, err := readChoice(k, &d, target); err == nil {
			accepted++
			if !slices.Contains(all, r) {
				t.Errorf("%q is read as %s", target, r.Canonical())
			}
		}
	})
	if accepted > 10 { // such as a query
		t.Errorf("%d changes are accepted", accepted)
	}
}
