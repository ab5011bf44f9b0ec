package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Conditions and ranges, each with the section of RFC 9110 that rules it.
func TestConditionsAndRanges(t *testing.T) {
	r := newRig(t, nil)
	modified := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	r.header.Set("Last-Modified", modified.Format(http.TimeFormat))
	first, body := r.must(r.path("w:100"))
	etag, size := first.Header.Get("Etag"), len(body)
	before, after := modified.Add(-time.Minute).Format(http.TimeFormat),
		modified.Add(time.Minute).Format(http.TimeFormat)
	for _, tc := range []struct {
		section string
		header  []string
		status  int
		body    string
	}{
		{"13.1.2 the tag", []string{"If-None-Match", etag}, 304, ""},
		{"13.1.2 weak comparison", []string{"If-None-Match", "W/" + etag}, 304, ""},
		{"13.1.2 a list", []string{"If-None-Match", `"x", W/"y", ` + etag}, 304, ""},
		{"13.1.2 any", []string{"If-None-Match", "*"}, 304, ""},
		{"13.1.2 another", []string{"If-None-Match", `"x"`}, 200, body},
		{"13.1.3 not modified since", []string{"If-Modified-Since", after}, 304, ""},
		{"13.1.3 modified since", []string{"If-Modified-Since", before}, 200, body},
		{"13.1.3 no date", []string{"If-Modified-Since", "yesterday"}, 200, body},
		{"13.2.2 the tag goes first", []string{"If-None-Match", `"x"`, "If-Modified-Since", after}, 200, body},
		{"13.1.1 a tag that is not ours", []string{"If-Match", `"x"`}, 412, ""},
		{"14.1.2 the first bytes", []string{"Range", "bytes=0-9"}, 206, body[:10]},
		{"14.1.2 the last bytes", []string{"Range", "bytes=-10"}, 206, body[size-10:]},
		{"14.1.2 from a byte on", []string{"Range", "bytes=10-"}, 206, body[10:]},
		{"14.1.2 behind the end", []string{"Range", "bytes=1000000-"}, 416, "-"},
		{"14.2 another unit is ignored", []string{"Range", "pixels=0-9"}, 200, body},
		{"13.1.5 the same tag", []string{"Range", "bytes=0-9", "If-Range", etag}, 206, body[:10]},
		{"13.1.5 another tag", []string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, body},
		{"13.1.5 a weak tag never", []string{"Range", "bytes=0-9", "If-Range", "W/" + etag}, 200, body},
		{"13.1.5 the date", []string{"Range", "bytes=0-9", "If-Range", modified.Format(http.TimeFormat)}, 206, body[:10]},
		{"13.2.2 a condition before a range", []string{"Range", "bytes=0-9", "If-None-Match", etag}, 304, ""},
	} {
		resp, got := r.must(r.path("w:100"), tc.header...)
		if resp.StatusCode != tc.status || tc.body != "-" && got != tc.body {
			t.Errorf("%s: %d with %d bytes, want %d with %d", tc.section, resp.StatusCode, len(got), tc.status,
				len(tc.body))
		}
		switch resp.StatusCode {
		case 200, 206, 304:
			if resp.Header.Get("Etag") != etag || !strings.HasPrefix(resp.Header.Get("Cache-Control"), "public") {
				t.Errorf("%s: %v", tc.section, resp.Header)
			}
		case 412, 416:
			if resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s may be cached: %v", tc.section, resp.Header)
			}
		}
	}
	if first.Header.Get("Accept-Ranges") != "bytes" {
		t.Error("14.3 ranges are not offered")
	}
	head, err := r.Client().Head(r.URL + r.path("w:100"))
	if err != nil || head.ContentLength != int64(size) || head.Header.Get("Etag") != etag {
		t.Errorf("9.3.2 HEAD: %v, %v", head, err)
	}
	req, err := http.NewRequest(http.MethodHead, r.URL+r.path("w:100"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=0-9")
	if head, err = r.Client().Do(req); err != nil || head.StatusCode != 200 || head.ContentLength != int64(size) {
		t.Errorf("14.2 a range is of a GET alone: %v, %v", head, err)
	}
	if n := r.painter.results.Load(); n != 1 {
		t.Errorf("%d jobs", n)
	}
}
