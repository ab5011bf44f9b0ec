package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// A purge at one server ends what all servers remember of errors: of missing sources, and of bytes that are no image.
func TestPurgeEndsNegativeEntriesOnEveryServer(t *testing.T) {
	t.Parallel() // it waits
	for _, mode := range []string{"hard", "soft"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			var mended atomic.Bool
			var asked atomic.Int32
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				switch {
				case mended.Load():
					w.Write(versionImage(7))
				case r.URL.Path == "/broken.png":
					fmt.Fprint(w, "no image")
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(origin.Close)
			l := newLeasing(t, 3)
			at := "/_/w:1/plain/" + origin.URL
			paths := []string{at + "/missing.png@png", at + "/broken.png@png"}
			for range 2 { // the second time from memory
				for i, s := range l.servers {
					for k, want := range []int{http.StatusNotFound, http.StatusUnsupportedMediaType} {
						if a := s.get(paths[k]); a.status != want {
							t.Errorf("server %d: %d in place of %d: %.100s", i, a.status, want, a.body)
						}
					}
				}
			}
			if n := asked.Load(); n != 6 {
				t.Errorf("the origin was asked %d times for 2 sources by 3 servers", n)
			}
			mended.Store(true)
			waitFor(t, "a confirmed purge", func() bool {
				a, status, err := l.servers[0].purgeAt(proxy.PurgeRequest{Mode: mode,
					Sources: []string{origin.URL + "/missing.png", origin.URL + "/broken.png"}})
				return err == nil && status == http.StatusOK && len(a.Servers) == len(l.servers)
			})
			for i, s := range l.servers {
				for _, path := range paths {
					if v, err := versionOf(s.get(path)); err != nil || v != 7 {
						t.Errorf("server %d, %s: %d, %v", i, path, v, err)
					}
				}
			}
		})
	}
}
