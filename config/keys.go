package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	minSignature = 8
	maxSignature = 32 // all of HMAC-SHA256
	// recommendedSignature is as recommendedKey.
	recommendedSignature = 16
)

// Pairs decodes the keys and salts, none where neither is set. The error joins
// everything that is wrong with them and shows no part of them.
func (k *Keys) Pairs() ([]KeyPair, error) {
	keys, problems := decodeList("--key", k.Key)
	salts, wrong := decodeList("--salt", k.Salt)
	problems = append(problems, wrong...)
	if len(problems) == 0 && len(keys) != len(salts) {
		problems = append(problems,
			fmt.Errorf("--key holds %d and --salt %d: give each key its own salt, in the same order", len(keys),
				len(salts)))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	pairs := make([]KeyPair, len(keys))
	for i := range keys {
		pairs[i] = KeyPair{Key: keys[i], Salt: salts[i]}
	}
	return pairs, nil
}

// Validate joins everything that is wrong with the keys; no keys at all are
// not wrong. Kong calls it at the end of parsing a command that embeds Keys.
func (k *Keys) Validate() error { return Invalid(errors.Join(k.findProblems()...)) }

func (k *Keys) findProblems() []error {
	var problems []error
	if _, err := k.Pairs(); err != nil {
		problems = append(problems, err)
	}
	if k.SignatureSize < minSignature || k.SignatureSize > maxSignature {
		problems = append(problems,
			fmt.Errorf("--signature-size is %d: set it to %d to %d bytes", k.SignatureSize, minSignature, maxSignature))
	}
	return problems
}

// Warnings are sentences on keys that work but are weak.
func (k *Keys) Warnings() []string {
	var warnings []string
	pairs, _ := k.Pairs()
	for i, pair := range pairs {
		if len(pair.Key) < recommendedKey {
			warnings = append(warnings,
				fmt.Sprintf("key %d is only %d bytes long: `pictor keys` prints a fresh pair", i+1, len(pair.Key)))
		}
	}
	if len(pairs) > 0 && k.SignatureSize < recommendedSignature {
		warnings = append(warnings,
			fmt.Sprintf("signatures of %d bytes can be guessed: set --signature-size to %d or more", k.SignatureSize,
				recommendedSignature))
	}
	return warnings
}

// decodeList decodes a comma-separated list of hexadecimal texts.
func decodeList(flag string, list Secret) (decoded [][]byte, problems []error) {
	if list == "" {
		return nil, nil
	}
	for i, entry := range strings.Split(string(list), ",") {
		entry = strings.TrimSpace(entry)
		raw, err := hex.DecodeString(entry)
		switch {
		case entry == "":
			problems = append(problems,
				fmt.Errorf("entry %d of %s is empty: remove the comma or fill it in", i+1, flag))
		case errors.Is(err, hex.ErrLength):
			problems = append(problems,
				fmt.Errorf("entry %d of %s has an odd number of hexadecimal digits: copy all of it", i+1, flag))
		case err != nil:
			problems = append(problems,
				fmt.Errorf("entry %d of %s is not hexadecimal: `pictor keys` prints a fresh pair", i+1, flag))
		}
		decoded = append(decoded, raw)
	}
	return decoded, problems
}
