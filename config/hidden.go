package config

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// SourceHash is the key by which sources have hashes; commands that mint URLs embed it, too.
type SourceHash struct {
	SourceHashKey     Secret `help:"Key of the hashes of hidden sources (h/HASH), in hexadecimal, at least 16 bytes. Default: derived from the first signing key and its salt." placeholder:"HEX" group:"Sources" reload:"yes"`
	SourceHashKeyFile string `help:"File with that key, instead of --source-hash-key." placeholder:"FILE" group:"Sources" reload:"yes"`
}

// Hidden are the settings of hidden sources.
type Hidden struct {
	SourceHash
	MaxHiddenSources int `help:"How many hidden sources can be registered (POST /sources). They are kept in --state-dir, and each takes 16 bytes of the memory limit. 0: none." default:"0" placeholder:"N" group:"Sources" reload:"no"`
}

// minHashKey is the length of the shortest SourceHashKey, in bytes: 128 bits.
const minHashKey = 16

// maxHiddenSources is what MaxHiddenSources may be: more would be a mistake.
const maxHiddenSources = 100_000_000

// HashKey is the decoded SourceHashKey; nil where it is not set.
func (h *SourceHash) HashKey() ([]byte, error) {
	if h.SourceHashKey == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(string(h.SourceHashKey))
	if err != nil || len(key) < minHashKey {
		return nil, fmt.Errorf("--source-hash-key is not hexadecimal of at least %d bytes: make one with "+
			"`openssl rand -hex 32`", minHashKey)
	}
	return key, nil
}

// findProblems needs to know whether there is a signing key.
func (h *Hidden) findProblems(signs bool) []error {
	var problems []error
	if _, err := h.HashKey(); err != nil {
		problems = append(problems, err)
	}
	switch n := h.MaxHiddenSources; {
	case n < 0 || n > maxHiddenSources:
		problems = append(problems, fmt.Errorf("--max-hidden-sources is %d: set it to 0 to %d", n, maxHiddenSources))
	case n > 0 && !signs && h.SourceHashKey == "":
		problems = append(problems, errors.New("--max-hidden-sources needs a key: set --source-hash-key, or --key "+
			"and --salt"))
	}
	return problems
}
