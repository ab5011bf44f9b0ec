package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// tierOf is the tier that had the entry; "none" where the entry has just been made, or
// revalidated at its origin. The bucket is asked by a fill, of which the outcome tells.
func tierOf(e *cache.Entry, outcome cache.Outcome) string {
	switch outcome {
	case cache.Hit, cache.Stale, cache.StaleError:
		if e.InFile() {
			return "disk"
		}
		return "memory"
	case cache.Miss, cache.Expired:
		if e.FromBucket() {
			return "bucket"
		}
	}
	return "none"
}

// inDoubt is a word in the detail of Cache-Status: the server has not heard of purges for too long.
const inDoubt = "purge-bus-silent"

// cacheStatus is the Cache-Status header: what the cache did, and the tier of the entry
// (RFC 9211). doubt says that purges are in doubt.
func cacheStatus(e *cache.Entry, outcome cache.Outcome, now time.Time, doubt bool) string {
	tier := tierOf(e, outcome)
	if doubt {
		tier += ", " + inDoubt
	}
	ttl := "; ttl=" + strconv.FormatInt(int64(e.Expires.Sub(now)/time.Second), 10)
	status := "pictor; "
	switch outcome {
	case cache.Hit:
		if doubt {
			tier = strconv.Quote(tier)
		}
		return status + "hit" + ttl + "; detail=" + tier
	case cache.Stale:
		return status + "hit" + ttl + `; detail="` + tier + `, stale-while-revalidate"`
	case cache.StaleError:
		return status + "hit" + ttl + `; detail="` + tier + `, stale-if-error"`
	case cache.Collapsed:
		return status + "fwd=uri-miss; collapsed"
	case cache.Bypassed:
		if doubt {
			return status + "fwd=bypass; detail=" + inDoubt
		}
		return status + "fwd=bypass; detail=hit-for-miss"
	case cache.Miss, cache.Expired:
		if tier == "bucket" {
			return status + "hit" + ttl + "; detail=bucket"
		}
	}
	switch outcome {
	case cache.Expired:
		status += "fwd=stale"
	default:
		status += "fwd=uri-miss"
	}
	if !e.NoStore {
		status += "; stored"
	}
	if doubt {
		status += "; detail=" + inDoubt
	}
	return status
}

// withDetail adds words to the detail of a Cache-Status header; "" adds nothing.
func withDetail(status, words string) string {
	if words == "" {
		return status
	}
	status, detail, ok := strings.Cut(status, "; detail=")
	if ok {
		words = strings.Trim(detail, `"`) + ", " + words
	}
	return status + "; detail=" + strconv.Quote(words)
}
