package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// slowProxy hands on what a server sends five seconds late.
func slowProxy(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", address)
			if err != nil {
				client.Close()
				continue
			}
			go func() { io.Copy(server, client); server.Close() }()
			go func() { time.Sleep(5 * time.Second); io.Copy(client, server); client.Close() }()
		}
	}()
	return l.Addr().String()
}

// bucketFiles puts files into folders that are buckets of a store.
func bucketFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, picturetest.JPEG(picturetest.Chart(64, 48), 80), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Sources of three accounts of two stores, and what is answered where a store does not give one. No secret gets
// into a log line or an answer.
func TestBuckets(t *testing.T) {
	const secret, wrong = "the-secret-of-the-store", "a-secret-that-is-wrong"
	s3Dir, gsDir, dir := t.TempDir(), t.TempDir(), t.TempDir()
	bucketFiles(t, s3Dir, "photos/a.jpg", "photos/shop/a b.jpg", "photos/b.jpg", "slow/a.jpg", "denied/a.jpg")
	bucketFiles(t, gsDir, "press/2024/a.jpg")
	s3 := enginetest.Run(t, "versitygw", "--quiet", "--access", "AKID", "--secret", secret, "--port", "{host}:{port}",
		"posix", "--nometa", s3Dir)
	gs := enginetest.Run(t, "fake-gcs-server", "-scheme", "http", "-host", "{host}", "-port", "{port}", "-public-host",
		"{host}:{port}", "-data", gsDir, "-backend", "memory", "-log-level", "error")
	file, key := filepath.Join(dir, "pictor.yaml"), filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	account := func(bucket, address, more string) string {
		return "{store: s3, bucket: " + bucket + ", endpoint: 'http://" + address + "', access-key-id: AKID, " + more +
			"}\n"
	}
	yaml := "insecure: true\nttl-max: 0s\nsource-aliases: {shop: s3://photos/shop/}\naccounts:\n" +
		"  main: " + account("photos", s3.Address(), "secret-access-key-file: "+key) +
		"  shop: " + account("photos", s3.Address(), "prefix: shop/, secret-access-key: "+secret) +
		"  wrong: " + account("denied", s3.Address(), "secret-access-key: "+wrong) +
		"  nowhere: " + account("nowhere", s3.Address(), "secret-access-key: "+secret) +
		"  slow: " + account("slow", slowProxy(t, s3.Address()), "first-byte-timeout: 1s, secret-access-key: "+secret) +
		"  press: {store: gs, bucket: press, endpoint: 'http://" + gs.Address() + "', anonymous: true}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", file, "--cache-dir", t.TempDir(), "--state-dir", t.TempDir())
	ask := func(source string) answer { return s.get("/insecure/w:8/plain/" + source) }
	var bodies strings.Builder
	for source, want := range map[string]struct {
		status       int
		code, logged string
	}{
		"s3://photos/a.jpg": {200, "", ""}, "shop://a b.jpg": {200, "", ""}, "gs://press/2024/a.jpg": {200, "", ""},
		"s3://photos/none.jpg":   {404, "source-not-found", "account main: 404 Not Found NoSuchKey"},
		"s3://nowhere/a.jpg":     {404, "source-not-found", "account nowhere: 404 Not Found NoSuchBucket"},
		"gs://press/none.jpg":    {404, "source-not-found", "account press: 404 Not Found"},
		"s3://denied/a.jpg":      {502, "source-unreachable", "account wrong: 403 Forbidden SignatureDoesNotMatch"},
		"s3://slow/a.jpg":        {504, "source-timeout", "sent no response within 1s"},
		"s3://other/a.jpg":       {403, "source-not-allowed", "no account of --accounts is for this bucket"},
		"gs://photos/a.jpg":      {403, "source-not-allowed", "no account of --accounts is for this bucket"},
		"s3://photos/%2e%2e/b/c": {404, "bad-source", "without . and .. segments"},
	} {
		a := ask(strings.ReplaceAll(source, " ", "%20"))
		code, _, _ := strings.Cut(string(a.body), ":")
		if a.status != want.status || want.code != "" && code != want.code {
			t.Errorf("%s: %v", source, a)
		}
		waitFor(t, want.logged+" in the log", func() bool { return strings.Contains(s.logged(), want.logged) })
		if a.status != http.StatusOK {
			bodies.Write(a.body)
		}
	}
	if a := ask("s3://photos/a.jpg"); a.status != http.StatusOK { // revalidated
		t.Errorf("again: %v", a)
	}
	s3.Kill()
	a := ask("s3://photos/a.jpg")
	if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("the stale result, while the store is down: %v", a)
	}
	if a := ask("s3://photos/b.jpg"); a.status != http.StatusBadGateway {
		t.Errorf("a source that is not stored, while the store is down: %v", a)
	}
	for _, text := range []string{secret, wrong} {
		if strings.Contains(s.logged(), text) || strings.Contains(bodies.String(), text) {
			t.Errorf("the secret %s got out", text)
		}
	}
}

// A bucket's source is purged by its URL, by its prefix, and by its bucket as a host.
func TestPurgeOfABucketsSource(t *testing.T) {
	var fetched atomic.Int64
	picture := picturetest.JPEG(picturetest.Chart(64, 48), 80)
	store := newSite(t) // a public bucket is a site
	store.hold = func(string) { fetched.Add(1) }
	store.put("/photos/cats/a.jpg", picture)
	s := serve(t, "--insecure", "--cache-dir", t.TempDir(), "--state-dir", t.TempDir(), "--accounts",
		"{public: {store: s3, bucket: photos, anonymous: true, endpoint: '"+store.URL+"'}}")
	for i, target := range []string{`{"sources": ["s3://photos/cats/a.jpg"]}`, `{"prefixes": ["s3://photos/cats/"]}`,
		`{"hosts": ["photos"]}`} {
		for range 2 {
			if a := s.get("/insecure/w:8/plain/s3://photos/cats/a.jpg"); a.status != http.StatusOK {
				t.Fatal(a)
			}
		}
		if n := fetched.Load(); n != int64(i)+1 {
			t.Errorf("before %s: %d fetches", target, n)
		}
		resp, err := client.Post(s.admin+"/purge", "application/json", strings.NewReader(target))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", target, resp.Status)
		}
	}
	if a := s.get("/insecure/w:8/plain/s3://photos/cats/a.jpg"); a.status != http.StatusOK || fetched.Load() != 4 {
		t.Errorf("at last: %v, %d fetches", a, fetched.Load())
	}
}
