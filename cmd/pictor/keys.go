package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// keysCmd prints a fresh key and salt, as environment lines.
type keysCmd struct{}

// keyBytes is the length of a key and of a salt: that of the hash, beyond
// which a longer key adds nothing (RFC 2104 §3).
const keyBytes = 32

func (keysCmd) Run() error {
	fmt.Printf("PICTOR_KEY=%s\nPICTOR_SALT=%s\n", hex.EncodeToString(randomBytes()), hex.EncodeToString(randomBytes()))
	return nil
}

func randomBytes() []byte {
	b := make([]byte, keyBytes)
	rand.Read(b) // never fails since Go 1.24
	return b
}
