package origin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// stores are the schemes of objects.
var stores = []string{"s3", "gs", "abs"}

// maxKey bounds key and version of an object, in bytes: no store has longer ones.
const maxKey = 1024

// parseObject reads what is behind the colon of an object's source. The key is taken as it is: what was
// percent-encoded in the outer URL is decoded by now. What is behind a question mark is the version.
func parseObject(store, rest string) (o Object, err error) {
	rest, ok := strings.CutPrefix(rest, "//")
	bucket, path, _ := strings.Cut(rest, "/")
	key, version, _ := strings.Cut(path, "?")
	version = withoutVersionName(version)
	o = Object{Store: store, Bucket: bucket, Key: strings.TrimLeft(key, "/"), Version: version}
	unfit := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
	switch {
	case !ok || !isBucket(o.Bucket) || o.Key == "":
		return Object{}, fmt.Errorf("%w: the source must look like %s://bucket/path/to/object", ErrBadSource, store)
	case len(o.Key) > maxKey || strings.ContainsFunc(o.Key, unfit) || hasDots(o.Key):
		return Object{}, fmt.Errorf("%w: the key of an object is UTF-8, at most %d bytes, without control characters "+
			"and without . and .. segments", ErrBadSource, maxKey)
	case len(o.Version) > maxKey || strings.ContainsFunc(o.Version, unfit) || strings.ContainsAny(o.Version, " ?&#/"),
		withoutVersionName(o.Version) != o.Version:
		return Object{}, fmt.Errorf("%w: behind the ? of the source there must be the version of the object",
			ErrBadSource)
	}
	return o, nil
}

// withoutVersionName is a version without the name that the stores' own URLs have before it.
func withoutVersionName(version string) string {
	for _, name := range []string{"versionId=", "versionid=", "generation="} {
		if bare, ok := strings.CutPrefix(version, name); ok {
			return bare
		}
	}
	return version
}

// isBucket says whether a bucket may have a name: all stores' names are of these characters. A name becomes a
// part of a host's name or of a path, which it must not leave.
func isBucket(name string) bool {
	const special = "-_.$"
	if name == "" || len(name) > 222 || strings.Contains(name, "..") || strings.ContainsAny(name[:1], "-_.") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		l := r | 0x20
		return !('a' <= l && l <= 'z' && r < 0x80 || '0' <= r && r <= '9' || strings.ContainsRune(special, r))
	})
}

// hasDots says whether a key has segments that a server may take for others.
func hasDots(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// identity is the one spelling of the sources that are the object.
func (o Object) identity() string {
	id := o.Store + "://" + o.Bucket + "/" + o.Key
	if o.Version != "" {
		id += "?" + o.Version
	}
	return id
}

// site is where the circuit breaker counts the object: its bucket is the host.
func (o Object) site() *url.URL {
	return &url.URL{Scheme: o.Store, Host: o.Bucket, Path: "/" + o.Key, RawQuery: o.Version}
}

// covers says whether an account is for an object.
func (a *Account) covers(o Object) bool {
	return a.Store == o.Store && (a.Bucket == AnyBucket || a.Bucket == o.Bucket) && strings.HasPrefix(o.Key, a.Prefix)
}

// accounts are Config.Accounts.
type accounts []Account

// accountOf is the account that an object is read with, nil for none.
func (all accounts) accountOf(o Object) *Account {
	var best *Account
	for i := range all {
		a := &all[i]
		if !a.covers(o) {
			continue
		}
		named, before := a.Bucket != AnyBucket, best != nil && best.Bucket != AnyBucket
		if best == nil || named && !before || named == before && len(a.Prefix) > len(best.Prefix) {
			best = a
		}
	}
	return best
}

// check refuses accounts that no object could have, and several for the same objects.
func (all accounts) check() error {
	seen := map[[3]string]string{}
	for _, a := range all {
		place := [3]string{a.Store, a.Bucket, a.Prefix}
		switch {
		case !slices.Contains(stores, a.Store):
			return fmt.Errorf("account %q: its store is %q and must be s3, gs or abs", a.Name, a.Store)
		case a.Bucket != AnyBucket && !isBucket(a.Bucket):
			return fmt.Errorf("account %q: its bucket is %q and must be the name of one, or * for all", a.Name,
				a.Bucket)
		case seen[place] != "":
			return fmt.Errorf("accounts %q and %q are for the same bucket and prefix", seen[place], a.Name)
		}
		seen[place] = a.Name
	}
	return nil
}

var errNoAccount = fmt.Errorf("%w: no account of --accounts is for this bucket and key", ErrSourceNotAllowed)

// hasStore says whether there is an account of a store.
func (all accounts) hasStore(store string) bool {
	return slices.ContainsFunc(all, func(a Account) bool { return a.Store == store })
}

// readObject is parseObject of an object that an account is for.
func (all accounts) readObject(store, rest string) (Object, error) {
	if !all.hasStore(store) {
		return Object{}, errNoAccount
	}
	o, err := parseObject(store, rest)
	if err == nil && all.accountOf(o) == nil {
		err = errNoAccount
	}
	return o, err
}

// prefixObject is what the identities of all objects begin with whose sources begin with a text.
func (all accounts) prefixObject(store, rest string) (string, error) {
	if !all.hasStore(store) {
		return "", errNoAccount
	}
	path, ok := strings.CutPrefix(rest, "//")
	bucket, key, inBucket := strings.Cut(path, "/")
	if !ok || !inBucket || !isBucket(bucket) || strings.HasPrefix(key, "/") {
		return "", fmt.Errorf("%w: it must begin with %s://bucket/", ErrBadSource, store)
	}
	return store + "://" + bucket + "/" + key, nil
}
