package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Access is the setting of keys with policies.
type Access struct {
	AccessKeys Table `help:"Keys by their ids, each with a policy: what URLs that it signs may ask for (signing.md)." placeholder:"{ID: {key: HEX, salt: HEX, ...}, ...}" group:"Signing" reload:"yes"`
}

// AccessKey is a key with its policy, an entry of AccessKeys. A list that is nil, a pointer that is nil and
// a number that is 0 set no limit.
type AccessKey struct {
	// Key and Salt are in hexadecimal.
	Key  Secret `yaml:"key"`
	Salt Secret `yaml:"salt"`
	// Sources are rules as in --allow-sources; Options and Presets are names.
	Sources []string `yaml:"sources"`
	Options []string `yaml:"options"`
	Presets []string `yaml:"presets"`
	// MaxWidth, MaxHeight and MaxSide are of results, in pixels, MaxPixels is their product.
	MaxWidth  int    `yaml:"max-width"`
	MaxHeight int    `yaml:"max-height"`
	MaxSide   int    `yaml:"max-side"`
	MaxPixels Pixels `yaml:"max-pixels"`
	// Expiry says that a URL must have an expiry time, MaxLifetime how far ahead that may be.
	Expiry      bool          `yaml:"expiry"`
	MaxLifetime time.Duration `yaml:"max-lifetime"`
	// Misses are fills a second, MissBurst is how many may come at once after a pause; 0 for the misses of
	// ten seconds.
	Misses    *float64 `yaml:"misses-per-second"`
	MissBurst int      `yaml:"misses-burst"`
	Revoked   bool     `yaml:"revoked"`
}

const accessFlag = "--access-keys"

// burstSeconds is how long a pause fills the burst of misses that is not set.
const burstSeconds = 10

// AccessKeyList are the entries of AccessKeys, by their ids. The error joins everything that is wrong with
// them and shows no part of a key.
func (a *Access) AccessKeyList() (map[string]AccessKey, error) {
	all, err := readTable[AccessKey](accessFlag, a.AccessKeys)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		k := all[id]
		_, err := k.Pair()
		if err = errors.Join(err, k.findProblem()); err != nil {
			problems = append(problems, fmt.Errorf("%s: entry %q: %w", accessFlag, id, err))
		}
	}
	return all, errors.Join(problems...)
}

// Pair decodes key and salt.
func (k *AccessKey) Pair() (pair KeyPair, err error) {
	if k.Key == "" || k.Salt == "" {
		return pair, errors.New("it needs a key and a salt (or key-file and salt-file): " +
			"`pictor keys --id ID` prints both")
	}
	var notKey, notSalt error
	pair.Key, notKey = hex.DecodeString(string(k.Key))
	pair.Salt, notSalt = hex.DecodeString(string(k.Salt))
	if notKey != nil || notSalt != nil {
		return KeyPair{}, errors.New("its key or salt is not hexadecimal: `pictor keys --id ID` prints a fresh pair")
	}
	return pair, nil
}

// findProblem says what is wrong with the policy.
func (k *AccessKey) findProblem() error {
	for name, side := range map[string]int{"max-width": k.MaxWidth, "max-height": k.MaxHeight, "max-side": k.MaxSide} {
		if side < 0 || side > maxSide {
			return fmt.Errorf("%s is %d: set it to 1 to %d", name, side, maxSide)
		}
	}
	switch {
	case k.MaxLifetime < 0 || k.MaxLifetime > 0 && k.MaxLifetime < time.Second:
		return fmt.Errorf("max-lifetime is %v: set it to a second or more, like 24h", k.MaxLifetime)
	case k.Misses == nil && k.MissBurst != 0:
		return errors.New("misses-burst has no effect without misses-per-second")
	case k.Misses != nil && (!(*k.Misses > 0) || math.IsInf(*k.Misses, 0)):
		return errors.New("misses-per-second must be more than 0, like 5 or 0.5 (revoked: true refuses everything)")
	case k.MissBurst < 0:
		return errors.New("misses-burst must be 1 or more")
	}
	return nil
}

// MissRate is how many fills a second are allowed, and how many at once after a pause; 0 for any number.
func (k *AccessKey) MissRate() (perSecond, burst float64) {
	if k.Misses == nil {
		return 0, 0
	}
	burst = float64(k.MissBurst)
	if burst == 0 {
		burst = max(1, math.Ceil(*k.Misses*burstSeconds))
	}
	return *k.Misses, burst
}

// accessWarnings are sentences on keys that work but are weak.
func (a *Access) accessWarnings() (warnings []string) {
	all, _ := a.AccessKeyList()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		k := all[id]
		if pair, err := k.Pair(); err == nil && len(pair.Key) < recommendedKey {
			warnings = append(warnings, fmt.Sprintf("access key %s is only %d bytes long: "+
				"`pictor keys --id %s` prints a fresh pair", id, len(pair.Key), id))
		}
	}
	return warnings
}
