package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// sourceSharers are two servers that share sources in a bucket.
type sourceSharers struct {
	t             *testing.T
	bucket        *sharedBucket
	origin        *gated
	first, second *server
	// written is how many sources the first one has written.
	written int
}

func (s *sourceSharers) path(width int, name string) string {
	return fmt.Sprintf("/_/w:%d/plain/%s/%s@jpg", width, s.origin.URL, name)
}

// share has the first server fetch a source, and waits until the bucket has it.
func (s *sourceSharers) share(name string) {
	s.t.Helper()
	if a := s.first.get(s.path(400, name)); a.status != http.StatusOK {
		s.t.Fatalf("%s: %d", name, a.status)
	}
	s.written++
	s.awaitSource(s.first, "writes", "written", s.written)
}

func (s *sourceSharers) awaitSource(at *server, calls, result string, n int) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("%s of sources: %s", calls, result), func() bool {
		want := fmt.Sprintf("cache_bucket_source_%s_total{result=%q} %d\n", calls, result, n)
		return strings.Contains(at.metrics(), want)
	})
}

// want has the second server make a result of a source, and the origin asked for that source so often by then.
func (s *sourceSharers) want(width int, name string, fetches int) answer {
	s.t.Helper()
	a := s.second.get(s.path(width, name), "Pictor-Timing", bucketTimingToken)
	if n := s.origin.fetched("/" + name); a.status != http.StatusOK || n != fetches {
		s.t.Errorf("%s with %d pixels: %d, %d fetches, want %d", name, width, a.status, n, fetches)
	}
	return a
}

// objects are the objects of sources, as files of the store.
func (s *sourceSharers) objects() (files []string) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.bucket.dir, "records/v1/s/*/*/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// A server makes another result of a source that another one has fetched, without a request to the origin; not after a
// purge, nor of what is wrong in the bucket; and where the bucket is gone, sources are fetched.
func TestServersShareSourcesInABucket(t *testing.T) {
	t.Parallel() // it waits
	e, b := startRedis(t), newSharedBucket(t)
	s := &sourceSharers{t: t, bucket: b, origin: newGated(t, picturetest.JPEG(picturetest.Photo(640, 480, 1), 90))}
	s.origin.open()
	flags := func(name string) []string { return append(b.flags(t, e, name), "--cache-bucket-sources") }
	s.first, s.second = serve(t, flags("first")...), serve(t, flags("second")...)

	s.share("a.jpg")
	timed := s.want(200, "a.jpg", 1)
	if timing := timed.header.Get("Server-Timing"); !strings.Contains(timing, "bucket;dur=") {
		t.Errorf("Server-Timing: %s", timing)
	}
	if status := timed.header.Get("Cache-Status"); !strings.Contains(status, "fwd=uri-miss; stored") {
		t.Error(status)
	}
	s.second.counted(`pictor_sources_total{how="bucket"} 1`)
	s.want(300, "a.jpg", 1) // it is on disk by now
	s.second.counted(`pictor_sources_total{how="stored"} 1`)

	waitFor(t, "a confirmed purge", func() bool {
		a, status, err := s.first.purgeAt(proxy.PurgeRequest{Sources: []string{s.origin.URL + "/a.jpg"}})
		return err == nil && status == http.StatusOK && len(a.Servers) == 2
	})
	s.want(300, "a.jpg", 2)
	s.awaitSource(s.second, "writes", "written", 1) // in place of what was purged
	s.want(200, "a.jpg", 2)

	s.share("b.jpg")
	spoil := func(_ http.ResponseWriter, answer []byte) bool {
		if len(answer) > 0 {
			answer[len(answer)-9] ^= 1
		}
		return false
	}
	b.spoil.Store(&spoil)
	s.want(200, "b.jpg", 2)
	s.awaitSource(s.second, "reads", "broken", 1)
	b.spoil.Store(nil)

	before := s.objects()
	s.share("c.jpg")
	ofC := slices.DeleteFunc(s.objects(), func(file string) bool { return slices.Contains(before, file) })
	another, err := os.ReadFile(before[0])
	if err != nil || len(ofC) != 1 {
		t.Fatal(err, ofC)
	}
	if err := os.WriteFile(ofC[0], another, 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(200, "c.jpg", 2)
	s.awaitSource(s.second, "reads", "foreign", 1)

	b.store.Kill()
	s.want(200, "d.jpg", 1)
	if a := s.first.get(s.path(400, "e.jpg")); a.status != http.StatusOK {
		t.Errorf("without a bucket: %d", a.status)
	}
	s.awaitSource(s.first, "writes", "failed", 1)
}
