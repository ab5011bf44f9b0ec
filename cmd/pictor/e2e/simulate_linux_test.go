package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// simulated are the figures of cmd/simulate that servers have as well.
type simulated struct {
	Requests, RAMHits, DiskHits, Transforms, Fetches int
}

// tracedRequest is a line of a trace: a request, or a purge of all results of an image.
type tracedRequest struct {
	image   string
	variant int
	purge   bool
}

// simulateServers replays a short trace through three simulated servers, and gives the trace. The servers are as small
// as those of the test, and results have as many bytes.
func simulateServers(t *testing.T, balance string, resultBytes int) (simulated, []tracedRequest) {
	t.Helper()
	dir := t.TempDir()
	simulate, file := filepath.Join(dir, "simulate"), filepath.Join(dir, "trace")
	if err := build(simulate, "../../simulate", "CGO_ENABLED=0"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(simulate, "-json", "-trace", file, "-servers", "3", "-balance", balance,
		"-requests", "4000", "-images", "1200", "-variants", "3", "-days", "1", "-new", "0.3", "-purges", "40",
		"-sigma", "0", "-result", strconv.Itoa(resultBytes), "-source", "2000",
		"-ram", strconv.Itoa(1<<20), "-disk", strconv.Itoa(4<<20), "-scale", "0", "-warm", "0").Output()
	var all []simulated
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	text, readErr := os.ReadFile(file)
	if err != nil || readErr != nil || len(all) != 1 {
		t.Fatalf("%s, %v, %v", out, err, readErr)
	}
	var trace []tracedRequest
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		r := tracedRequest{image: f[1], purge: f[2] == "purge"}
		if !r.purge {
			if r.variant, err = strconv.Atoi(f[2]); err != nil {
				t.Fatal(err)
			}
		}
		trace = append(trace, r)
	}
	return all[0], trace
}

// Three real servers hit, make and fetch as often as the simulated ones, behind HAProxy and at random.
func TestSimulationAgreesWithServers(t *testing.T) {
	for _, balance := range []string{"hashed", "random"} {
		t.Run(balance, func(t *testing.T) {
			b, site := newBalanced(t, "--cache-memory", "1MiB", "--cache-disk", "4MiB", "--ttl", "24h"), newSite(t)
			site.put("/photo.jpg", photo(64, 48))
			source := func(image string) string { return site.URL + "/v/" + image + "/photo.jpg" }
			path := func(r tracedRequest) string {
				return fmt.Sprintf("/_/w:%d/f:png/plain/%s", 34+r.variant, source(r.image))
			}
			size := b.get(path(tracedRequest{image: "size"}))
			if size.status != http.StatusOK {
				t.Fatal(size)
			}
			want, trace := simulateServers(t, balance, len(size.body))
			hits, choose := 0, rand.New(rand.NewPCG(1, 1)) // the trace has a seed, too
			for i, r := range trace {
				if r.purge {
					for _, s := range b.servers {
						ask := proxy.PurgeRequest{Sources: []string{source(r.image)}, Mode: "hard"}
						_, status, err := s.purgeAt(ask)
						if err != nil || status != http.StatusOK {
							t.Fatal(status, err)
						}
					}
					continue
				}
				ask := b.get
				if balance == "random" {
					ask = b.servers[choose.IntN(len(b.servers))].attempt
				}
				a := ask(path(r))
				if a.status != http.StatusOK {
					t.Fatalf("request %d: %v", i, a)
				}
				if strings.Contains(a.header.Get("Cache-Status"), "; hit") {
					hits++
				}
			}
			fetches := 0
			site.mu.Lock()
			for _, n := range site.asked {
				fetches += n
			}
			site.mu.Unlock()
			n := float64(want.Requests)
			simulatedHits, simulatedFetches := float64(want.RAMHits+want.DiskHits)/n, float64(want.Fetches)/n
			t.Logf("of %d requests hits %.3f, simulated %.3f; fetches %.3f, simulated %.3f", want.Requests,
				float64(hits)/n, simulatedHits, float64(fetches)/n, simulatedFetches)
			if math.Abs(float64(hits)/n-simulatedHits) > 0.03 {
				t.Errorf("hit ratio %.3f, simulated %.3f", float64(hits)/n, simulatedHits)
			}
			if math.Abs(float64(fetches)/n-simulatedFetches) > 0.05 {
				t.Errorf("fetches %.3f, simulated %.3f", float64(fetches)/n, simulatedFetches)
			}
		})
	}
}
