package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A result that is too large for Redis is made by one server, too, where there is a bucket: the others take it there.
// Without one each server fetches the source and makes it.
func TestOneFillOfALargeResult(t *testing.T) {
	t.Parallel() // it waits
	leases := []string{"--fill-leases", "{redis}", "--fill-leases-from", "0", "--fill-leases-wait", "30s",
		"--fill-leases-handover", "1KiB"}
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		bus, b := startRedis(t), newSharedBucket(t)
		l := &leasing{t: t, bus: bus}
		flags := append([]string{"--cache-bucket-admit", "second"}, leases...)
		for i := range 3 {
			args := append(b.flags(t, bus, fmt.Sprintf("s%d", i)), flags...)
			for k := range args {
				args[k] = strings.ReplaceAll(args[k], "{redis}", bus.url)
			}
			l.servers = append(l.servers, serve(t, args...))
		}
		for _, s := range l.servers {
			waitFor(t, "the bus", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
		}
		l.fillLargeResult(1)
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		newLeasing(t, 3, slices.Clone(leases)...).fillLargeResult(3)
	})
}

// fillLargeResult asks all servers at once, of which so many are to fetch the source and make the result.
func (l *leasing) fillLargeResult(want int) {
	t := l.t
	origin := newGated(t, picturetest.JPEG(picturetest.Photo(640, 480, 1), 90))
	answers := l.askAll("/_/w:400/plain/"+origin.URL+"/a.jpg@jpg", func() {
		waitFor(t, "the servers", func() bool {
			return origin.fetched("/a.jpg") == 1 && l.sum(func(s *server) int { return s.leased("waited") }) == 2
		})
		origin.open()
	})
	l.expectSame(answers)
	fromBucket := 0
	for _, a := range answers {
		if strings.Contains(a.header.Get("Cache-Status"), "detail=bucket") {
			fromBucket++
		}
	}
	made, size := l.sum(func(s *server) int { return s.figure(jobs) }), len(answers[0].body)
	if made != want || fromBucket != 3-want || size <= 1<<10 {
		t.Errorf("%d transforms, %d answers of the bucket, %d bytes", made, fromBucket, size)
	}
	if n := origin.fetched("/a.jpg"); n != want {
		t.Errorf("%d fetches", n)
	}
}
