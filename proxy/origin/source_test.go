package origin

import (
	"bufio"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCheck(t *testing.T) {
	remote, local := newFetcher(t, Config{}), newFetcher(t, Config{Local: fstest.MapFS{}})
	for source, want := range map[string]error{
		"http://example.com/a.jpg": nil, "https://example.com:8443/a.jpg?x#y": nil, "HTTP://EXAMPLE.COM/": nil,
		"http://a b/": ErrBadSource, "http://example.com": nil, "http://example.com:/": nil, "http://example.com./": nil,
		"http://münchen.example/ü": nil, "http://[2606:2800::1]/": nil, "http://[2606:2800::1]:81/": nil,
		"http://exa_mple.com/": nil, "http://8.8.8.8/": nil, "http://1.2.3.example/": nil,
		"http://example.com/100%.jpg": nil, "http://example.com/a b?c d%#%zz": nil,

		"ftp://example.com/": ErrSourceNotAllowed, "file:///etc/passwd": ErrSourceNotAllowed, "s3://b/k": ErrSourceNotAllowed,
		"local:///a": ErrSourceNotAllowed, "data:image/png;base64,xx": ErrSourceNotAllowed, "gopher://h/": ErrSourceNotAllowed,

		"": ErrBadSource, "a.jpg": ErrBadSource, "//example.com/a": ErrBadSource, "example.com:80/a": ErrBadSource,
		":": ErrBadSource, "1http://example.com/": ErrBadSource, " http://example.com/": ErrBadSource,
		"http://": ErrBadSource, "http:///a": ErrBadSource, "http:a": ErrBadSource, "http://:80/": ErrBadSource,
		"http://me@example.com/": ErrBadSource, "http://me:pw@example.com/": ErrBadSource, "http://@example.com/": ErrBadSource,
		"http://a\\@example.com/": ErrBadSource, "http://example.com\\@a/": ErrBadSource, "http://a\nb/": ErrBadSource,
		"http://[::1%25eth0]/": ErrBadSource, "http://[::1%eth0]/": ErrBadSource, "http://[::1": ErrBadSource, "http://[zz::]/": ErrBadSource,
		"http://example.com:0/": ErrBadSource, "http://example.com:65536/": ErrBadSource, "http://example.com:http/": ErrBadSource,
		"http://127.1/": ErrBadSource, "http://2130706433/": ErrBadSource, "http://0x7f000001/": ErrBadSource,
		"http://0177.0.0.1/": ErrBadSource, "http://0x7f.0.0.1./": ErrBadSource, "http://127.0.0.1./": ErrBadSource,
		"http://256.0.0.1/": ErrBadSource, "http://１２７.１/": ErrBadSource,
	} {
		if err := remote.Check(source); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", source, err, want)
		}
	}
	for source, want := range map[string]error{
		"local:///a": nil, "Local:///dir/a b%zz?x#y": nil,
		"local:///": ErrBadSource, "local://a": ErrBadSource, "local:a": ErrBadSource, "local://///a": ErrBadSource,
		"local:///../etc/passwd": ErrBadSource, "local:///dir/../a": ErrBadSource, "local:///./a": ErrBadSource,
		"local:///a/": ErrBadSource, "local:///dir\\a": ErrBadSource, "local:///a\x00": ErrBadSource,
	} {
		if err := local.Check(source); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", source, err, want)
		}
	}
}

// People who come from imgproxy have sources that it serves and pictor does not.
func TestSourcesThatAreNotServedSayWhatIs(t *testing.T) {
	f := newFetcher(t, Config{})
	for _, tc := range []struct {
		sources []string
		want    string
	}{
		{[]string{"/dunes.jpg", "dunes.jpg", "//example.com/dunes.jpg", "a/dunes.jpg", "example.com:80/dunes.jpg", ""},
			"a full URL such as https://example.com/a.jpg, unless --base-url is set"},
		{[]string{"s3://bucket/dunes.jpg", "gs://b/d", "abs://b/d", "S3://b/d", "s3://127.0.0.1:80/d"},
			"no account of --accounts is for this bucket and key"},
		{[]string{"swift://b/d"}, "Swift containers are not supported; sources are http://"},
		{[]string{"ftp://example.com/dunes.jpg", "data:image/png;base64,xx", "s4://b/d"},
			"not supported; sources are http://, https://, with --accounts s3://, gs:// and abs://, and with --local-root "},
		{[]string{"local:///dunes.jpg"}, "need --local-root"},
	} {
		for _, source := range tc.sources {
			if err := f.Check(source); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q: %v", source, err)
			}
		}
	}
}

func TestWhatAnOriginIsAskedFor(t *testing.T) {
	asked := make(chan string, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.RequestURI })
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for source, want := range map[string]string{
		"":                       "/",
		"?a":                     "/?a",
		"/a b/ä.jpg?x=a b|ü#ä b": "/a%20b/%C3%A4.jpg?x=a%20b|%C3%BC",
		"/a%2Fb/ä{1}":            "/a%2Fb/%C3%A4%7B1%7D",
		"/100%.jpg":              "/100%25.jpg",
		"/%":                     "/%25",
		"/50%25%2":               "/50%25%252",
		"/x?sig=%zz%2f\"":        "/x?sig=%25zz%2f%22",
		"/a//b;d=[1]":            "/a//b;d=[1]",
		"/a//b/../c/./d":         "/a//c/d",
		"/a/.%2E/%2e%2e/b/%2e":   "/b/",
		"/..%2fa/...?b=/../c":    "/..%2fa/...?b=/../c",
	} {
		if _, _, err := fetch(t, f, url+source); err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := <-asked; got != want {
			t.Errorf("%s: asked for %s, want %s", source, got, want)
		}
	}
}

func TestHostsHaveOneForm(t *testing.T) {
	for source, want := range map[string]string{
		"http://EXAMPLE.com:/": "example.com", "http://Example.COM:0080/": "example.com:80", "http://MÜNCHEN.example/": "xn--mnchen-3ya.example",
		"http://ｅxample.com/": "example.com", "http://[2606:2800::A]/": "[2606:2800::a]", "http://[2606:2800::A]:81/": "[2606:2800::a]:81",
		"http://１.２.３.４/": "1.2.3.4",
	} {
		if at, err := new(Fetcher).parseSource(source); err != nil || at.url.Host != want {
			t.Errorf("%s: %v, %v", source, at.url, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		"http://example.com/", "local:///x", "http://[::1]:80/%zz", "https://a@b:c@d/", "\x00", "http://ä.example/?%#",
		"HTTP:///", "http://0x7f.1/", "local:///../x", "http://[fe80::1%25eth0]/", "ftp://x",
		"s3://b/k?v", "gs://b//a/../b", "abs://$web/%2f#?versionId=", "s3://[::1]:80/x",
	} {
		f.Add(s)
	}
	fetcher, err := New(Config{Local: fstest.MapFS{}, Accounts: allStores})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		err := fetcher.Check(source)
		if err != nil {
			if !errors.Is(err, ErrBadSource) && !errors.Is(err, ErrSourceNotAllowed) {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		at, err := fetcher.parseSource(source)
		u, file := at.url, at.file
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		if o := at.object; o != (Object{}) {
			if !isBucket(o.Bucket) || strings.Contains(o.Bucket, "..") || strings.Contains("/"+o.Key+"/", "/../") ||
				fetcher.Identity(o.identity()) != o.identity() {
				t.Fatalf("%q is %+v", source, o)
			}
			return
		}
		if u == nil {
			if file == "" || strings.Contains("/"+file+"/", "/../") {
				t.Fatalf("%q is the file %q", source, file)
			}
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" ||
			strings.ContainsAny(u.Host, "%@/ ") {
			t.Fatalf("%q is %#v", source, u)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.Zone() != "" {
			t.Fatalf("%q has a zone", source)
		}
		// What was made of it is read as the same again, and fits a request line.
		read, err := fetcher.parseSource(u.String())
		again := read.url
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q: %v, then %v, %v", source, u, again, err)
		}
		request := strings.NewReader("GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n")
		if _, err := http.ReadRequest(bufio.NewReader(request)); err != nil {
			t.Fatalf("%q makes the request line %q: %v", source, u.RequestURI(), err)
		}
	})
}
