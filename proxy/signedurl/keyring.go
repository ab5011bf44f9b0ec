package signedurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrSignature: the signature is not one of the keyring's for this path.
var ErrSignature = errors.New("wrong signature")

// ErrMalformed: the path is not of the dialect's form.
var ErrMalformed = errors.New("malformed path")

// Pair is one key with its salt, raw bytes (imgproxy's IMGPROXY_KEY and
// IMGPROXY_SALT hold them in hex).
type Pair struct{ Key, Salt []byte }

// Config configures a Keyring.
type Config struct {
	// Pairs may all verify; the first one signs.
	Pairs []Pair
	// Size is how many bytes of the 32 a signature keeps, 8 to 32; 0 means 32.
	// Shorter and longer ones than that are refused.
	Size int
	// Insecure lets any signature segment pass. Pairs still sign.
	Insecure bool
}

// Keyring signs paths and verifies them. It is safe for concurrent use.
type Keyring struct {
	pairs    []Pair
	size     int
	insecure bool
}

// New makes a Keyring. It refuses one that could verify nothing.
func New(cfg Config) (*Keyring, error) {
	if cfg.Size == 0 {
		cfg.Size = sha256.Size
	}
	if cfg.Size < 8 || cfg.Size > sha256.Size {
		return nil, fmt.Errorf("signature size %d is not in 8..32 bytes", cfg.Size)
	}
	if len(cfg.Pairs) == 0 && !cfg.Insecure {
		return nil, errors.New("a keyring needs a key")
	}
	for i, p := range cfg.Pairs {
		if len(p.Key) == 0 {
			return nil, fmt.Errorf("key %d of the keyring is empty", i+1)
		}
	}
	return &Keyring{pairs: cfg.Pairs, size: cfg.Size, insecure: cfg.Insecure}, nil
}

// Sign gives the signature of a path, which starts with the "/" behind the
// signature's own segment: base64url without padding of the first Size bytes
// of HMAC-SHA256(key, salt + path). Without a key it is "insecure".
func (k *Keyring) Sign(path string) string {
	if len(k.pairs) == 0 {
		return "insecure"
	}
	return base64.RawURLEncoding.EncodeToString(k.mac(k.pairs[0], path))
}

func (k *Keyring) mac(p Pair, path string) []byte {
	h := hmac.New(sha256.New, p.Key)
	h.Write(p.Salt)
	h.Write([]byte(path))
	return h.Sum(nil)[:k.size]
}

// Verify checks a request target as it was sent (http.Request.RequestURI,
// never a cleaned or decoded path) and returns the signed part of it: the path
// behind the signature, with its leading slash and without a query. The error
// wraps ErrMalformed where there is no signature segment, else ErrSignature.
//
// Every key is tried, whichever fits, and compared in constant time.
func (k *Keyring) Verify(target string) (path string, err error) {
	target = pathOf(target)
	if !strings.HasPrefix(target, "/") {
		return "", fmt.Errorf("%w: it does not start with a slash", ErrMalformed)
	}
	end := strings.IndexByte(target[1:], '/')
	if end < 0 {
		return "", fmt.Errorf("%w: a picture's path is /SIGNATURE/OPTIONS/SOURCE", ErrMalformed)
	}
	signature, path := target[1:1+end], target[1+end:]
	if k.insecure {
		return path, nil
	}
	sum, err := decodeSignature(signature)
	if err != nil || len(sum) != k.size {
		return "", ErrSignature
	}
	fits := false
	for _, p := range k.pairs {
		if hmac.Equal(sum, k.mac(p, path)) {
			fits = true
		}
	}
	if !fits {
		return "", ErrSignature
	}
	return path, nil
}

// pathOf cuts scheme, host and query off a request target (RFC 9112 §3.2).
func pathOf(target string) string {
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
