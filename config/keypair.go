package config

// KeyPair is a signing key with its salt, raw bytes.
type KeyPair struct{ Key, Salt []byte }

// recommendedKey is 128 bits, in bytes: below, guessing comes into sight. RFC 2104 §3 discourages keys shorter
// than the hash; imgproxy takes any that is not empty, so a short one is a warning, no error.
const recommendedKey = 16
