package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/proxy"
)

// sharedBucket is a bucket of a real S3 store behind a proxy that may spoil its answers.
type sharedBucket struct {
	*httptest.Server
	// spoil, unless nil, answers reads in the store's place, or changes what it answered, where that is not nil.
	spoil atomic.Pointer[func(w http.ResponseWriter, answer []byte) bool]
	// requests are all that came, reads those of them that read.
	requests, reads atomic.Int64
	store           *enginetest.Engine
	// dir has the objects, as files.
	dir string
}

func newSharedBucket(t *testing.T) *sharedBucket {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "records"), 0o700); err != nil {
		t.Fatal(err)
	}
	store := enginetest.Run(t, "versitygw", "--quiet", "--access", "AKID", "--secret", "SECRET", "--port",
		"{host}:{port}", "posix", "--nometa", dir)
	b := &sharedBucket{store: store, dir: dir}
	target := &url.URL{Scheme: "http", Host: store.Address()}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: b.change,
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		if r.Method == http.MethodGet {
			b.reads.Add(1)
			if spoil := b.spoil.Load(); spoil != nil && (*spoil)(w, nil) {
				return
			}
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// change spoils the body of an object.
func (b *sharedBucket) change(r *http.Response) error {
	spoil := b.spoil.Load()
	if spoil == nil || r.Request.Method != http.MethodGet || r.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	(*spoil)(nil, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

const bucketTimingToken = "0123456789abcdef0123456789abcdef"

// flags are those of a server that uses the bucket.
func (b *sharedBucket) flags(t *testing.T, e *engine, name string) []string {
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	yaml := fmt.Sprintf("accounts:\n  results: {store: s3, bucket: records, endpoint: '%s', access-key-id: AKID, "+
		"secret-access-key: SECRET}\n", b.URL)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return clusterArgs(e, name, t.TempDir(), "--config", file, "--cache-bucket", "results/v1/",
		"--cache-bucket-admit", "all", "--cache-bucket-patience", "500ms", "--timing-token", bucketTimingToken)
}

// awaitWritten waits until a server has written so many records.
func (s *server) awaitWritten(t *testing.T, n int) {
	t.Helper()
	waitFor(t, "records in the bucket", func() bool {
		return strings.Contains(s.metrics(), fmt.Sprintf(`cache_bucket_writes_total{result="written"} %d`, n))
	})
}

// What one server has made, another one has out of the bucket; nothing that was purged comes out of it, also on a
// server that starts afterwards; and whatever the bucket does, each request has its image.
func TestServersShareResultsInABucket(t *testing.T) {
	t.Parallel() // it waits
	e, b, o := startRedis(t), newSharedBucket(t), newVersions(t)
	first, second := serve(t, b.flags(t, e, "first")...), serve(t, b.flags(t, e, "second")...)
	path := func(i int) string { return fmt.Sprintf("/_/f:png/plain/%s/%d.png", o.URL, i) }
	want := func(s *server, i, version int, detail string) {
		t.Helper()
		a := s.get(path(i))
		status := a.header.Get("Cache-Status")
		if got, err := versionOf(a); err != nil || got != version || !strings.Contains(status, detail) {
			t.Errorf("image %d: version %d, %v, %s; want %d, %s", i, got, err, status, version, detail)
		}
	}
	want(first, 0, 0, "fwd=uri-miss")
	first.awaitWritten(t, 1)
	o.change("/0.png")
	want(second, 0, 0, "hit; ttl=86")
	waitFor(t, "a confirmed purge", func() bool {
		a, status, err := second.purgeAt(proxy.PurgeRequest{Sources: []string{o.URL + "/0.png"}})
		return err == nil && status == http.StatusOK && len(a.Servers) == 2
	})
	late := serve(t, b.flags(t, e, "late")...)
	want(late, 0, 1, "fwd=uri-miss")
	late.awaitWritten(t, 1)
	timed := first.get(path(0), "Pictor-Timing", bucketTimingToken)
	if timing := timed.header.Get("Server-Timing"); !strings.Contains(timing, "bucket;dur=") {
		t.Errorf("Server-Timing: %s", timing)
	}
	if status := timed.header.Get("Cache-Status"); !strings.Contains(status, "detail=bucket") {
		t.Error(status)
	}
	next := 1
	for name, spoil := range map[string]func(w http.ResponseWriter, answer []byte) bool{
		"slow": func(w http.ResponseWriter, _ []byte) bool {
			if w != nil {
				time.Sleep(5 * time.Second)
			}
			return false
		},
		"503": func(w http.ResponseWriter, _ []byte) bool {
			if w != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return w != nil
		},
		"wrong bytes": func(_ http.ResponseWriter, answer []byte) bool {
			if len(answer) > 0 {
				answer[len(answer)-9] ^= 1
			}
			return false
		},
	} {
		before := next
		for range 12 {
			want(first, next, 0, "fwd=uri-miss")
			next++
		}
		first.awaitWritten(t, next)
		b.spoil.Store(&spoil)
		asked := b.reads.Load()
		for i := before; i < next; i++ {
			want(second, i, 0, "fwd=uri-miss")
		}
		if n := b.reads.Load() - asked; name == "slow" && n > 6 {
			t.Errorf("%s: the bucket was read %d times for 12 images", name, n)
		}
		for range 5 { // hits know nothing of it
			want(second, before, 0, "detail=memory")
		}
		b.spoil.Store(nil)
		waitFor(t, "the bucket to be used again after "+name, func() bool {
			want(first, next, 0, "fwd=uri-miss")
			next++
			first.awaitWritten(t, next)
			a := second.get(path(next - 1))
			return strings.Contains(a.header.Get("Cache-Status"), "detail=bucket")
		})
	}
}
