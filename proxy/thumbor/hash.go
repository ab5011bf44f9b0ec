package thumbor

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
)

// Flavor says whose meaning filters have where the two differ.
type Flavor uint8

// The flavors. Thumbor is the default.
const (
	Thumbor Flavor = iota
	Imagor
)

// ParseFlavor reads thumbor or imagor.
func ParseFlavor(s string) (Flavor, bool) {
	switch s {
	case "thumbor", "":
		return Thumbor, true
	case "imagor":
		return Imagor, true
	}
	return Thumbor, false
}

// Config configures a Dialect.
type Config struct {
	// Keys may all verify; the first one signs. Texts, as both peers have them.
	Keys []string
	// Hash is sha1 (also ""), sha256 or sha512 (IMAGOR_SIGNER_TYPE).
	Hash string
	// Truncate is how many characters of a hash are kept, at least 17
	// (IMAGOR_SIGNER_TRUNCATE); 0 for all.
	Truncate int
	// Unsafe lets paths pass that begin with unsafe/ instead of a hash.
	Unsafe bool
	Flavor Flavor
}

// Dialect verifies and reads paths. It is safe for concurrent use.
type Dialect struct {
	cfg  Config
	hash func() hash.Hash
}

var hashes = map[string]func() hash.Hash{"": sha1.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// leastTruncate is the shortest hash in imagor's grammar.
const leastTruncate = 17

// New makes a Dialect. It refuses one that nothing could pass.
func New(cfg Config) (*Dialect, error) {
	h, ok := hashes[cfg.Hash]
	switch {
	case !ok:
		return nil, fmt.Errorf("a hash of type %q is none of sha1, sha256, sha512", cfg.Hash)
	case len(cfg.Keys) == 0 && !cfg.Unsafe:
		return nil, errors.New("thumbor's dialect needs a key, unless its paths may be unsafe")
	case cfg.Truncate != 0 && cfg.Truncate < leastTruncate:
		return nil, fmt.Errorf("a hash of %d characters is too short: keep at least %d", cfg.Truncate, leastTruncate)
	}
	for _, k := range cfg.Keys {
		if k == "" {
			return nil, errors.New("a key of thumbor's dialect is empty")
		}
	}
	return &Dialect{cfg: cfg, hash: h}, nil
}

// Sign is the hash of the rest of a path, which has no slash at its beginning;
// "unsafe" where there is no key.
func (d *Dialect) Sign(rest string) string {
	if len(d.cfg.Keys) == 0 {
		return "unsafe"
	}
	return d.mac(d.cfg.Keys[0], rest)
}

func (d *Dialect) mac(key, rest string) string {
	h := hmac.New(d.hash, []byte(key))
	h.Write([]byte(rest))
	s := base64.URLEncoding.EncodeToString(h.Sum(nil))
	if d.cfg.Truncate > 0 && d.cfg.Truncate < len(s) {
		s = s[:d.cfg.Truncate]
	}
	return s
}
