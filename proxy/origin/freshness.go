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
	// Explicit says that the origin said anything about it.
	Explicit bool
	// TTL is what is left of the lifetime, never negative.
	TTL time.Duration
	// NoStore forbids a shared cache to keep the answer.
	NoStore bool
}

// freshness reads s-maxage, max-age and Expires, in this order of precedence.
// An Age is subtracted. no-cache is a lifetime of zero.
func freshness(h http.Header, now time.Time) Freshness {
	d := directives(h.Values("Cache-Control"))
	var f Freshness
	_, noStore := d["no-store"]
	_, private := d["private"]
	f.NoStore = noStore || private
	lifetime, ok := time.Duration(0), false
	if _, noCache := d["no-cache"]; noCache {
		ok = true
	} else if v, there := d["s-maxage"]; there {
		lifetime, ok = seconds(v), true
	} else if v, there := d["max-age"]; there {
		lifetime, ok = seconds(v), true
	} else if v := h.Get("Expires"); v != "" {
		// An invalid date means "already expired" (RFC 9111 §5.3).
		ok = true
		if t, err := http.ParseTime(v); err == nil {
			lifetime = t.Sub(date(h, now))
		}
	}
	f.Explicit = ok
	f.TTL = max(0, lifetime-seconds(h.Get("Age")))
	return f
}

func date(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// directives splits Cache-Control. The first of two equal names counts
// (RFC 9111 §4.2.1 lets a cache choose so).
func directives(lines []string) map[string]string {
	d := map[string]string{}
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(part, "=")
			name = strings.ToLower(strings.TrimSpace(name))
			if _, there := d[name]; !there && name != "" {
				d[name] = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return d
}

// seconds reads delta-seconds (RFC 9111 §1.2.2): what is too large saturates,
// what is no number is 0.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	const most = uint64(math.MaxInt64 / int64(time.Second))
	switch {
	case err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()):
		return 0
	case err != nil || n > most:
		return time.Duration(most) * time.Second
	}
	return time.Duration(n) * time.Second
}
