package proxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Rules are what requests are read and judged by, and what Reload changes.
type Rules struct {
	Keyring *signedurl.Keyring
	// Dialect parses paths; nil for the native grammar without changes.
	Dialect *signedurl.Dialect
	// Unsigned is what paths without a signature may ask for; nil for nothing.
	Unsigned *UnsignedAccess
	// AccessKeys are the policies of keys of the Keyring, by their IDs.
	AccessKeys map[string]AccessPolicy
	// Mounts are further dialects, each at paths of its own, which come before all others.
	Mounts []Mount
}

// ReloadAnswer is what POST /reload answers: the settings in force are those that were read.
type ReloadAnswer struct {
	// Changed are names of settings that are in force now and were not before.
	Changed []string `json:"changed"`
	// Restart are names of settings that differ from those in force, and need a restart.
	Restart []string `json:"restart"`
}

// rulesInForce are Rules and RuntimeConfig as requests use them. They never change: Reload puts others in their place,
// and a request is read by one of them.
type rulesInForce struct {
	Rules
	RuntimeConfig
	keys map[string]*accessKey
	// generation counts reloads.
	generation uint64
}

// newRules prepares rules and settings that follow others; nil for the first ones.
func newRules(r Rules, set RuntimeConfig, before *rulesInForce, now time.Time) (*rulesInForce, error) {
	if r.Keyring == nil || set.Origin == nil {
		return nil, errors.New("proxy: rules need a keyring, and a fetcher of sources")
	}
	thumborPath := ""
	if set.Thumbor != nil {
		thumborPath = set.ThumborPath
	}
	if err := CheckMounts(r.Mounts, set.PathPrefix, thumborPath); err != nil {
		return nil, err
	}
	if r.Dialect == nil {
		r.Dialect = &signedurl.Dialect{}
	}
	next := &rulesInForce{Rules: r, RuntimeConfig: set.withDefaults(), generation: 1}
	next.keys = map[string]*accessKey{}
	for id, policy := range r.AccessKeys {
		if r.Keyring.Only(id) == nil {
			return nil, fmt.Errorf("proxy: there is no key %s", id)
		}
		dialect, err := r.Dialect.Within(policy.Scope)
		if err != nil {
			return nil, fmt.Errorf("access key %s: %w", id, err)
		}
		next.keys[id] = &accessKey{id: id, policy: policy, dialect: dialect, state: &keyState{}}
	}
	if before != nil {
		next.generation = before.generation + 1
		for id, k := range before.keys {
			if same := next.keys[id]; same != nil {
				same.state = k.state
			}
		}
	}
	for _, k := range next.keys {
		k.state.setRate(rate{burst: k.policy.MissBurst, perSecond: k.policy.MissesPerSecond}, now)
	}
	return next, nil
}

// readBy says by what a request was read.
type readBy struct {
	// generation is that of the rules.
	generation uint64
	// key signed the URL; nil for a key without a policy.
	key *accessKey
}

// reading is a request that was read.
type reading struct {
	signedurl.Request
	readBy
	// dialect is the one that the request turned out to be of; "" where its path says so.
	dialect string
}

// parse reads a path, and what a client picks of its lists, by the dialect of its key.
func (r *rulesInForce) parse(v signedurl.Verified, choice signedurl.Choice) (read reading, err error) {
	key, dialect, err := r.keyOf(v)
	read.key = key
	if err == nil {
		read.Request, err = dialect.ParseChoice(v, choice)
	}
	return read, err
}

// parseInfo reads a path of facts by the dialect of its key.
func (r *rulesInForce) parseInfo(v signedurl.Verified) (read reading, err error) {
	key, dialect, err := r.keyOf(v)
	read.key = key
	if err == nil {
		read.Request, err = dialect.ParseInfo(v)
	}
	return read, err
}

// keyOf is the key of a path, nil for one without a policy, and the dialect that reads its paths. It refuses a
// key that is revoked.
func (r *rulesInForce) keyOf(v signedurl.Verified) (*accessKey, *signedurl.Dialect, error) {
	k := r.keys[v.KeyID()]
	switch {
	case k == nil:
		return nil, r.Dialect, nil
	case k.policy.Revoked:
		return k, nil, ErrKeyRevoked
	}
	return k, k.dialect, nil
}
