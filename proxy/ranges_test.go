package proxy

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// rangesOf is n ranges of so many bytes each, with a byte between each two.
func rangesOf(n, bytes int) string {
	var specs []string
	for i := range n {
		specs = append(specs, fmt.Sprintf("%d-%d", i*(bytes+1), i*(bytes+1)+bytes-1))
	}
	return "bytes=" + strings.Join(specs, ",")
}

// Several ranges are answered in parts, and whole where there are too many, or
// where the parts would be more than the image (RFC 9110 §14.2).
func TestManyRangesAreAnsweredWhole(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Transformer = &huge{bytes: 1 << 20} })
	_, body := r.must(r.path("w:1"))
	size := len(body)
	for name, tc := range map[string]struct {
		ranges string
		status int
		parts  int // 0 for a body without parts
	}{
		"one":                        {"bytes=0-9", 206, 0},
		"one of all":                 {"bytes=0-", 206, 0},
		"two":                        {rangesOf(2, 1000), 206, 2},
		"as many as may be":          {rangesOf(16, 10), 206, 16},
		"one more":                   {rangesOf(17, 10), 200, 0},
		"1770":                       {rangesOf(1770, 1), 200, 0},
		"16 and empty elements":      {rangesOf(16, 10) + strings.Repeat(", ,", 100), 206, 16},
		"the same twice":             {"bytes=0-9,0-9", 200, 0},
		"overlapping by a byte":      {"bytes=0-9,9-19", 200, 0},
		"beside each other":          {"bytes=0-9,10-19", 206, 2},
		"overlapping suffixes":       {"bytes=-10,-5", 200, 0},
		"a suffix of all":            {"bytes=-99999999,5-6", 200, 0},
		"open ends":                  {"bytes=5-,9-", 200, 0},
		"in reverse order":           {"bytes=100-109,0-9", 206, 2},
		"all of it in halves":        {fmt.Sprintf("bytes=0-%d,%d-", size/2-1, size/2), 200, 0},
		"nearly all of it in halves": {fmt.Sprintf("bytes=0-%d,%d-", size/2-401, size/2), 206, 2},
		"one beyond the end":         {fmt.Sprintf("bytes=0-9,%d-", size), 206, 0},
		"all beyond the end":         {fmt.Sprintf("bytes=%d-,%d-", size, size+5), 416, 0},
		"none":                       {"bytes=", 200, 0},
		"no range":                   {"bytes=0-9,x", 416, 0},
		"too large a number":         {"bytes=0-99999999999999999999", 416, 0},
		"backwards":                  {"bytes=9-0", 416, 0},
		"a huge last byte":           {"bytes=0-9223372036854775807", 206, 0},
		"17 of them no ranges":       {"bytes=" + strings.Repeat("x,", 17), 416, 0},
	} {
		resp, got := r.must(r.path("w:1"), "Range", tc.ranges)
		kind, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		parts := 0
		if kind == "multipart/byteranges" {
			for m := multipart.NewReader(strings.NewReader(got), params["boundary"]); ; parts++ {
				p, err := m.NextPart()
				if err != nil {
					break
				}
				io.Copy(io.Discard, p)
			}
		}
		if resp.StatusCode != tc.status || parts != tc.parts ||
			resp.StatusCode == 200 && got != body || len(got) > size {
			t.Errorf("%s: %d with %d bytes in %d parts", name, resp.StatusCode, len(got), parts)
		}
	}
}

// The parts of a small image would be larger than it is.
func TestRangesOfASmallImage(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Transformer = &huge{bytes: 1000} })
	for n, status := range map[int]int{1: 206, 2: 206, 5: 206, 6: 200, 16: 200} {
		if resp, got := r.must(r.path("w:1"), "Range", rangesOf(n, 1)); resp.StatusCode != status {
			t.Errorf("%d ranges: %d with %d bytes", n, resp.StatusCode, len(got))
		}
	}
}

// What is not ignored the standard library understands as we do: it sends no
// more parts than may be, and not much more than the image.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"0-9", "-5", "5-", "0-0,2-2", "0-9,5-14", " 1 - 2 ,", "x", "9-0"} {
		f.Add(s, 1000)
	}
	f.Add(strings.Repeat("0-0,", 20), 1000)
	f.Fuzz(func(t *testing.T, list string, size int) {
		if size < 1 || size > 1<<16 {
			t.Skip()
		}
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header["Range"] = []string{"bytes=" + list}
		ignoreRange(req, int64(size))
		w := httptest.NewRecorder()
		http.ServeContent(w, req, "a.png", time.Time{}, strings.NewReader(strings.Repeat("x", size)))
		if w.Code == http.StatusOK && w.Body.Len() != size {
			t.Errorf("%q of %d: 200 with %d bytes", list, size, w.Body.Len())
		}
		if n := strings.Count(w.Body.String(), "Content-Range:"); n > maxRanges || w.Body.Len() > 2*size+1000 {
			t.Errorf("%q of %d: %d parts, %d bytes", list, size, n, w.Body.Len())
		}
	})
}
