package origin

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Freshness is how long an origin lets a shared cache keep an answer
// (RFC 9111 §4.2.1).
type Freshness struct {
	// Explicit says that the origin gave a lifetime, be it 0.
	Explicit bool
	// TTL is the rest of the lifetime, in whole seconds, never negative; 0
	// where there is none.
	TTL time.Duration
	// ByDefault says that the lifetime is the cache's own default at most, since
	// of several answers on the way to a source one gave none.
	ByDefault bool `json:",omitempty"`
	// NoStore forbids a shared cache to keep the answer, whatever its lifetime.
	NoStore bool
	// StaleWhile and StaleError are for how long after its lifetime an answer
	// may still be served while it is revalidated, and where that fails
	// (RFC 5861 §3 and §4).
	StaleWhile, StaleError Window
}

// Window is a time after the end of a lifetime. Where nothing was said of it it
// is the cache's to choose.
type Window struct {
	Said bool
	For  time.Duration
}

// parseFreshness reads s-maxage, max-age and Expires, in this order of precedence.
// A lifetime that cannot be read is one of zero (RFC 9111 §4.2.1), and so is
// no-cache, with or without the names of fields, and Vary: * (§4.1). Of the age
// of a response only the Age header is subtracted: an origin whose Date
// is off would else be stale for ever.
func parseFreshness(h http.Header, now time.Time) Freshness {
	d := parseCacheControl(h["Cache-Control"])
	if strings.Contains(strings.Join(h["Vary"], ","), "*") {
		d["no-cache"] = ""
	}
	var f Freshness
	_, noStore := d["no-store"]
	_, private := d["private"]
	f.NoStore = noStore || private
	var lifetime time.Duration
	if _, noCache := d["no-cache"]; noCache {
		f.Explicit = true
	} else if v, there := d["s-maxage"]; there {
		lifetime, f.Explicit = deltaSeconds(v), true
	} else if v, there := d["max-age"]; there {
		lifetime, f.Explicit = deltaSeconds(v), true
	} else if v, there := h["Expires"]; there && len(v) > 0 {
		// A text that is no date means "already expired" (RFC 9111 §5.3).
		f.Explicit = true
		if t, err := http.ParseTime(v[0]); err == nil {
			lifetime = t.Sub(responseDate(h, now)).Truncate(time.Second)
		}
	}
	f.TTL = max(0, lifetime-responseAge(h))
	f.StaleWhile, f.StaleError = staleWindow(d, "stale-while-revalidate"), staleWindow(d, "stale-if-error")
	return f
}

// staleWindow reads a directive of RFC 5861. A response that must be revalidated has
// no such window, whatever else it says (RFC 9111 §5.2.2.2, §5.2.2.4 and §5.2.2.8); s-maxage
// means the same (§5.2.2.10), but allows a window that is given explicitly.
func staleWindow(d map[string]string, name string) Window {
	for _, never := range []string{"must-revalidate", "proxy-revalidate", "no-cache"} {
		if _, there := d[never]; there {
			return Window{Said: true}
		}
	}
	v, said := d[name]
	_, shared := d["s-maxage"]
	return Window{Said: said || shared, For: deltaSeconds(v)}
}

func responseDate(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// responseAge reads the Age header: the first of several values counts, and a value
// that is no number is ignored (RFC 9111 §5.1).
func responseAge(h http.Header) time.Duration {
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	return deltaSeconds(strings.TrimSpace(first))
}

// parseCacheControl reads Cache-Control (RFC 9111 §5.2). The first of two equal names
// counts, which §4.2.1 allows. A line does not run on into the next, so what is
// broken in one hides nothing in another.
func parseCacheControl(lines []string) map[string]string {
	d := map[string]string{}
	for _, line := range lines {
		for line != "" {
			var name, value string
			name, value, line = cutDirective(line)
			if _, there := d[name]; !there && name != "" {
				d[name] = value
			}
		}
	}
	return d
}

// cutDirective cuts the first directive off a line. Commas in a quoted value do
// not end it (RFC 9110 §5.6.4).
func cutDirective(line string) (name, value, rest string) {
	quoted, end := false, len(line)
scan:
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			end = i
			break scan
		}
	}
	if end < len(line) {
		rest = line[end+1:]
	}
	name, value, _ = strings.Cut(line[:end], "=")
	value = strings.TrimSpace(value)
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1] // a number has nothing to unescape
	}
	return strings.ToLower(strings.TrimSpace(name)), value, rest
}

// deltaSeconds reads delta-seconds (RFC 9111 §1.2.2). A number that is too large
// saturates, and a text that is no number is 0.
func deltaSeconds(s string) time.Duration {
	if strings.Trim(s, "0123456789") != "" {
		return 0
	}
	const most = math.MaxInt64 / uint64(time.Second)
	n, err := strconv.ParseUint(s, 10, 64)
	switch {
	case s == "":
		return 0
	case err != nil:
		n = most // out of range is all that can be wrong
	}
	return time.Duration(min(n, most)) * time.Second
}
