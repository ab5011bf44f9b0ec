package signedurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Pair is one key with its salt, raw bytes (imgproxy's IMGPROXY_KEY and
// IMGPROXY_SALT hold them in hex).
type Pair struct{ Key, Salt []byte }

// Config configures a Keyring.
type Config struct {
	// Pairs may all verify; the first one signs. Where there are none, the first of Named does.
	Pairs []Pair
	// Named are keys with an ID, which verify, too: at most MaxNamedKeys, none of which signs like another.
	Named []NamedKey
	// Size is how many bytes of the 32 a signature keeps, 8 to 32; 0 means 32.
	// Shorter and longer ones than that are refused.
	Size int
	// Insecure lets any signature segment pass. Pairs still sign.
	Insecure bool
	// Trusted are signature segments that pass with any path
	// (IMGPROXY_TRUSTED_SIGNATURES): a client that knows one can ask for anything.
	Trusted []string
}

// Keyring signs paths and verifies them. It is safe for concurrent use.
type Keyring struct {
	pairs    []NamedKey
	size     int
	insecure bool
	trusted  []string
}

// New makes a Keyring. It refuses one that could verify nothing.
func New(cfg Config) (*Keyring, error) {
	if cfg.Size == 0 {
		cfg.Size = sha256.Size
	}
	if cfg.Size < 8 || cfg.Size > sha256.Size {
		return nil, fmt.Errorf("signature size %d is not in 8..32 bytes", cfg.Size)
	}
	pairs, err := joinKeys(cfg.Pairs, cfg.Named)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 && !cfg.Insecure {
		return nil, errors.New("a keyring needs a key")
	}
	for _, s := range cfg.Trusted {
		if s == "" || strings.Contains(s, "/") {
			return nil, errors.New("a trusted signature is a segment of a path: not empty, and without a slash")
		}
	}
	return &Keyring{pairs: pairs, size: cfg.Size, insecure: cfg.Insecure, trusted: cfg.Trusted}, nil
}

// Sign gives the signature of a path, which starts with the "/" behind the
// signature's own segment: base64url without padding of the first Size bytes
// of HMAC-SHA256(key, salt + path). Where the key has an ID, that and a dot come first.
// Without a key it is "insecure".
func (k *Keyring) Sign(path string) string {
	if len(k.pairs) == 0 {
		return "insecure"
	}
	p := k.pairs[0]
	return withKeyID(p.ID, base64.RawURLEncoding.EncodeToString(k.mac(p.Pair, path)))
}

func (k *Keyring) mac(p Pair, path string) []byte {
	h := hmac.New(sha256.New, p.Key)
	h.Write(p.Salt)
	h.Write([]byte(path))
	return h.Sum(nil)[:k.size]
}

// Verified is the signed part of a path: behind the signature, with its leading
// slash and without a query, in the spelling that the signature is of. Only
// Keyring.Verify makes one, so that nothing else can be parsed for a request.
type Verified struct{ path, keyID string }

// String is the path.
func (v Verified) String() string { return v.path }

// KeyID is the ID of the key that the signature is by; "" where that has none, and where any
// signature passes.
func (v Verified) KeyID() string { return v.keyID }

// Verify checks a request target as it was sent (http.Request.RequestURI,
// never a cleaned or decoded path). The signature may be of any of the
// Spellings, as a path may be damaged on its way and a client may have signed
// what looks damaged; Verified is the one that it is of. Where any signature
// passes, it is the repaired one. The error wraps ErrMalformed where there is no
// signature segment, else ErrSignature.
//
// The signature may begin with the ID of a key and a dot: then that key alone is tried. Else
// every key is, whichever fits. Both compare in constant time.
func (k *Keyring) Verify(target string) (Verified, error) {
	target = PathOf(target)
	if !strings.HasPrefix(target, "/") {
		return Verified{}, fmt.Errorf("%w: the path must start with a slash", ErrMalformed)
	}
	end := strings.IndexByte(target[1:], '/')
	if end < 0 {
		return Verified{}, fmt.Errorf("%w: an image path looks like /SIGNATURE/OPTIONS/SOURCE", ErrMalformed)
	}
	signature, spellings := target[1:1+end], Spellings(target[1+end:])
	if k.insecure || k.trusts(signature) {
		return Verified{path: spellings[0]}, nil
	}
	pairs, signature := k.candidates(signature)
	sum, err := decodeSignature(signature)
	if err != nil || len(sum) != k.size {
		return Verified{}, ErrSignature
	}
	for _, path := range spellings {
		if p, ok := k.matchingPair(pairs, sum, path); ok {
			return Verified{path, p.ID}, nil
		}
	}
	return Verified{}, ErrSignature
}

// Spellings are the texts that a client may have signed for a path that it sent: the
// repaired path and, if it differs, the path as it came.
func Spellings(path string) []string {
	if repaired := Repair(path); repaired != path {
		return []string{repaired, path}
	}
	return []string{path}
}

// matchingPair finds the pair that a signature is by. It tries all of them, so that the time does not tell
// which one fits.
func (k *Keyring) matchingPair(pairs []NamedKey, sum []byte, path string) (by NamedKey, fits bool) {
	for _, p := range pairs {
		if hmac.Equal(sum, k.mac(p.Pair, path)) {
			by, fits = p, true
		}
	}
	return by, fits
}

func (k *Keyring) trusts(signature string) (trusted bool) {
	for _, s := range k.trusted {
		if subtle.ConstantTimeCompare([]byte(s), []byte(signature)) == 1 {
			trusted = true
		}
	}
	return trusted
}

// WithoutPrefix is a request target without scheme, host, query and a prefix
// of its path, "/images"; a target that does not begin with it has its path
// emptied, which nothing verifies.
func WithoutPrefix(target, prefix string) string {
	if prefix == "" {
		return target
	}
	path, ok := strings.CutPrefix(PathOf(target), prefix)
	if !ok || !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}

// PathOf cuts scheme, host and query off a request target (RFC 9112 §3.2).
func PathOf(target string) string {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	if strings.HasPrefix(target, "/") {
		return target
	}
	if i := strings.Index(target, "://"); i >= 0 {
		rest := target[i+3:]
		if j := strings.IndexByte(rest, '/'); j >= 0 {
			return rest[j:]
		}
	}
	return target
}

// decodeSignature reads base64url, its alphabet only: Go's decoder would skip
// line breaks and ignore trailing bits, and a signature must have one spelling.
func decodeSignature(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrSignature
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
