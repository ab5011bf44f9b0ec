package origin

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func newFetcher(t testing.TB, cfg Config) *Fetcher {
	t.Helper()
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func fetch(f *Fetcher, source string) (string, Meta, error) {
	var b bytes.Buffer
	meta, err := f.Fetch(context.Background(), source, &b, nil)
	return b.String(), meta, err
}

func TestFetch(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{"User-Agent": "pictor", "Accept-Encoding": "identity", "Via": "1.1 pictor", "Cookie": "", "Referer": "", "Authorization": ""} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		if r.URL.Path != "/a b/ä.jpg" || r.URL.RawQuery != "x=1" {
			t.Errorf("asked for %v", r.URL)
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
		w.Header().Set("Cache-Control", "max-age=60")
		io.WriteString(w, "picture")
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	body, meta, err := fetch(f, url+"/a b/ä.jpg?x=1#part")
	if err != nil || body != "picture" || meta.ETag != `"v1"` || meta.Size != 7 || meta.LastModified.Year() != 2015 || meta.TTL != time.Minute || !meta.Explicit {
		t.Errorf("%q, %+v, %v", body, meta, err)
	}
}

func TestGuardStandsAtTheDialler(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	f := newFetcher(t, Config{})
	// The name goes through DNS; the address that comes out is refused.
	for _, source := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), "http://[::1]/", "http://0x7f000001/"} {
		if _, _, err := fetch(f, source); !errors.Is(err, ErrRefused) && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", source, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("a connection was made")
	}
}

func TestRedirectsAreJudgedAnew(t *testing.T) {
	var inner atomic.Int64
	// Another loopback address stands for what is not allowed.
	secret, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("no second loopback address here")
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) })}
	go s.Serve(secret)
	t.Cleanup(func() { s.Close() })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/hops/"):
			var n int
			fmt.Sscanf(r.URL.Path, "/hops/%d", &n)
			if n > 0 {
				http.Redirect(w, r, fmt.Sprintf("/hops/%d", n-1), http.StatusFound)
			}
		case r.URL.Path == "/inside":
			http.Redirect(w, r, "http://"+secret.Addr().String()+"/", http.StatusFound)
		case r.URL.Path == "/local":
			http.Redirect(w, r, "local:///etc/passwd", http.StatusFound)
		case r.URL.Path == "/userinfo":
			http.Redirect(w, r, "http://me:pw@example.com/", http.StatusFound)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, MaxRedirects: 3})
	for path, want := range map[string]error{
		"/hops/3": nil, "/hops/4": ErrRedirects, "/inside": ErrRefused, "/local": ErrRedirects, "/userinfo": ErrRedirects,
	} {
		if _, _, err := fetch(f, url+path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if inner.Load() != 0 {
		t.Error("a redirect led inside")
	}
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	var proxied atomic.Int64
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	f := newFetcher(t, Config{AllowNetworks: loopback, Timeout: time.Second})
	if tr := f.client.Transport.(*http.Transport); tr.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
	_, _, err := fetch(f, "http://nothing.invalid/")
	if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) || proxied.Load() != 0 {
		t.Errorf("%v, %d through the proxy", err, proxied.Load())
	}
}

func TestBadAnswers(t *testing.T) {
	big := strings.Repeat("x", 3<<20)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			w.WriteHeader(404)
		case "/410":
			w.WriteHeader(410)
		case "/500":
			w.WriteHeader(500)
		case "/204":
			w.WriteHeader(204)
		case "/206":
			w.WriteHeader(206)
		case "/302":
			w.WriteHeader(302)
		case "/declared":
			io.WriteString(w, big)
		case "/chunked":
			w.(http.Flusher).Flush()
			io.WriteString(w, big)
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "short")
		case "/cutchunk":
			w.(http.Flusher).Flush()
			io.WriteString(w, "short")
			panic(http.ErrAbortHandler)
		case "/br":
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, "x")
		case "/notgzip":
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "this is not gzip at all")
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, big)
			z.Close()
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", 100<<10))
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: 1 << 20})
	for path, want := range map[string]error{
		"/404": ErrNotFound, "/410": ErrNotFound, "/500": ErrStatus, "/204": ErrStatus, "/206": ErrStatus, "/302": ErrStatus,
		"/declared": ErrTooLarge, "/chunked": ErrTooLarge, "/bomb": ErrTooLarge,
		"/cut": ErrTruncated, "/cutchunk": ErrTruncated, "/br": ErrEncoding, "/notgzip": ErrUnreachable, "/header": ErrUnreachable,
	} {
		body, _, err := fetch(f, url+path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if len(body) > 2<<20 {
			t.Errorf("%s: %d bytes were written", path, len(body))
		}
	}
}

func TestGzipIsUndone(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "picture")
		z.Close()
	})
	if body, _, err := fetch(newFetcher(t, Config{AllowNetworks: loopback}), url); body != "picture" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

func TestBytesAreReservedBeforeTheyAreWritten(t *testing.T) {
	const size = 2<<20 + 5
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		io.WriteString(w, strings.Repeat("x", size))
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, Local: fstest.MapFS{"a": {Data: make([]byte, size)}}})
	full := errors.New("full")
	for source, calls := range map[string]int{url + "/declared": 1, url + "/chunked": 3, "local:///a": 1} {
		var reserved, asked int64
		w := writerFunc(func(p []byte) (int, error) {
			if reserved -= int64(len(p)); reserved < 0 {
				t.Errorf("%s: written before it was reserved", source)
			}
			return len(p), nil
		})
		if _, err := f.Fetch(context.Background(), source, w, func(n int64) error { reserved += n; asked++; return nil }); err != nil || asked != int64(calls) {
			t.Errorf("%s: %d calls, %v", source, asked, err)
		}
		if _, err := f.Fetch(context.Background(), source, io.Discard, func(int64) error { return full }); !errors.Is(err, full) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestSlowOrigins(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	f := newFetcher(t, Config{AllowNetworks: loopback, Timeout: 100 * time.Millisecond})
	for _, path := range []string{"/headers", "/body"} {
		if _, _, err := fetch(f, url+path); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v", path, err)
		}
	}
	gone := errors.New("everybody left")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	if _, err := f.Fetch(ctx, url+"/body", io.Discard, nil); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForAReservationIsNotTheOriginsTime(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "picture") })
	f := newFetcher(t, Config{AllowNetworks: loopback, Timeout: 200 * time.Millisecond})
	var b bytes.Buffer
	_, err := f.Fetch(context.Background(), url, &b, func(int64) error {
		time.Sleep(400 * time.Millisecond) // longer than the origin is given
		return nil
	})
	if err != nil || b.String() != "picture" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestTrickleIsEnded(t *testing.T) {
	// The clock of the fetcher runs ten seconds for each look at it.
	var now atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for range 100 {
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, Now: func() time.Time { return time.Unix(now.Add(10), 0) }})
	if _, _, err := fetch(f, url); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "trickles") {
		t.Errorf("got %v", err)
	}
	if f.tooSlow(0, 2*time.Second) || f.tooSlow(9<<10, 3*time.Second) || !f.tooSlow(7<<10, 3*time.Second) {
		t.Error("the rate is not what it says")
	}
}

func TestCheck(t *testing.T) {
	f, local := newFetcher(t, Config{}), newFetcher(t, Config{Local: fstest.MapFS{}})
	for source, want := range map[string]error{
		"http://example.com/a.jpg": nil, "https://example.com:8443/a.jpg?x#y": nil, "HTTP://EXAMPLE.COM/": nil,
		"ftp://example.com/": ErrSourceNotAllowed, "file:///etc/passwd": ErrSourceNotAllowed, "s3://b/k": ErrSourceNotAllowed,
		"local:///a": ErrSourceNotAllowed, "data:image/png;base64,xx": ErrSourceNotAllowed,
		"": ErrBadSource, "a.jpg": ErrBadSource, "//example.com/a": ErrBadSource, "http://": ErrBadSource, "http:///a": ErrBadSource,
		"http://me@example.com/": ErrBadSource, "http://[::1%25eth0]/": ErrBadSource, "http://[::1": ErrBadSource, "http://a b/": ErrBadSource,
	} {
		if err := f.Check(source); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
	if err := local.Check("local:///a"); err != nil {
		t.Error(err)
	}
}

func TestLocal(t *testing.T) {
	changed := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	f := newFetcher(t, Config{MaxBytes: 10, Local: fstest.MapFS{
		"dir/a b%20.jpg": {Data: []byte("picture"), ModTime: changed}, "large": {Data: make([]byte, 11)},
	}})
	body, meta, err := fetch(f, "local:///dir/a b%20.jpg")
	if err != nil || body != "picture" || !meta.LastModified.Equal(changed) || meta.Explicit || meta.Size != 7 {
		t.Errorf("%q, %+v, %v", body, meta, err)
	}
	for source, want := range map[string]error{
		"local:///missing": ErrNotFound, "local:///dir": ErrNotFound, "local:///large": ErrTooLarge,
		"local:///../etc/passwd": ErrBadSource, "local:///dir/../large": ErrBadSource, "local:///": ErrBadSource,
		"local:///dir\\a": ErrBadSource,
	} {
		if _, _, err := fetch(f, source); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"http://example.com/", "local:///x", "http://[::1]:80/%zz", "https://a@b:c@d/", "\x00"} {
		f.Add(s)
	}
	fetcher, err := New(Config{Local: fstest.MapFS{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		err := fetcher.Check(source)
		if err == nil {
			if u, perr := fetcher.parse(source); perr != nil || u.Scheme != "local" && u.Hostname() == "" {
				t.Fatalf("%q passed as %v, %v", source, u, perr)
			}
		} else if !errors.Is(err, ErrBadSource) && !errors.Is(err, ErrSourceNotAllowed) {
			t.Fatalf("%q: %v", source, err)
		}
	})
}
