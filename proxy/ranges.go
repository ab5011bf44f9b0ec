package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	// maxRanges is how many ranges of an image a request may ask for.
	maxRanges = 16
	// partHeader is what stands before each part of a response of several ranges:
	// a boundary, the part's type and its place, and a share of the end.
	partHeader = 192
)

// ignoreRange takes ranges off a request that get the whole image instead
// (RFC 9110 §14.2): of another method or in a unit that is not known; too many
// of them; some that overlap; and small ones whose headers would make the
// response larger than the image. Otherwise a short request could get many times
// the image.
func ignoreRange(r *http.Request, size int64) {
	list, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if !ok || r.Method != http.MethodGet || isWasteful(list, size) {
		r.Header.Del("Range")
	}
}

// wasteful says so of a list of ranges of size bytes. What is no range at all is
// left to be refused.
func isWasteful(list string, size int64) bool {
	var ranges [maxRanges][2]int64 // the first byte, and the one behind the last
	n, sum := 0, int64(0)
	for spec := range strings.SplitSeq(list, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		if n == maxRanges {
			return true
		}
		from, to, ok := rangeBounds(spec, size)
		if !ok {
			return false
		}
		for _, other := range ranges[:n] {
			if from < other[1] && other[0] < to {
				return true
			}
		}
		ranges[n] = [2]int64{from, to}
		n, sum = n+1, sum+to-from
	}
	return n > 1 && sum+int64(n)*partHeader > size
}

// bounds is the range of one spec (RFC 9110 §14.1.1); it is empty where nothing
// of it is there.
func rangeBounds(spec string, size int64) (from, to int64, ok bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return 0, 0, false
	}
	number := func(s string) int64 {
		s = strings.Trim(s, " \t")
		n, err := strconv.ParseUint(s, 10, 63)
		ok = ok && err == nil
		return int64(n)
	}
	if strings.Trim(first, " \t") == "" {
		return max(size-number(last), 0), size, ok
	}
	if from, to = number(first), size; strings.Trim(last, " \t") != "" {
		n := number(last)
		ok = ok && n >= from
		to = min(n, size-1) + 1
	}
	return min(from, size), max(to, min(from, size)), ok
}
