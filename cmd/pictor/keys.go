package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// keysCmd prints a fresh key and salt, as environment lines or as an entry of the YAML file.
type keysCmd struct {
	ID string `name:"id" help:"Print them as an entry of access-keys in the YAML file, with this id." placeholder:"ID"`
}

// keyBytes is the length of a key and of a salt: that of the hash, beyond
// which a longer key adds nothing (RFC 2104 §3).
const keyBytes = 32

func (cmd keysCmd) Run() error {
	key, salt := hex.EncodeToString(randomBytes()), hex.EncodeToString(randomBytes())
	if cmd.ID == "" {
		fmt.Printf("PICTOR_KEY=%s\nPICTOR_SALT=%s\n", key, salt)
		return nil
	}
	if err := signedurl.CheckKeyID(cmd.ID); err != nil {
		return config.Invalid(fmt.Errorf("--id: %w", err))
	}
	// In quotes: digits alone would be a number.
	fmt.Printf("access-keys:\n  %s:\n    key: %q\n    salt: %q\n", cmd.ID, key, salt)
	return nil
}

func randomBytes() []byte {
	b := make([]byte, keyBytes)
	rand.Read(b) // never fails since Go 1.24
	return b
}
