package origin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// wholeSize gives the size of a source that a successful response has in whole, -1
// where the size is not declared. The error says why the body is not the whole source.
// A 203 is a 200 that a proxy has changed (RFC 9110 §15.3.4). Some origins send a 206
// with all bytes to a request without a range; no other success has the source.
func wholeSize(resp *http.Response) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		return resp.ContentLength, nil
	case http.StatusPartialContent:
		size, ok := completeRange(resp.Header["Content-Range"])
		if ok && (resp.ContentLength < 0 || resp.ContentLength == size) {
			return size, nil
		}
		err := fmt.Errorf("%w: the origin sent a part of the source (206 Partial Content) although all of it was "+
			"asked for; it should send a 200", ErrPartial)
		return 0, newFailure(err, strings.Join(resp.Header["Content-Range"], ", "))
	}
	// Of the status only the number is the origin's.
	name := strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode)))
	return 0, fmt.Errorf("%w: the origin sent %s instead of the source; it should send a 200", ErrPartial, name)
}

// completeRange reads a Content-Range (RFC 9110 §14.4) for the size of a source
// of which it has all bytes.
func completeRange(lines []string) (size int64, ok bool) {
	if len(lines) != 1 {
		return 0, false
	}
	unit, text, _ := strings.Cut(strings.Trim(lines[0], " \t"), " ")
	span, all, _ := strings.Cut(text, "/")
	first, last, _ := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || strings.Trim(first+last+all, "0123456789") != "" {
		return 0, false // ParseInt takes signs, too
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	size, err3 := strconv.ParseInt(all, 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || from != 0 || to != size-1 {
		return 0, false
	}
	return size, true
}
