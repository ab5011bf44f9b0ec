package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	// maxRanges is how many ranges a request may have.
	maxRanges = 16
	// partHeader is the overhead of each part in a response with several ranges: the
	// boundary, the headers of the part, and its share of the last boundary.
	partHeader = 192
)

// ignoreRange removes the Range header of a request that gets the whole image instead
// (RFC 9110 §14.2): with another method or an unknown unit, with too many ranges, with
// ranges that overlap, and with ranges so small that the headers of the parts would make the
// response larger than the image. Otherwise the response to a short request could be many
// times as large as the image.
func ignoreRange(r *http.Request, size int64) {
	list, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if !ok || r.Method != http.MethodGet || isWasteful(list, size) {
		r.Header.Del("Range")
	}
}

// isWasteful reports whether ranges of a content of size bytes are too many, overlap, or
// take more than the whole. It is false for a list with a syntax error, which the standard
// library refuses.
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

// rangeBounds reads one range (RFC 9110 §14.1.1). A range outside of the content is empty.
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
