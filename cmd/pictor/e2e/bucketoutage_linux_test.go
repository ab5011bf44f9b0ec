package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bucketOutage is what servers answer while their bucket is of no use.
type bucketOutage struct {
	t      *testing.T
	bucket *sharedBucket
	origin *versions
}

// want has a server answer a version of an image, with a detail in Cache-Status.
func (o *bucketOutage) want(s *server, name string, version int, detail string) {
	o.t.Helper()
	a := s.get("/_/f:png/plain/" + o.origin.URL + name)
	status := a.header.Get("Cache-Status")
	if got, err := versionOf(a); err != nil || got != version || !strings.Contains(status, detail) {
		o.t.Errorf("%s: version %d, %v, %s; want %d, %s", name, got, err, status, version, detail)
	}
}

// hits has a server answer an image many times, and says how long 99 of 100 took at most.
func (o *bucketOutage) hits(s *server, name string, version int, detail string) time.Duration {
	o.t.Helper()
	times := make([]time.Duration, 200)
	for i := range times {
		began := time.Now()
		o.want(s, name, version, detail)
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)*99/100]
}

// results are the objects of results, as files of the store.
func (o *bucketOutage) results() []string {
	o.t.Helper()
	files, err := filepath.Glob(filepath.Join(o.bucket.dir, "records/v1/r/*/*/*"))
	if err != nil {
		o.t.Fatal(err)
	}
	return files
}

// putInPlaceOfOther puts the one object over the only other one.
func (o *bucketOutage) putInPlaceOfOther(one []string) {
	o.t.Helper()
	other := slices.DeleteFunc(o.results(), func(file string) bool { return slices.Contains(one, file) })
	if len(one) != 1 || len(other) != 1 {
		o.t.Fatal(one, other)
	}
	record, err := os.ReadFile(one[0])
	if err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(other[0], record, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// What the bucket has of another image under the name of a result is not served, and is replaced. While the bucket
// hangs, hits in memory and on disk make no request of it, though it is not given up yet; when it is back, it is used
// by the same servers.
func TestHitsMakeNoRequestOfAHangingBucket(t *testing.T) {
	t.Parallel() // it waits
	e, b := startRedis(t), newSharedBucket(t)
	o := &bucketOutage{t: t, bucket: b, origin: newVersions(t)}
	run := func(name string, more ...string) *server { // a busy machine is no outage
		return serve(t, append(append(b.flags(t, e, name), "--cache-bucket-patience", "2s", "--purge-max-lag", "30s"),
			more...)...)
	}
	first, second := run("first"), run("second", "--cache-memory", "off")
	a := o.origin.change("/a.png")

	o.want(first, "/a.png", a, "fwd=uri-miss")
	first.awaitWritten(t, 1)
	ofA := o.results()
	o.want(first, "/b.png", 0, "fwd=uri-miss")
	first.awaitWritten(t, 2)
	o.putInPlaceOfOther(ofA)
	o.want(second, "/b.png", 0, "fwd=uri-miss")
	second.counted(`pictor_cache_bucket_reads_total{result="foreign"} 1`)
	second.awaitWritten(t, 1)
	o.want(run("third"), "/b.png", 0, "detail=bucket")

	waitFor(t, "a result on disk", func() bool {
		path := "/_/f:png/plain/" + o.origin.URL + "/b.png"
		return strings.Contains(second.get(path).header.Get("Cache-Status"), "detail=disk")
	})
	memory, disk := o.hits(first, "/a.png", a, "detail=memory"), o.hits(second, "/b.png", 0, "detail=disk")
	back := make(chan struct{})
	release := sync.OnceFunc(func() { close(back) })
	defer release()
	hang := func(w http.ResponseWriter, _ []byte) bool {
		if w != nil {
			<-back
		}
		return false
	}
	b.spoil.Store(&hang)
	o.want(second, "/c.png", 0, "fwd=uri-miss")
	second.counted(`pictor_cache_bucket_reads_total{result="slow"} 1`)
	second.awaitWritten(t, 2)
	before := b.requests.Load()
	memoryThen, diskThen := o.hits(first, "/a.png", a, "detail=memory"), o.hits(second, "/b.png", 0, "detail=disk")
	if n := b.requests.Load() - before; n != 0 {
		t.Errorf("hits made %d requests of the bucket", n)
	}
	second.counted("pictor_cache_bucket_paused{of=\"reads\"} 0\n")
	t.Logf("p99 of hits before, and while the bucket hangs: memory %v, %v; disk %v, %v",
		memory, memoryThen, disk, diskThen)

	b.spoil.Store(nil)
	release()
	o.want(first, "/d.png", 0, "fwd=uri-miss")
	first.awaitWritten(t, 3)
	o.want(second, "/d.png", 0, "detail=bucket")
	o.want(first, "/c.png", 0, "detail=bucket")
}
