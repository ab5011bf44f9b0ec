package purge

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// maxValue bounds the value of a target, in bytes.
const maxValue = 8 << 10

// ErrBadTarget: a purge names what it cannot; the text says which and why.
var ErrBadTarget = errors.New("bad purge target")

// Kind is what a target names. The zero value names nothing: an empty Target
// must not purge all there is.
type Kind uint8

const (
	// All entries.
	All Kind = iota + 1
	// Host: entries with this among their hosts.
	Host
	// Prefix: entries whose source begins with it.
	Prefix
	// Source: entries of this very source.
	Source
	// Tag: entries with this among their tags.
	Tag
	// URL: the entry of this URL.
	URL

	// site is all sources with a scheme://host/, of which more prefixes were
	// purged than are kept. It has its place among the exact targets.
	site
	// digestLine and slotLine are lines of a snapshot, which knows digests and
	// not what they are of.
	digestLine
	slotLine
	// positionLine is how far the bus was read when a purge of it was applied.
	positionLine
)

// String is the kind as the JSON API and the log have it.
func (k Kind) String() string {
	names := [...]string{"none", "all", "host", "prefix", "source", "tag", "url", "site", "digest", "slot",
		"position"}
	return names[min(k, positionLine)]
}

// parseKind is the inverse of String, for kinds up to the last one; 0 for another text.
func parseKind(name string, last Kind) Kind {
	for k := All; k <= last; k++ {
		if k.String() == name {
			return k
		}
	}
	return 0
}

// Mode is what a purge leaves of an entry.
type Mode uint8

const (
	// Soft: the entry is stale.
	Soft Mode = iota
	// Hard: the entry is gone.
	Hard
)

// String is the mode as the JSON API and the log have it.
func (m Mode) String() string { return [...]string{"soft", "hard"}[min(m, Hard)] }

// parseMode is the inverse of String.
func parseMode(name string) (m Mode, ok bool) {
	switch name {
	case Soft.String():
		return Soft, true
	case Hard.String():
		return Hard, true
	}
	return 0, false
}

// Target is what a purge names. Values are compared byte by byte with those of
// a Scope: their canonical form is the caller's business.
type Target struct {
	Kind Kind
	// Value is empty for All, and 1 byte to 8 KiB without control characters
	// otherwise. A Prefix begins with scheme://host/ or with local:///.
	Value string
}

// Scope has the names by which an entry can be purged. An empty one is purged by All
// alone.
type Scope struct {
	URL, Source string
	Hosts       []string
	Tags        []string
}

// checkTargets finds what is wrong with a purge, as ErrBadTarget.
func checkTargets(mode Mode, targets []Target) error {
	if mode > Hard {
		return fmt.Errorf("%w: unknown mode %d", ErrBadTarget, mode)
	}
	if len(targets) == 0 {
		return fmt.Errorf("%w: no target given", ErrBadTarget)
	}
	for i, t := range targets {
		if why := t.invalidReason(); why != "" {
			return fmt.Errorf("%w: target %d: %s", ErrBadTarget, i+1, why)
		}
	}
	return nil
}

// invalidReason says what is wrong with a target; "" is nothing.
func (t Target) invalidReason() string {
	switch {
	case t.Kind < All || t.Kind > URL:
		return fmt.Sprintf("unknown kind %d", t.Kind)
	case t.Kind == All && t.Value != "":
		return "all takes no value"
	case t.Kind != All && t.Value == "":
		return t.Kind.String() + " without a value"
	case len(t.Value) > maxValue:
		return fmt.Sprintf("%s of more than %d bytes", t.Kind, maxValue)
	case strings.ContainsFunc(t.Value, unicode.IsControl):
		return t.Kind.String() + " with a control character"
	case t.Kind == Prefix && siteOf(t.Value) == "":
		return "prefix must begin with scheme://host/ or local:///"
	}
	return ""
}

// siteOf is the scheme://host/ that a URL begins with, or "". Whatever begins
// with a URL that has a site has the same one.
func siteOf(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	slash := strings.IndexByte(rest, '/')
	if slash < 0 || slash == 0 && scheme != "local" || scheme == "" || strings.ContainsFunc(scheme, notInScheme) {
		return ""
	}
	return url[:len(scheme)+len("://")+slash+1]
}

func notInScheme(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '-' && r != '.'
}
