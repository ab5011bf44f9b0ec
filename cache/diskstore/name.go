package diskstore

import "crypto/sha256"

// block is the unit in which the files of a store are counted, in bytes.
const block = 4 << 10

// Name is what a record is found by: the first half of the SHA-256 of its key.
// Whoever needs to be sure of the key has it in the header.
type Name [16]byte

// NameOf is the name of a key's record.
func NameOf(key string) (n Name) {
	sum := sha256.Sum256([]byte(key))
	copy(n[:], sum[:])
	return n
}

func blocksOf(bytes int64) int64 { return (bytes + block - 1) / block }
