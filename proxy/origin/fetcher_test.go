package origin

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// patience is longer than anything takes that happens at all.
const patience = 5 * time.Minute

// newFetcher is one that waits for slow machines where it fetches from this one, unless the test is about time.
func newFetcher(t testing.TB, cfg Config) *Fetcher {
	t.Helper()
	if cfg.AllowNetworks != nil && cfg.Timeout == 0 && cfg.FirstByte == 0 {
		cfg.Timeout = patience
	}
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

// inside is what no error text may hold: addresses, and what origins write.
var inside = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|::|localhost|dial|lookup|upstream`)

// fetch fetches, and looks at the words of each error.
func fetch(t testing.TB, f *Fetcher, source string) (string, Meta, error) {
	t.Helper()
	var b bytes.Buffer
	meta, err := f.Fetch(context.Background(), source, &b, nil)
	if err != nil && inside.MatchString(err.Error()) {
		t.Errorf("%s: %q tells what is inside", source, err)
	}
	return b.String(), meta, err
}

func TestFetch(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		want := http.Header{
			"User-Agent": {"pictor"}, "Accept": {"image/*,*/*;q=0.8"}, "Accept-Encoding": {"identity"}, "Via": {"1.1 me"}, "Cdn-Loop": {"me"},
		}
		if fmt.Sprint(r.Header) != fmt.Sprint(want) {
			t.Errorf("headers %v", r.Header)
		}
		h := w.Header()
		h.Set("ETag", `"v1"`)
		h.Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
		h.Set("Cache-Control", "max-age=60")
		h.Set("Content-Type", "image/png")
		io.WriteString(w, "picture")
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, ID: "me"})
	body, meta, err := fetch(t, f, url)
	want := Meta{
		ETag: `"v1"`, LastModified: time.Date(2015, 10, 21, 7, 28, 0, 0, time.UTC), ContentType: "image/png", Size: 7,
		Freshness: Freshness{Explicit: true, TTL: time.Minute},
	}
	if err != nil || body != "picture" || meta != want {
		t.Errorf("%q, %+v, %v", body, meta, err)
	}
}

func TestBadAnswers(t *testing.T) {
	big := strings.Repeat("x", 3<<20)
	encoded := func(w http.ResponseWriter, encoding string, b []byte) {
		w.Header().Set("Content-Encoding", encoding)
		w.Write(b)
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		if n, _ := fmt.Sscanf(r.URL.Path, "/%d", &status); n == 1 {
			w.WriteHeader(status)
			if status >= 300 && status != http.StatusNotModified {
				io.WriteString(w, "upstream detail")
			}
		}
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
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
		case "/hangup":
			panic(http.ErrAbortHandler)
		case "/br":
			encoded(w, "br", []byte("x"))
		case "/notgzip":
			encoded(w, "gzip", []byte("this is upstream text, not gzip"))
		case "/badgzip":
			z := zipped([]byte("x"))
			z[len(z)-5] ^= 1
			encoded(w, "gzip", z)
		case "/halfgzip":
			encoded(w, "gzip", zipped([]byte(big))[:100])
		case "/nogzip":
			encoded(w, "gzip", nil)
		case "/bomb":
			encoded(w, "gzip", zipped([]byte(big)))
		case "/hollow": // inflates to nothing, without an end
			w.Header().Set("Content-Encoding", "gzip")
			for z := zipped(nil); ; {
				if _, err := w.Write(z); err != nil {
					return
				}
			}
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", 100<<10))
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: 1 << 20})
	for path, want := range map[string]error{
		"/404": ErrNotFound, "/410": ErrNotFound, "/451": ErrNotFound, "/500": ErrStatus, "/204": ErrPartial, "/206": ErrPartial,
		"/400": ErrDenied, "/401": ErrDenied, "/403": ErrDenied, "/408": ErrStatus, "/425": ErrStatus, "/429": ErrStatus, "/503": ErrStatus,
		"/300": ErrStatus, "/302": ErrStatus, "/304": ErrStatus,
		"/declared": ErrTooLarge, "/chunked": ErrTooLarge, "/bomb": ErrTooLarge, "/hollow": ErrTooLarge,
		"/cut": ErrTruncated, "/cutchunk": ErrTruncated, "/halfgzip": ErrTruncated, "/nogzip": ErrTruncated,
		"/br": ErrCoding, "/notgzip": ErrEncoding, "/badgzip": ErrEncoding,
		"/header": ErrUnreachable, "/hangup": ErrUnreachable,
	} {
		body, _, err := fetch(t, f, url+path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if len(body) > 1<<20 {
			t.Errorf("%s: %d bytes were written", path, len(body))
		}
	}
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func TestExactlyTheMostBytesPass(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, "0123456789")
	})
	local := fstest.MapFS{"a": {Data: []byte("0123456789")}}
	for _, source := range []string{url + "/declared", url + "/chunked", "local:///a"} {
		body, _, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: 10, Local: local}), source)
		if len(body) != 10 || err != nil {
			t.Errorf("%s: %q, %v", source, body, err)
		}
		body, _, err = fetch(t, newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: 9, Local: local}), source)
		if len(body) > 9 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %q, %v", source, body, err)
		}
	}
}

func TestBytesAreReservedBeforeTheyAreWritten(t *testing.T) {
	const size = 2*reserveStep + 5
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Repeat([]byte("x"), size)
		switch r.URL.Path {
		case "/chunked":
			w.(http.Flusher).Flush()
		case "/gzip":
			body = zipped(body)
			w.Header().Set("Content-Encoding", "gzip")
			fallthrough
		default:
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		w.Write(body)
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: size,
		Local: fstest.MapFS{"a": {Data: make([]byte, size)}}})
	full := errors.New("full")
	steps := fmt.Sprint([]int64{reserveStep, reserveStep, 5})
	for source, want := range map[string]string{
		url + "/declared": fmt.Sprint([]int64{size}), url + "/chunked": steps, url + "/gzip": steps, "local:///a": fmt.Sprint([]int64{size}),
	} {
		var reserved int64
		var asked []int64
		w := writerFunc(func(p []byte) (int, error) {
			if reserved -= int64(len(p)); reserved < 0 {
				t.Errorf("%s: written before it was reserved", source)
			}
			return len(p), nil
		})
		reserve := func(n int64) error { reserved += n; asked = append(asked, n); return nil }
		if _, err := f.Fetch(context.Background(), source, w, reserve); err != nil || fmt.Sprint(asked) != want {
			t.Errorf("%s: reserved %v, %v", source, asked, err)
		}
		if _, err := f.Fetch(context.Background(), source, w, func(int64) error { return full }); err != full {
			t.Errorf("%s: %v", source, err)
		}
		stuck := writerFunc(func([]byte) (int, error) { return 0, full })
		if _, err := f.Fetch(context.Background(), source, stuck, nil); err != full {
			t.Errorf("%s: %v", source, err)
		}
		short := writerFunc(func([]byte) (int, error) { return 0, nil })
		if _, err := f.Fetch(context.Background(), source, short, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestDetailsAreForTheLog(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, tc := range map[string]struct {
		f    *Fetcher
		want error
		tell string
	}{
		"status":  {newFetcher(t, Config{AllowNetworks: loopback}), ErrDenied, "418"},
		"refused": {newFetcher(t, Config{}), ErrRefused, "127.0.0.1"},
	} {
		_, _, err := fetch(t, tc.f, url)
		var detailed interface{ Details() string }
		if !errors.Is(err, tc.want) || !errors.As(err, &detailed) || !strings.Contains(detailed.Details(), tc.tell) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := newFailure(ErrStatus, strings.Repeat("ä", 1000)).(*failure).Details()
	if len(long) > 510 || !strings.HasSuffix(long, "ä…") {
		t.Errorf("%d bytes, %q", len(long), long[len(long)-10:])
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for _, cfg := range []Config{
		{MaxBytes: -1}, {Timeout: -1}, {UserAgent: "a\r\nb"}, {AllowNetworks: []netip.Prefix{{}}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v passed", cfg)
		}
	}
}
