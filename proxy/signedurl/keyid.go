package signedurl

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
)

// MaxNamedKeys is how many keys of a Keyring may have an ID: a signature without one is tried with all.
const MaxNamedKeys = 64

// maxKeyID is the length of the longest ID, in bytes.
const maxKeyID = 64

// NamedKey is a key with an ID, by which signatures can name it and Verified does.
type NamedKey struct {
	Pair
	// ID is 1 to 64 letters, digits, - and _.
	ID string
}

// keyIDMark stands between the ID of a key and a signature. No signature has it: base64url has no dots.
const keyIDMark = "."

// withKeyID is a signature with the ID of its key.
func withKeyID(id, signature string) string {
	if id == "" {
		return signature
	}
	return id + keyIDMark + signature
}

// CheckKeyID says what is wrong with the ID of a key.
func CheckKeyID(id string) error {
	if id == "" || len(id) > maxKeyID || strings.ContainsFunc(id, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", r)
	}) {
		return fmt.Errorf("the id of a key must be 1 to %d letters, digits, - and _", maxKeyID)
	}
	return nil
}

// joinKeys lists the keys of a ring. It refuses those that are none, and those with an ID that cannot be told
// from others.
func joinKeys(plain []Pair, named []NamedKey) (all []NamedKey, err error) {
	if len(named) > MaxNamedKeys {
		return nil, fmt.Errorf("there are %d keys with an id, %d more than can be tried", len(named),
			len(named)-MaxNamedKeys)
	}
	for i, p := range plain {
		if len(p.Key) == 0 {
			return nil, fmt.Errorf("key %d of the keyring is empty", i+1)
		}
		all = append(all, NamedKey{Pair: p})
	}
	for _, k := range named {
		if err := CheckKeyID(k.ID); err != nil {
			return nil, err
		}
		if len(k.Key) == 0 {
			return nil, fmt.Errorf("key %s is empty", k.ID)
		}
		for i, other := range all {
			switch {
			case k.ID == other.ID:
				return nil, fmt.Errorf("key %s is there twice", k.ID)
			case !k.signsLike(other.Pair):
			case other.ID == "":
				return nil, fmt.Errorf("key %s is the same as key %d without an id: make a fresh pair", k.ID, i+1)
			default:
				return nil, fmt.Errorf("key %s is the same as key %s: make a fresh pair", k.ID, other.ID)
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// signsLike says whether a signature by one pair can be one by another: both have the same key for HMAC, and
// one salt begins with the other, whose rest may be the beginning of a path.
func (p Pair) signsLike(other Pair) bool {
	return hmacKey(p.Key) == hmacKey(other.Key) &&
		(bytes.HasPrefix(p.Salt, other.Salt) || bytes.HasPrefix(other.Salt, p.Salt))
}

// hmacKey is what HMAC makes of a key: a block of its hash (RFC 2104 §2).
func hmacKey(key []byte) (block [sha256.BlockSize]byte) {
	if len(key) > len(block) {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	copy(block[:], key)
	return block
}

// candidates are the keys that a signature of a path may be by, and the signature without an ID.
func (k *Keyring) candidates(signature string) (pairs []NamedKey, bare string) {
	id, bare, named := strings.Cut(signature, keyIDMark)
	if !named {
		return k.pairs, signature
	}
	for i, p := range k.pairs {
		if p.ID == id && id != "" {
			return k.pairs[i : i+1], bare
		}
	}
	return nil, bare
}

// cutKeyID is a path without the ID of a key at its beginning; named is false where it has none.
func cutKeyID(path string) (id, bare string, named bool) {
	signature, rest, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id, bare, named = strings.Cut(signature, keyIDMark)
	if !more || !named || CheckKeyID(id) != nil {
		return "", path, false
	}
	return id, "/" + bare + "/" + rest, true
}

// diagnoseNamed is Diagnose of a path whose signature does not verify and has the ID of a key; false for others.
func (k *Keyring) diagnoseNamed(path, target, prefix string) (d Diagnosis, ok bool) {
	id, bare, named := cutKeyID(path)
	if !named {
		return d, false
	}
	if only := k.Only(id); only != nil {
		return only.Diagnose(prefix+bare+queryOf(target), prefix), true
	}
	d = signatureSplits(bare)[0].startDiagnosis()
	d.Mistakes = []string{"there is no key " + id + ": a signature may begin with the id of a key and a dot"}
	d.Want = k.Sign(d.Signed)
	return d, true
}

// Only is a ring with the key of an ID alone, which signs; nil where there is no such key.
func (k *Keyring) Only(id string) *Keyring {
	for _, p := range k.pairs {
		if p.ID == id && id != "" {
			return &Keyring{pairs: []NamedKey{p}, size: k.size}
		}
	}
	return nil
}
