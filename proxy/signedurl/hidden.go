package signedurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// hashPrefix stands before the hash of a source. No base64 source begins with it: the first byte
// of such a URL would be none of UTF-8.
const hashPrefix = "h/"

// SourceHash stands for a source in a path that does not show it, /SIGNATURE/OPTIONS/h/HASH.webp.
// Servers find the source where it was registered (POST /sources). The zero value is no hash.
type SourceHash [16]byte

// HashSource is the hash of a source: the first 16 bytes of HMAC-SHA256(key, source). Without
// the key nobody can tell which source a hash is of, also of sources that can be guessed. The same source in
// another spelling has another hash.
func HashSource(key []byte, source string) (h SourceHash) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(source))
	copy(h[:], mac.Sum(nil))
	return h
}

// String is the hash as it stands in a path: base64url without padding, 22 characters.
func (h SourceHash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// ParseSourceHash is the inverse of String; there is one spelling. The error is ErrMalformed.
func ParseSourceHash(text string) (h SourceHash, err error) {
	b, err := decodeSignature(text)
	if err != nil || len(b) != len(h) {
		return SourceHash{}, fmt.Errorf("%w: a hash of a source has %d characters of base64url", ErrMalformed,
			base64.RawURLEncoding.EncodedLen(len(h)))
	}
	return SourceHash(b), nil
}

// HashKey is the key of HashSource that servers use unless they have one of their own: HMAC-SHA256 by the
// first signing key of the text "pictor source hash" and the salt. It is nil without a signing key.
func (k *Keyring) HashKey() []byte {
	if len(k.pairs) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, k.pairs[0].Key)
	mac.Write([]byte("pictor source hash"))
	mac.Write(k.pairs[0].Salt)
	return mac.Sum(nil)
}
