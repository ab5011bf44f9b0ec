package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// register sends sources to the admin port and gives their hashes.
func (s *server) register(sources ...string) ([]string, error) {
	body, err := json.Marshal(proxy.SourcesRequest{Sources: sources})
	if err != nil {
		return nil, err
	}
	resp, err := client.Post(s.admin+"/sources", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer proxy.SourcesAnswer
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return answer.Hashes, err
}

// A server that is killed while 1,000 sources are being registered, one by one by clients that do not
// wait for each other, loses none whose hash was answered. It is killed at another moment in each round, and each
// round goes on with the log of the one before.
func TestKillsLoseNoHiddenSource(t *testing.T) {
	site := newSite(t)
	site.put("/a.jpg", photo(60, 40))
	dir := t.TempDir()
	flags := []string{"--key", keyHex, "--salt", saltHex, "--allow-networks", "127.0.0.0/8", "--state-dir", dir,
		"--cache-disk", "off", "--max-hidden-sources", "10000"}
	var mu sync.Mutex
	confirmed := map[string]string{} // sources by their hashes
	for round := range 4 {
		s := serve(t, flags...)
		checkHidden(t, s, confirmed)
		killAt := int64(rand.IntN(900)) + 50
		var answered atomic.Int64
		killed := make(chan struct{})
		var clients sync.WaitGroup
		for c := range 20 {
			clients.Go(func() {
				for n := range 50 {
					source := fmt.Sprintf("%s/v/%d-%d-%d/a.jpg", site.URL, round, c, n)
					hashes, err := s.register(source)
					if err != nil {
						select {
						case <-killed:
						default:
							t.Errorf("before the kill: %v", err)
						}
						return
					}
					mu.Lock()
					confirmed[hashes[0]] = source
					mu.Unlock()
					if answered.Add(1) == killAt {
						close(killed)
						_ = s.cmd.Process.Kill()
					}
				}
			})
		}
		clients.Wait()
		<-s.done
		t.Logf("round %d: killed after %d answers, %d had come", round, killAt, answered.Load())
	}
	s := serve(t, flags...)
	checkHidden(t, s, confirmed)
	for hash := range confirmed {
		path := "/w:20/h/" + hash
		if a := s.get(signed(t, path)); a.status != http.StatusOK {
			t.Errorf("%s: %v", path, a)
		}
		break
	}
}

// checkHidden looks all sources up.
func checkHidden(t *testing.T, s *server, confirmed map[string]string) {
	t.Helper()
	lost := 0
	for hash, source := range maps.Clone(confirmed) {
		resp, err := client.Get(s.admin + "/sources?hash=" + hash)
		if err != nil {
			t.Fatal(err)
		}
		var found proxy.HiddenSource
		if err := json.NewDecoder(resp.Body).Decode(&found); err != nil || found.Source != source {
			lost++
		}
		resp.Body.Close()
	}
	if lost > 0 {
		t.Errorf("%d of %d sources are lost", lost, len(confirmed))
	}
	var st proxy.SourcesStats
	resp, err := client.Get(s.admin + "/sources")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil || st.Registered < len(confirmed) {
		t.Errorf("%+v, %v for %d sources", st, err, len(confirmed))
	}
}

// The commands register, sign and look up, and a URL that they print is served; its text shows no source.
func TestHiddenSourcesOnTheCommandLine(t *testing.T) {
	site := newSite(t)
	source := site.put("/secret/a.jpg", photo(60, 40))
	dir := t.TempDir()
	keys := []string{"PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}
	s := serve(t, "--key", keyHex, "--salt", saltHex, "--allow-networks", "127.0.0.0/8", "--state-dir", dir,
		"--max-hidden-sources", "2")
	admin := []string{"--admin-listen", strings.TrimPrefix(s.admin, "http://")}
	path, stderr, code := pictor(t, keys, "sign", "--hash", source, "w:20", "f:png")
	path = strings.TrimSpace(path)
	if code != 0 || strings.Contains(path, "secret") || !strings.HasSuffix(path, ".png") {
		t.Fatalf("sign: %d %q %s", code, path, stderr)
	}
	if a := s.get(path); a.status != http.StatusNotFound || !strings.HasPrefix(string(a.body), "unknown-hash: ") {
		t.Errorf("before: %v", a)
	}
	for range 2 {
		out, stderr, code := pictor(t, nil, append(append([]string{"sources", "add"}, admin...), source)...)
		hash, rest, _ := strings.Cut(strings.TrimSpace(out), " ")
		if code != 0 || rest != source || !strings.Contains(path, "/h/"+hash+".png") {
			t.Errorf("add: %d %q %s", code, out, stderr)
		}
		out, stderr, code = pictor(t, nil, append(append([]string{"sources", "show"}, admin...), "--", hash)...)
		if code != 0 || strings.TrimSpace(out) != source {
			t.Errorf("show: %d %q %s", code, out, stderr)
		}
	}
	if a := s.get(path); a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" {
		t.Errorf("afterwards: %v", a)
	}
	out, _, code := pictor(t, nil, append([]string{"sources", "count"}, admin...)...)
	if code != 0 || !strings.HasPrefix(out, "1 of at most 2, ") {
		t.Errorf("count: %d %q", code, out)
	}
	_, stderr, code = pictor(t, nil, append(append([]string{"sources", "add"}, admin...), source+"1", source+"2")...)
	if code != 1 || !strings.Contains(stderr, "hidden-full") {
		t.Errorf("too many: %d %s", code, stderr)
	}
	out, _, code = pictor(t, keys, "explain", path)
	if code != 0 || !strings.Contains(out, "hidden behind the hash ") || strings.Contains(out, "secret") {
		t.Errorf("explain: %d %q", code, out)
	}
	h := signedurl.SourceHash{1}
	_, stderr, code = pictor(t, nil, append(append([]string{"sources", "show"}, admin...), h.String())...)
	if code != 1 {
		t.Errorf("an unknown hash: %d %s", code, stderr)
	}
	// One that may have fewer than there are does not start.
	s.stop()
	full := []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--key", keyHex, "--salt", saltHex,
		"--state-dir", dir, "--max-hidden-sources"}
	s = serve(t, "--key", keyHex, "--salt", saltHex, "--state-dir", dir, "--max-hidden-sources", "2")
	if _, err := s.register("https://example.com/b.jpg"); err != nil {
		t.Error(err)
	}
	s.stop()
	_, stderr, code = pictor(t, nil, append(full, "1")...)
	if code != 1 || !strings.Contains(stderr, "raise --max-hidden") {
		t.Errorf("with less room: %d %s", code, stderr)
	}
	if _, stderr, code := pictor(t, nil, "serve", "--insecure", "--max-hidden-sources", "1"); code != 3 {
		t.Errorf("without a key: %d %s", code, stderr)
	}
}

// One command tells several servers, and names those that have not been told.
func TestHiddenSourcesOfSeveralServers(t *testing.T) {
	args := func(dir string) []string { return append(storedIn(dir), "--max-hidden-sources", "2") }
	a, b := serveLocal(t, args(t.TempDir())...), serveLocal(t, args(t.TempDir())...)
	other := serve(t, append(args(t.TempDir()), "--insecure", "--source-hash-key", strings.Repeat("ab", 32))...)
	at := func(s *server) string { return strings.TrimPrefix(s.admin, "http://") }
	gone := freeAddress(t)
	add := func(servers []string, sources ...string) (string, string, int) {
		ask := []string{"sources", "add"}
		for _, server := range servers {
			ask = append(ask, "--server", server)
		}
		return pictor(t, nil, append(ask, sources...)...)
	}
	const one, two, three = "https://a.example/1.jpg", "https://a.example/2.jpg", "https://a.example/3.jpg"
	if out, stderr, code := add([]string{at(a), at(b)}, one); code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("two servers: %d %q %s", code, out, stderr)
	}
	out, stderr, code := add([]string{gone, at(a), at(other), at(b)}, two)
	if code == 0 || strings.Count(out, "\n") != 1 || !strings.Contains(stderr, gone+" has not taken all") ||
		!strings.Contains(stderr, at(other)+" has not taken all: its hashes are others") ||
		strings.Contains(stderr, at(a)) || strings.Contains(stderr, at(b)) {
		t.Errorf("two of four servers: %d %q %s", code, out, stderr)
	}
	for _, s := range []*server{a, b} {
		if out, _, code := pictor(t, nil, "sources", "count", "--admin-listen", at(s)); code != 0 ||
			!strings.HasPrefix(out, "2 of at most 2, ") {
			t.Errorf("count: %d %q", code, out)
		}
	}
	out, stderr, code = add([]string{at(a), at(b)}, three)
	if code != 1 || out != "" || strings.Count(stderr, "hidden-full") != 2 {
		t.Errorf("no room: %d %q %s", code, out, stderr)
	}
}
