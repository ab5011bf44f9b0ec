package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// slowReaders are clients that ask, and read a KiB a second.
type slowReaders struct {
	t    testing.TB
	stop chan struct{}
	wg   sync.WaitGroup
}

func newSlowReaders(t testing.TB) *slowReaders { return &slowReaders{t: t, stop: make(chan struct{})} }

// ask adds one. Its kernel takes little on its own.
func (r *slowReaders) ask(s *server, path string) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF,
				4096)
		})
	}}
	c, err := d.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		r.t.Error(err)
		return
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	r.wg.Go(func() {
		for {
			select {
			case <-r.stop:
				return
			case <-time.After(time.Second):
			}
			if _, err := io.CopyN(io.Discard, c, 1<<10); err != nil {
				return // it was cut off
			}
		}
	})
	r.wg.Go(func() { <-r.stop; c.Close() })
}

func (r *slowReaders) end() {
	close(r.stop)
	r.wg.Wait()
}

// socketBytes is what the kernel holds for all TCP sockets of the machine.
func socketBytes(t testing.TB) int64 {
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		t.Fatal(err)
	}
	var inUse, orphan, tw, alloc, pages int64
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "TCP: "); ok {
			fmt.Sscanf(rest, "inuse %d orphan %d tw %d alloc %d mem %d", &inUse, &orphan, &tw, &alloc, &pages)
		}
	}
	return pages * 4096
}

// Clients that read slowly do not take away what others want: images in the cache
// come as fast as ever, and new ones are made.
func TestSlowReadersDoNotBlockOthers(t *testing.T) {
	const limit = 256 * mib
	origin := newSite(t)
	large := append(picturetest.PNG(plain(64, 64)), make([]byte, 12*mib)...)
	origin.put("/large.png", large)
	origin.put("/a.jpg", photo(800, 600))
	// The dearest readers, and the most: the others come with make soak.
	usual := []string{"200 of 12 MB each, disk 1GiB", "1000 of 100 KB, disk off"}
	for _, tc := range []struct {
		name    string
		readers int
		path    func(i int) string // of the i-th reader's image
	}{
		{"one of 12 MB", 1, func(int) string { return "/insecure/raw:1/plain/" + origin.URL + "/large.png" }},
		{"200 of 12 MB", 200, func(int) string { return "/insecure/raw:1/plain/" + origin.URL + "/large.png" }},
		{"200 of 12 MB each", 200, func(i int) string {
			return fmt.Sprintf("/insecure/raw:1/plain/%s/v/%d/large.png", origin.URL, i)
		}},
		{"1000 of 12 MB", 1000, func(i int) string { return "/insecure/raw:1/plain/" + origin.URL + "/large.png" }},
		{"1000 of 100 KB", 1000, func(i int) string {
			return fmt.Sprintf("/insecure/w:%d/plain/%s/a.jpg@png", 300+i%20, origin.URL)
		}},
	} {
		for _, disk := range []string{"1GiB", "off"} {
			name := tc.name + ", disk " + disk
			if os.Getenv(soakVar) == "" && !slices.Contains(usual, name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				g := newCgroup(t, limit)
				s := serveIn(t, g, append(promptly, "--cache-disk", disk)...)
				hit := "/insecure/w:160/plain/" + origin.URL + "/a.jpg"
				if a := s.get(hit); a.status != http.StatusOK || len(a.body) > 64<<10 {
					t.Fatal(a)
				}
				watch := g.watch()
				readers := newSlowReaders(t)
				defer readers.end()
				for i := range tc.readers {
					readers.ask(s, tc.path(i))
				}
				// While their images are fetched and made hits are served, and from then on
				// as fast as ever.
				hits := s.hits(t, hit)
				var first, fresh load
				var others *contention
				for round := range 4 {
					askNew := func() load {
						return s.burst(1, 3, func(i int) string {
							return fmt.Sprintf("/insecure/w:%d/plain/%s/v/%d/a.jpg", 170+i, origin.URL, round)
						})
					}
					l := askNew()
					// Readers that take all connections are not known to be slow in their
					// first second: a client that comes meanwhile is told to come back.
					full := round == 0 && tc.readers >= 1000
					for tries := 0; full && tries < 3 && l.status[http.StatusServiceUnavailable] > 0; tries++ {
						time.Sleep(time.Second)
						l = askNew()
					}
					fresh.took = append(fresh.took, l.took...)
					if l.status[http.StatusOK] != 3 {
						t.Errorf("images that are not in the cache: %v", l)
					}
					if round == 0 {
						first, hits, others = hits(), s.hits(t, hit), watchContention(t)
					}
					time.Sleep(time.Second) // of reading
				}
				h, quiet, peak := hits(), others.quiet(), watch()
				m, err := s.memory()
				t.Logf("hits: %v, at first: %v; others: %v", h, first, fresh.took)
				t.Logf("at most %d MiB in use, and %d MiB of all sockets", peak/mib, socketBytes(t)/mib)
				for _, a := range m.Accounts {
					t.Logf("%+v", a)
				}
				for _, l := range []load{first, h} {
					if err != nil || l.failed > 0 || l.status[http.StatusOK] != len(l.took) {
						t.Errorf("hits: %v, %v", l, err)
					}
				}
				if n := g.oomKills(); n > 0 || peak > limit/10*9 {
					t.Errorf("%d OOM kills, %d MiB of %d in use", n, peak/mib, limit/mib)
				}
				most := 50 * time.Millisecond
				if strings.HasSuffix(tc.name, "each") { // 2.4 GB are fetched and written meanwhile
					most = 250 * time.Millisecond
				}
				if quiet && h.percentile(0.99) > most {
					t.Errorf("hits: %v", h)
				}
			})
		}
	}
}
