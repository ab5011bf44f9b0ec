package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// readRules reads what requests are judged by.
func readRules(cfg *config.Serve) (r proxy.Rules, err error) {
	if r.Keyring, err = serveKeyring(cfg); err != nil {
		return r, err
	}
	if r.Dialect, err = newDialect(&cfg.URLs); err != nil {
		return r, err
	}
	if r.Unsigned, err = unsignedAccess(&cfg.Unsigned, r.Dialect); err != nil {
		return r, err
	}
	r.AccessKeys, err = accessPolicies(&cfg.Access, r.Dialect)
	return r, err
}

// errNoKey: a command needs a key, and there is none.
var errNoKey = errors.New("no signing key: set --key and --salt, or PICTOR_KEY and PICTOR_SALT (run `pictor keys` " +
	"for a fresh pair)")

// newKeyring makes the ring of the configured keys.
func newKeyring(k config.Keys, access config.Access, trusted []string, insecure bool) (*signedurl.Keyring, error) {
	pairs, err := k.Pairs()
	if err != nil {
		return nil, config.Invalid(err)
	}
	cfg := signedurl.Config{Size: k.SignatureSize, Insecure: insecure, Trusted: trusted}
	for _, p := range pairs {
		cfg.Pairs = append(cfg.Pairs, signedurl.Pair{Key: p.Key, Salt: p.Salt})
	}
	return ringWith(cfg, access)
}

// ringWith adds the access keys to the keys of a ring. Those that are not revoked come first, as the first
// one signs where there is no other.
func ringWith(cfg signedurl.Config, access config.Access) (*signedurl.Keyring, error) {
	all, err := access.AccessKeyList()
	if err != nil {
		return nil, config.Invalid(err)
	}
	var revoked []signedurl.NamedKey
	for _, id := range slices.Sorted(maps.Keys(all)) {
		k := all[id]
		pair, err := k.Pair()
		if err != nil {
			return nil, config.Invalid(err)
		}
		named := signedurl.NamedKey{ID: id, Pair: signedurl.Pair{Key: pair.Key, Salt: pair.Salt}}
		if k.Revoked {
			revoked = append(revoked, named)
		} else {
			cfg.Named = append(cfg.Named, named)
		}
	}
	cfg.Named = append(cfg.Named, revoked...)
	if len(cfg.Pairs)+len(cfg.Named) == 0 && !cfg.Insecure {
		return nil, config.Invalid(errNoKey)
	}
	ring, err := signedurl.New(cfg)
	if err != nil && len(cfg.Named) > 0 {
		err = fmt.Errorf("--access-keys: %w", err)
	}
	return ring, config.Invalid(err)
}

// temporaryPair is the key of development, which is gone with the process.
var temporaryPair = sync.OnceValue(func() signedurl.Pair {
	return signedurl.Pair{Key: randomBytes(), Salt: randomBytes()}
})

// serveKeyring is the configured ring; in development one with a temporary key, where none is configured.
func serveKeyring(cfg *config.Serve) (*signedurl.Keyring, error) {
	if cfg.Dev && cfg.Key == "" {
		return ringWith(signedurl.Config{Pairs: []signedurl.Pair{temporaryPair()}, Insecure: cfg.Insecure,
			Trusted: cfg.Trusted()}, cfg.Access)
	}
	return newKeyring(cfg.Keys, cfg.Access, cfg.Trusted(), cfg.Insecure)
}

// accessPolicies reads the policies of access keys, by their ids, and checks them against the dialect.
func accessPolicies(cfg *config.Access, dialect *signedurl.Dialect) (map[string]proxy.AccessPolicy, error) {
	all, err := cfg.AccessKeyList()
	if err != nil {
		return nil, err
	}
	policies := map[string]proxy.AccessPolicy{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		k := all[id]
		flag := fmt.Sprintf("--access-keys: entry %q", id)
		p := proxy.AccessPolicy{
			Revoked: k.Revoked, Scope: signedurl.Scope{Options: k.Options, Presets: k.Presets},
			MaxWidth: k.MaxWidth, MaxHeight: k.MaxHeight, MaxSide: k.MaxSide, MaxPixels: int64(k.MaxPixels),
			Expiry: k.Expiry, MaxLifetime: k.MaxLifetime,
		}
		p.MissesPerSecond, p.MissBurst = k.MissRate()
		if p.Sources, err = sourceRules(flag+": sources", k.Sources); err != nil {
			return nil, err
		}
		if k.Sources != nil && p.Sources == nil {
			p.Sources = []origin.SourceRule{}
		}
		if _, err := dialect.Within(p.Scope); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		policies[id] = p
	}
	return policies, nil
}
