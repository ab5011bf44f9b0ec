package origin

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzTags: what an origin says of tags is kept whole, within its bounds, or not at
// all.
func FuzzTags(f *testing.F) {
	for _, s := range []string{"a,b c", "A\tb,,", "ä", "a\x00b", strings.Repeat("a ", 5000), `"a"`} {
		f.Add(s, "b")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		list, ok := tagsOf(http.Header{"Cache-Tag": {one, two}, "Surrogate-Key": {two}})
		if len(list) > maxTags || !ok && list != "" || strings.ContainsFunc(list, func(r rune) bool {
			return r < ' ' ||
				r >= 0x7f
		}) {
			t.Fatalf("%q, %q: %q, %v", one, two, list, ok)
		}
		if again, fine := tagsOf(http.Header{"Xkey": {list}}); again != list || !fine {
			t.Fatalf("%q is read again as %q", list, again)
		}
	})
}

// FuzzRedirect: wherever a redirect leads is a URL as a source may be.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"/a", "//b/c", "http://c:81/?d#e", "https://c", "?x", "", "..", "http:\\\\b",
		"http://u@b/", "http://[::1%25lo]/", "javascript:x",
		"http://127.1/", "%2f%2fb", "///b", "http://ä/"} {
		f.Add("http://a/x/y", s)
		f.Add("https://a:444/", s)
	}
	fetcher := newFetcher(f, Config{})
	f.Fuzz(func(t *testing.T, from, location string) {
		at, err := fetcher.parseSource(from)
		base := at.url
		if err != nil || base == nil {
			return
		}
		to, err := redirectTarget(base, location)
		if err != nil {
			return
		}
		if to.User != nil || to.Fragment != "" || to.Host == "" || to.Scheme != "https" && (to.Scheme != "http" ||
			base.Scheme == "https") {
			t.Fatalf("%q from %q leads to %q", location, from, to)
		}
		// The address that is dialled is the one that was judged.
		read, err := fetcher.parseSource(to.String())
		again := read.url
		if err != nil || again == nil || again.Host != to.Host || again.Scheme != to.Scheme {
			t.Fatalf("%q from %q leads to %q, which is read as %v, %v", location, from, to, again, err)
		}
	})
}

// FuzzCookies: what redirects set is bounded, and sent as a header that is one.
func FuzzCookies(f *testing.F) {
	for _, s := range []string{"a=b", "a=b; Domain=b.example; Path=/; Secure", "a=\"b c\"", "__Host-a=b",
		"a=b; Domain=.com", "=;", strings.Repeat("a", 20000) + "=b"} {
		f.Add(s, "c=d", uint8(3))
		f.Add(s, "c=d; Max-Age=0", uint8(255))
	}
	f.Fuzz(func(t *testing.T, one, two string, times uint8) {
		from := &url.URL{Scheme: "https", Host: "a.b.example", Path: "/x/y"}
		var c cookies
		for range times {
			c.keep(from, &http.Response{Header: http.Header{"Set-Cookie": {one, two}}})
		}
		if c.count > maxCookies || c.bytes > maxCookieBytes {
			t.Fatalf("%d cookies of %d bytes", c.count, c.bytes)
		}
		for _, to := range []string{"https://a.b.example/x/", "http://b.example/", "https://example/",
			"https://other.example/"} {
			u, _ := url.Parse(to)
			req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
			c.send(req)
			sent := req.Header.Get("Cookie")
			if to == "https://other.example/" && sent != "" {
				t.Fatalf("%q are sent to %s", sent, to)
			}
			if len(req.Header) > 1 || len(req.Header["Cookie"]) > 1 || len(sent) > 2*maxCookieBytes ||
				strings.ContainsAny(sent, "\r\n\x00") {
				t.Fatalf("%v are sent to %s", req.Header, to)
			}
		}
	})
}

// FuzzResponse: whatever an origin answers, its headers are read to the end, and
// what is known of the source is within bounds.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"a\"\r\nContent-Encoding: gzip, br\r\n\r\nabc",
		"HTTP/1.1 206 x\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 304\r\nCache-Control: max-age=1\r\n\r\n",
		"HTTP/1.1 302 x\r\nLocation: /b\r\nSet-Cookie: a=b\r\n\r\n",
		"HTTP/1.0 200 OK\r\nLast-Modified: x\r\nCache-Tag: a\r\n\r\n",
		"HTTP/1.1 429 x\r\nRetry-After: 3\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		f.Add([]byte(s), `W/"a"`)
	}
	fetcher := newFetcher(f, Config{})
	f.Fuzz(func(t *testing.T, b []byte, have string) {
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		m := fetcher.metaOf(resp.Header)
		if m.TTL < 0 || len(m.Tags) > maxTags {
			t.Fatalf("%+v", m)
		}
		size, err := wholeSize(resp)
		if err == nil && size < -1 {
			t.Fatalf("%d bytes", size)
		}
		if statusError(resp) == nil && resp.StatusCode >= 400 {
			t.Fatalf("%d is taken for a redirect", resp.StatusCode)
		}
		v := Validators{ETag: have}
		h := (http.Header{})
		if v.setHeaders(h) != (have != "") || !v.matchesETag(have) ||
			!v.matchesETag("W/"+strings.TrimPrefix(have, "W/")) {
			t.Fatalf("%q is not named by itself", have)
		}
	})
}
