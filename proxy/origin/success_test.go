package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answered is a success with a Content-Range, with its length and without.
func answered(w http.ResponseWriter, status int, ranges []string, body string, chunked bool) {
	w.Header()["Content-Range"] = ranges
	if !chunked {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(status)
	if chunked {
		w.(http.Flusher).Flush()
	}
	io.WriteString(w, body)
}

func TestEverySuccess(t *testing.T) {
	var status int
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusResetContent {
			io.WriteString(w, plain)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for status = 200; status < 300; status++ {
		body, _, err := fetch(t, f, url)
		switch {
		case status == http.StatusOK, status == http.StatusNonAuthoritativeInfo:
			if body != plain || err != nil {
				t.Errorf("%d: %q, %v", status, body, err)
			}
		case body != "" || !errors.Is(err, ErrPartial) || !strings.Contains(err.Error(), fmt.Sprint(status)):
			t.Errorf("%d: %q, %v", status, body, err)
		}
	}
}

func TestPartsThatNobodyAskedFor(t *testing.T) {
	all := fmt.Sprintf("bytes 0-%d/%d", len(plain)-1, len(plain))
	for _, tc := range []struct {
		name           string
		ranges         []string
		body           string
		unsized, sized error // without a Content-Length, and with one
	}{
		{"all of it", []string{all}, plain, nil, nil},
		{"in capitals", []string{strings.ToUpper(all)}, plain, nil, nil},
		{"no range", nil, plain, ErrPartial, ErrPartial},
		{"empty", []string{""}, plain, ErrPartial, ErrPartial},
		{"said twice", []string{all, all}, plain, ErrPartial, ErrPartial},
		{"the beginning", []string{"bytes 0-7/31"}, plain[:8], ErrPartial, ErrPartial},
		{"the end", []string{"bytes 8-30/31"}, plain[8:], ErrPartial, ErrPartial},
		{"of no known size", []string{"bytes 0-30/*"}, plain, ErrPartial, ErrPartial},
		{"none", []string{"bytes */31"}, plain, ErrPartial, ErrPartial},
		{"another unit", []string{"pages 0-30/31"}, plain, ErrPartial, ErrPartial},
		{"beyond its end", []string{"bytes 0-31/31"}, plain, ErrPartial, ErrPartial},
		{"with a sign", []string{"bytes +0-30/31"}, plain, ErrPartial, ErrPartial},
		{"beyond all numbers", []string{"bytes 0-99999999999999999998/99999999999999999999"}, plain, ErrPartial, ErrPartial},
		{"less than it says", []string{all}, plain[:30], ErrTruncated, ErrPartial},
		{"nothing of what it says", []string{all}, "", ErrTruncated, ErrPartial},
		{"more than it says", []string{all}, plain + "!", ErrTruncated, ErrPartial},
	} {
		for _, chunked := range []bool{true, false} {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				answered(w, http.StatusPartialContent, tc.ranges, tc.body, chunked)
			})
			want := tc.unsized
			if !chunked {
				want = tc.sized
			}
			f := newFetcher(t, Config{AllowNetworks: loopback})
			if body, _, err := fetch(t, f, url); !errors.Is(err, want) || err == nil && body != tc.body {
				t.Errorf("%s, chunked %v: %q, %v, want %v", tc.name, chunked, body, err, want)
			}
		}
	}
}

// A 206 that has all bytes is a 200 in every way: its size is known before, its range
// counts what is compressed, and it may be the news of a conditional request.
func TestAWholePartIsA200(t *testing.T) {
	body := gzipped(plain)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
		}
		answered(w, http.StatusPartialContent, []string{fmt.Sprintf("bytes 0-%d/%[2]d", len(body)-1, len(body))},
			body, true)
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for path, want := range map[string]string{"/": body, "/gzip": plain} {
		var b bytes.Buffer
		var reserved []int64
		reserve := func(n int64) error { reserved = append(reserved, n); return nil }
		meta, changed, err := f.Revalidate(context.Background(), url+path, Client{}, Validators{ETag: `"v1"`}, &b,
			reserve)
		if err != nil || !changed || b.String() != want || meta.ETag != `"v2"` || meta.Size != int64(len(want)) {
			t.Errorf("%s: %q, %+v, changed %v, %v", path, b.String(), meta, changed, err)
		}
		if path == "/" && fmt.Sprint(reserved) != fmt.Sprint([]int{len(body)}) {
			t.Errorf("reserved %v for %d bytes", reserved, len(body))
		}
	}
	small := newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: int64(len(body)) - 1})
	if got, _, err := fetch(t, small, url); got != "" || !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %q, %v", got, err)
	}
}

func FuzzCompleteRange(f *testing.F) {
	for _, s := range []string{"bytes 0-0/1", "bytes 0-9/10", "bytes 0-/0", "bytes */1", "Bytes  0-1/2",
		"bytes 0--1/0", "bytes 00-1/02"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		size, ok := completeRange([]string{line})
		if !ok {
			return
		}
		var last, all int64
		plainly := fmt.Sprintf("bytes 0-%d/%d", size-1, size)
		if n, err := fmt.Sscanf(plainly, "bytes 0-%d/%d", &last, &all); n != 2 || err != nil || size < 1 {
			t.Fatalf("%q is %d bytes", line, size)
		}
		if again, ok := completeRange([]string{plainly}); !ok || again != size {
			t.Fatalf("%q is %d bytes, and %q %d", line, size, plainly, again)
		}
	})
}
