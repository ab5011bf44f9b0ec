package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A result that is too large for Redis is made by one server, too, where there is a bucket: the others take it there.
func TestOneFillOfALargeResult(t *testing.T) {
	t.Parallel() // it waits
	bus, b := startRedis(t), newSharedBucket(t)
	l := &leasing{t: t, bus: bus}
	for i := range 3 {
		l.servers = append(l.servers, serve(t, append(b.flags(t, bus, fmt.Sprintf("s%d", i)), "--cache-bucket-admit",
			"second", "--fill-leases", bus.url, "--fill-leases-from", "0", "--fill-leases-wait", "30s",
			"--fill-leases-handover", "1KiB")...))
	}
	for _, s := range l.servers {
		waitFor(t, "the bus", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
	}
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
	if made != 1 || fromBucket != 2 || size <= 1<<10 {
		t.Errorf("%d transforms, %d answers of the bucket, %d bytes", made, fromBucket, size)
	}
	if n := origin.fetched("/a.jpg"); n != 1 {
		t.Errorf("%d fetches", n)
	}
}
