package origin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
)

func TestIdentity(t *testing.T) {
	f := newFetcher(t, Config{Local: fstest.MapFS{}})
	for source, want := range map[string]string{
		"HTTP://Example.COM/A b.jpg#x": "http://example.com/A%20b.jpg",
		"https://example.com:0443/?q":  "https://example.com/?q",
		"http://[::1]:80/a":            "http://[::1]/a",
		"http://example.com:443/":      "http://example.com:443/",
		"local:///a.jpg":               "local:///a.jpg",
		"LOCAL:///A%7e b?c#d":          "local:///A%7e b?c#d",
		"local:///../a":                "local:///../a",
		"no url":                       "no url",

		// RFC 3986 §6.2.3: no path is the path /.
		"https://h": "https://h/", "https://h?x": "https://h/?x", "https://h/?": "https://h/?", "https://h#x": "https://h/",
		// §6.2.2.1 and §6.2.2.2, in the path and in the query.
		"https://h/%7ea%c3%A4?%7e=%c3%bc": "https://h/~a%C3%A4?~=%C3%BC",
		"https://h/%61%2f%2D%5f?a%3db":    "https://h/a%2F-_?a%3Db",
		"https://h/%25%37%65%":            "https://h/%257e%25",
		"https://h/ä?ä=%":                 "https://h/%C3%A4?%C3%A4=%25",
		// §6.2.2.3: dots, but no slashes.
		"https://h/x/../a.png": "https://h/a.png", "https://h/x/%2e%2E/./a": "https://h/a", "https://h/../..": "https://h/",
		"https://h/a//../b//": "https://h/a/b//", "https://h/a/.": "https://h/a/", "https://h/a/..": "https://h/", "https://h/.a/b..": "https://h/.a/b..",
		"https://h/..%2Fa": "https://h/..%2Fa", "https://h//a": "https://h//a", "https://h/a?/../b": "https://h/a?/../b",
		// RFC 5952.
		"http://[0:0::1]/": "http://[::1]/", "http://[2001:DB8:0:0::A]:80/": "http://[2001:db8::a]/",
		// These are none of the others.
		"https://h/a%21": "https://h/a%21", "https://h/a!": "https://h/a!", "https://h/?a=b&c": "https://h/?a=b&c", "https://h/?c&a=b": "https://h/?c&a=b",
		"https://h./": "https://h./",
	} {
		if got := f.Identity(source); got != want || f.Identity(got) != got {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

func TestPrefix(t *testing.T) {
	f := newFetcher(t, Config{Local: fstest.MapFS{}, Accounts: allStores[:1]})
	for text, want := range map[string]string{
		"https://h/": "https://h/", "HTTPS://H:443/A": "https://h/A", "https://bücher.example/": "https://xn--bcher-kva.example/",
		"http://[0:0::1]:80/a": "http://[::1]/a", "https://h/ä b": "https://h/%C3%A4%20b", "https://h/%7ea%c3": "https://h/~a%C3",
		"https://h/x/../a": "https://h/a", "https://h/x/%2e%2e/": "https://h/", "https://h/100%z": "https://h/100%25z",
		// A segment that may go on is not judged yet.
		"https://h/x/..": "https://h/x/..", "https://h/x/.": "https://h/x/.", "https://h/x/%2e": "https://h/x/.", "https://h/x/..?": "https://h/?",
		"https://h/a?b=c|%7e": "https://h/a?b=c|~", "https://h/a?b/../c": "https://h/a?b/../c",
		"s3://b/": "s3://b/", "S3://b/A b/%2f": "s3://b/A b/%2f",
		"local:///": "local:///", "LOCAL:///A b/c": "local:///A b/c", "local:///a/.": "local:///a/.", "local:///..": "local:///..",
	} {
		if got, err := f.Prefix(text); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"": ErrBadSource, "h/": ErrBadSource, "https://exam": ErrBadSource, "https://exam?/": ErrBadSource, "https:///": ErrBadSource, "https:/h/": ErrBadSource,
		"https:h/": ErrBadSource, "https://me@h/": ErrBadSource, "https://h:0/": ErrBadSource, "https://127.1/": ErrBadSource, "https://h\\a/": ErrBadSource,
		"htps://h/": ErrSourceNotAllowed, "gs://b/": ErrSourceNotAllowed, "s3://b": ErrBadSource, "s3:///": ErrBadSource, "s3://b//": ErrBadSource, "https://h/%": ErrBadSource, "https://h/a%2": ErrBadSource, "https://h/?a=%C": ErrBadSource,
		"https://h/#": ErrBadSource, "https://h/a#b": ErrBadSource, "https://h#/": ErrBadSource,
		"local://": ErrBadSource, "local://h/": ErrBadSource, "local:////": ErrBadSource, "local:///a//b": ErrBadSource, "local:///./a": ErrBadSource,
		"local:///../a": ErrBadSource, "local:///a/../b": ErrBadSource, "local:///a\\": ErrBadSource,
	} {
		if got, err := f.Prefix(text); !errors.Is(err, want) || got != "" {
			t.Errorf("%q: %q, %v, want %v", text, got, err, want)
		}
	}
	if _, err := newFetcher(t, Config{}).Prefix("local:///"); !errors.Is(err, ErrSourceNotAllowed) {
		t.Error(err)
	}
}

func TestHostName(t *testing.T) {
	f := newFetcher(t, Config{})
	for text, want := range map[string]string{
		"Example.com": "example.com", "example.com:": "example.com", "example.com:0443": "example.com:443", "example.com.": "example.com.",
		"bücher.example": "xn--bcher-kva.example", "XN--BCHER-KVA.example:81": "xn--bcher-kva.example:81", "a_b.example": "a_b.example",
		"::1": "[::1]", "[0:0::1]": "[::1]", "[0:0::1]:80": "[::1]:80", "2001:DB8::A": "[2001:db8::a]", "127.0.0.1:8080": "127.0.0.1:8080",
	} {
		if got, err := f.HostName(text); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ".", "a..b", ".a", "a b", "*.example.com", "example.com/", "https://example.com", "example.com?", "example.com#x", "me@example.com", "a\\b",
		"example.com:0", "example.com:x", "127.1", "1.2.3.4.", "::1::", "[::1", "fe80::1%eth0", "a%41.example", "a,b", strings.Repeat("a", 64) + ".example",
		strings.Repeat("a.", 127) + "example", ":80", "a\nb",
	} {
		if got, err := f.HostName(text); !errors.Is(err, ErrBadSource) || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// otherwise spells a URL, in as many ways as there are bits.
func otherwise(u *url.URL, how uint) string {
	scheme, host, path, query := u.Scheme, u.Host, u.EscapedPath(), u.RawQuery
	if how&1 != 0 {
		scheme, host = strings.ToUpper(scheme), strings.ToUpper(host)
	}
	if how&2 != 0 && u.Port() == "" {
		host += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	if how&4 != 0 {
		path, query = longer(path), longer(query)
	}
	if how&8 != 0 {
		path = "/./x/%2E." + path
		if u.EscapedPath() == "" {
			path += "/"
		}
	}
	if path == "/" && how&16 != 0 {
		path = ""
	}
	s := scheme + "://" + host + path
	if query != "" || u.ForceQuery {
		s += "?" + query
	}
	return s + "#f"
}

// longer percent-encodes all that need not be, with small letters.
func longer(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			b.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
		case isUnreserved(s[i]):
			fmt.Fprintf(&b, "%%%02x", s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// All spellings of a URL have one identity, it is one of them, and a prefix of
// a URL gives a prefix of that.
func FuzzIdentity(f *testing.F) {
	for i, s := range []string{
		"http://example.com/", "https://h", "https://h?x=%7e|%", "http://[0::1]:80/%zz%C3%a4", "https://bücher.example:443/ä/../b//c/.?/../#x",
		"local:///x/y", "LOCAL:///%7E", "https://h/%2e%2E/..a/", "https://h/?",
	} {
		f.Add(s, uint(7*i+1), 12)
	}
	fetcher, err := New(Config{Local: fstest.MapFS{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string, how uint, cut int) {
		at, err := fetcher.parseSource(source)
		u := at.url
		id := fetcher.Identity(source)
		if err != nil {
			if id != source {
				t.Fatalf("%q is refused, and %q", source, id)
			}
			return
		}
		if again := fetcher.Identity(id); again != id {
			t.Fatalf("%q is %q, which is %q", source, id, again)
		}
		if u != nil {
			if other := otherwise(u, how); fetcher.Identity(other) != id {
				t.Fatalf("%q is %q, but %q is %q", source, id, other, fetcher.Identity(other))
			}
			if host, err := fetcher.HostName(u.Host); err == nil && host != u.Host {
				t.Fatalf("%q is on %q, and named %q", source, u.Host, host)
			}
		}
		if cut < 0 || cut > len(id) {
			return
		}
		if p, err := fetcher.Prefix(id[:cut]); err == nil && !strings.HasPrefix(id, p) {
			t.Fatalf("%q begins with %q, and not with %q", id, id[:cut], p)
		}
	})
}

// What a purge may name is named the same when it is read again.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"example.com:80", "::1", "bücher.example.", "https://h:443/%7e/../a?%7E",
		"local:///a/.", "HTTP://[0::1]/%", "https://h/#"} {
		f.Add(s)
	}
	fetcher, err := New(Config{Local: fstest.MapFS{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for what, name := range map[string]func(string) (string, error){"host": fetcher.HostName,
			"prefix": fetcher.Prefix} {
			one, err := name(text)
			if err != nil {
				if !errors.Is(err, ErrBadSource) && !errors.Is(err, ErrSourceNotAllowed) {
					t.Fatalf("%s %q: %v", what, text, err)
				}
				continue
			}
			if again, err := name(one); err != nil || again != one {
				t.Fatalf("%s %q is %q, which is %q, %v", what, text, one, again, err)
			}
		}
	})
}
