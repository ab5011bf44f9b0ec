package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// versions is an origin whose images change: the colour of each is its version.
type versions struct {
	*httptest.Server
	mu  sync.Mutex
	now map[string]int
}

func newVersions(t testing.TB) *versions {
	o := &versions{now: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(o.answer))
	t.Cleanup(o.Close)
	return o
}

func (o *versions) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=86400")
	w.Write(versionImage(o.version(r.URL.Path)))
}

func (o *versions) version(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now[path]
}

// change gives an image its next version.
func (o *versions) change(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now[path]++
	return o.now[path]
}

// versionImage is an image of one pixel.
func versionImage(v int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 1, 1))
	m.Set(0, 0, color.RGBA{byte(v >> 16), byte(v >> 8), byte(v), 255})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // of one pixel in memory
	}
	return b.Bytes()
}

// versionOf is the version that an answer shows.
func versionOf(a answer) (int, error) {
	if a.status != http.StatusOK {
		return 0, fmt.Errorf("status %d: %.100s", a.status, a.body)
	}
	m, err := png.Decode(bytes.NewReader(a.body))
	if err != nil {
		return 0, err
	}
	r, g, b, _ := m.At(0, 0).RGBA()
	return int(r>>8)<<16 | int(g>>8)<<8 | int(b>>8), nil
}

// clusterArgs are the flags of a server in a cluster.
func clusterArgs(e *engine, name, dir string, more ...string) []string {
	args := append([]string{"--insecure", "--allow-networks", "127.0.0.0/8", "--purge-bus", e.url,
		"--server-name", name, "--purge-max-lag", "2s", "--log-level", "info", "--workers", "1"}, storedIn(dir)...)
	return append(args, more...)
}

// purgeAt purges at one server.
func (s *server) purgeAt(ask proxy.PurgeRequest) (a proxy.PurgeAnswer, status int, err error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return a, 0, err
	}
	resp, err := client.Post(s.admin+"/purge", "application/json", bytes.NewReader(body))
	if err != nil {
		return a, 0, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&a)
	return a, resp.StatusCode, err
}

// A purge that one server answers is in force on all of them; without the bus each serves as it was told, says so, and
// loses no request; with it back, all is as before without a restart.
func TestPurgesReachEveryServer(t *testing.T) {
	t.Parallel() // it waits
	for name, startEngine := range map[string]func(testing.TB) *engine{"redis": startRedis, "nats": startNATS} {
		t.Run(name, func(t *testing.T) {
			e, origin := startEngine(t), newVersions(t)
			var servers []*server
			for i, policy := range []string{"stale", "revalidate", "serve"} {
				servers = append(servers, serve(t, clusterArgs(e, fmt.Sprintf("s%d", i), t.TempDir(),
					"--purge-in-doubt", policy)...))
			}
			path := "/_/raw:1/plain/" + origin.URL + "/a.png"
			expect := func(want int, when string) {
				t.Helper()
				for i, s := range servers {
					if got, err := versionOf(s.get(path)); err != nil || got != want {
						t.Errorf("%s, server %d: version %d, %v, want %d", when, i, got, err, want)
					}
				}
			}
			expect(0, "cold")
			origin.change("/a.png")
			expect(0, "cached")
			for i, s := range servers {
				want := origin.version("/a.png")
				waitFor(t, "a confirmed purge", func() bool { // the bus learns of servers as they come
					a, status, err := s.purgeAt(proxy.PurgeRequest{Sources: []string{origin.URL + "/a.png"}})
					return err == nil && status == http.StatusOK && len(a.Servers) == len(servers)
				})
				expect(want, fmt.Sprintf("purged at server %d", i))
				origin.change("/a.png")
			}
			last := origin.version("/a.png")
			e.Kill()
			waitFor(t, "doubt", func() bool {
				return strings.Contains(servers[1].get(path).header.Get("Cache-Status"), "purge-bus-silent") &&
					strings.Contains(servers[2].get(path).header.Get("Cache-Status"), "purge-bus-silent") &&
					strings.Contains(servers[0].get(path).header.Get("Cache-Status"), "purge-bus-silent")
			})
			_, status, _ := servers[0].purgeAt(proxy.PurgeRequest{All: true})
			if status != http.StatusServiceUnavailable {
				t.Errorf("a purge without the bus: %d", status)
			}
			if got, err := versionOf(servers[1].get(path)); err != nil || got != last {
				t.Errorf("a server that asks its origin: version %d, %v, want %d", got, err, last)
			}
			if got, err := versionOf(servers[2].get(path)); err != nil || got != last-1 {
				t.Errorf("a server that serves on: version %d, %v, want %d", got, err, last-1)
			}
			if a := servers[0].get("/health/ready"); a.status != http.StatusOK ||
				!strings.Contains(string(a.body), "not been heard of") {
				t.Errorf("readiness: %v", a)
			}
			e.Start()
			for _, s := range servers {
				waitFor(t, "the bus", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
			}
			waitFor(t, "a confirmed purge", func() bool {
				_, status, err := servers[0].purgeAt(proxy.PurgeRequest{Sources: []string{origin.URL + "/a.png"}})
				return err == nil && status == http.StatusOK
			})
			expect(last, "the bus is back")
		})
	}
}

// The command says what came of a purge in a cluster.
func TestPurgeCommandInACluster(t *testing.T) {
	t.Parallel() // it waits
	e := startRedis(t)
	s := serve(t, clusterArgs(e, "only", t.TempDir())...)
	admin := strings.TrimPrefix(s.admin, "http://")
	var out, errs string
	code := 1
	waitFor(t, "a confirmed purge", func() bool {
		out, errs, code = pictor(t, nil, "purge", "--admin-listen", admin, "--tag", "x")
		if code != 0 && !strings.Contains(errs, "was started a moment ago") {
			t.Errorf("%d: %s%s", code, out, errs)
		}
		return code == 0
	})
	if !strings.Contains(out, "in force on: only") {
		t.Errorf("%s", out)
	}
	if out, errs, code = pictor(t, nil, "purge", "--admin-listen", admin, "--tag", "x", "--wait", "local"); code != 0 {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	figures, err := client.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer figures.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(figures.Body); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text.String(), "\npictor_purge_bus_sequence ")
	value, _, _ := strings.Cut(rest, "\n")
	if n, err := strconv.Atoi(value); err != nil || n < 2 {
		t.Errorf("pictor_purge_bus_sequence is %q", value)
	}
}
