package thumbor

import (
	"crypto/hmac"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Verified is a path behind its hash, in the spelling that the hash is of. Only
// Verify makes one, so that nothing else can be parsed for a request.
type Verified struct {
	rest string
	// unsafe says that there was no hash: any spelling may be meant.
	unsafe bool
}

// String is the path, without a slash at its beginning.
func (v Verified) String() string { return v.rest }

// Spellings are the texts that a client may have signed for a path that it sent: the
// path as it came, and unescaped, with a plus as a plus or, as imagor reads it, as a
// blank.
func Spellings(path string) []string {
	all := []string{path}
	for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if decoded, err := decode(path); err == nil && !slices.Contains(all, decoded) {
			all = append(all, decoded)
		}
	}
	return all
}

// Verify checks a path behind the dialect's own prefix, as it was sent but for
// its query. The error wraps signedurl.ErrMalformed or signedurl.ErrSignature.
//
// Clients sign what they send, or sign and then escape it (so do proxies and
// crawlers, cshum/imagor#258), so that the hash may be of any of the Spellings.
// The one that it is of is Verified: to parse another would let anybody change
// the request by escaping a letter of it. A hash is compared in constant time,
// with every key.
func (d *Dialect) Verify(path string) (Verified, error) {
	wellFormed := false
	for _, spelling := range Spellings(strings.TrimPrefix(path, "/")) {
		first, rest, ok := strings.Cut(spelling, "/")
		if !ok || rest == "" {
			continue
		}
		wellFormed = true
		switch {
		case d.cfg.Unsafe && first == "unsafe":
			return Verified{rest, true}, nil
		case d.cfg.Unsafe && first == "meta": // as Pollexor writes it without a key
			return Verified{spelling, true}, nil
		case d.matchesAnyKey(first, rest):
			return Verified{rest, false}, nil
		}
	}
	if !wellFormed {
		return Verified{}, fmt.Errorf("%w: a thumbor path looks like /HASH/OPTIONS/IMAGE", signedurl.ErrMalformed)
	}
	return Verified{}, signedurl.ErrSignature
}

// matchesAnyKey says that a hash, with = escaped or not, is that of rest by one key.
func (d *Dialect) matchesAnyKey(hash, rest string) (fits bool) {
	given, err := url.PathUnescape(hash)
	if err != nil {
		return false
	}
	for _, key := range d.cfg.Keys {
		if hmac.Equal([]byte(given), []byte(d.mac(key, rest))) {
			fits = true
		}
	}
	return fits
}
