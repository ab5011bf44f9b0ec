package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// reloading runs `pictor reload` for a server.
func (s *server) reloading(t testing.TB) (out, errs string, code int) {
	t.Helper()
	return pictor(t, nil, "reload", "--admin-listen", strings.TrimPrefix(s.admin, "http://"))
}

// changed rewrites a file.
func changed(t testing.TB, file string, change func(string) string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(change(string(b))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// twoKeys is a file with the access keys shop and blog, and a server with it.
func twoKeys(t testing.TB) (file string, s *server) {
	file = keyFile(t, "shop")
	_, blog, _ := strings.Cut(readText(t, keyFile(t, "blog")), "\n")
	changed(t, file, func(text string) string { return text + blog })
	return file, serve(t, "--config", file, "--allow-networks", "127.0.0.0/8")
}

func readText(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// revoke revokes a key in a file, or undoes it.
func revoke(t testing.TB, file, id string, revoked bool) {
	changed(t, file, func(text string) string {
		text = strings.ReplaceAll(text, "  "+id+":\n    revoked: true\n", "  "+id+":\n")
		if revoked {
			text = strings.ReplaceAll(text, "  "+id+":\n", "  "+id+":\n    revoked: true\n")
		}
		return text
	})
}

// A key is revoked under fifty requests a second, on connections that are kept: the next request by it is
// a 403, whether its image is cached or not, and no other request is lost.
func TestRevocationByReloadUnderLoad(t *testing.T) {
	long(t, "load for some seconds")
	site := newSite(t)
	file, s := twoKeys(t)
	source := site.put("/a.jpg", photo(400, 300))
	held, release := make(chan struct{}), make(chan struct{})
	site.hold = func(path string) {
		if path == "/v/held/a.jpg" {
			close(held)
			<-release
		}
	}
	inFlight := make(chan answer, 1)
	slow := signedBy(t, file, "shop", strings.Replace(source, "/a.jpg", "/v/held/a.jpg", 1), "w:30")
	go func() { inFlight <- s.get(slow) }()
	<-held

	hits := map[string]string{}
	for _, id := range []string{"shop", "blog"} {
		hits[id] = signedBy(t, file, id, source, "w:20")
	}
	misses := map[string][]string{}
	for i := range 12 {
		other := strings.Replace(source, "/a.jpg", fmt.Sprintf("/v/%d/a.jpg", i), 1)
		for _, id := range []string{"shop", "blog"} {
			misses[id] = append(misses[id], signedBy(t, file, id, other, "w:20"))
		}
	}
	type result struct {
		id     string
		began  time.Time
		status int
		err    error
	}
	var mu sync.Mutex
	var results []result
	var asking sync.WaitGroup
	ask := func(n int) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range n {
			<-tick.C
			id := []string{"shop", "blog"}[i%2]
			path := hits[id]
			if i%8 < 2 {
				path = misses[id][i/8%12]
			}
			asking.Go(func() {
				r := result{id: id, began: time.Now()}
				a, err := s.try(http.MethodGet, path)
				r.status, r.err = a.status, err
				mu.Lock()
				results = append(results, r)
				mu.Unlock()
			})
		}
	}
	done := make(chan struct{})
	go func() { ask(150); close(done) }()
	waitFor(t, "half of the load", func() bool { mu.Lock(); defer mu.Unlock(); return len(results) > 60 })
	revoke(t, file, "shop", true)
	before := time.Now()
	out, errs, code := s.reloading(t)
	after := time.Now()
	if code != 0 || out != "reloaded: access-keys\n" {
		t.Fatal(code, out, errs)
	}
	if a := s.get(hits["shop"]); a.status != http.StatusForbidden || !strings.HasPrefix(string(a.body), "key-revoked") {
		t.Error("the next request: ", a)
	}
	<-done
	asking.Wait()
	close(release)
	if a := <-inFlight; a.status != http.StatusOK {
		t.Error("the request under way: ", a)
	}
	revoked := 0
	for _, r := range results {
		early, late := r.began.Before(before.Add(-time.Second)), r.began.After(after)
		switch {
		case r.err != nil, r.status != http.StatusOK && r.status != http.StatusForbidden,
			r.status == http.StatusForbidden && (r.id == "blog" || early),
			r.status == http.StatusOK && r.id == "shop" && late:
			t.Errorf("%+v, reloaded from %v to %v", r, before, after)
		case r.status == http.StatusForbidden:
			revoked++
		}
	}
	if len(results) != 150 || revoked < 10 {
		t.Errorf("%d results, %d refused", len(results), revoked)
	}
}

func TestReload(t *testing.T) {
	site := newSite(t)
	file, s := twoKeys(t)
	source := site.put("/a.jpg", photo(400, 300))
	shop, blog := signedBy(t, file, "shop", source, "w:20"), signedBy(t, file, "blog", source, "w:20")
	want := func(when string, shopStatus, blogStatus int) {
		t.Helper()
		for range 2 {
			if a, b := s.get(shop), s.get(blog); a.status != shopStatus || b.status != blogStatus {
				t.Errorf("%s: %v %v", when, a, b)
			}
		}
	}
	reloads := func() int { return strings.Count(s.logged(), `msg="settings reloaded"`) }
	want("at first", 200, 200)

	revoke(t, file, "blog", true)
	s.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "the reload", func() bool { return reloads() == 1 })
	want("after SIGHUP", 200, 403)

	// A wrong file is refused whole, with its line, and shows nothing of a secret.
	secret := regexp.MustCompile(`key: "([0-9a-f]{64})"`).FindStringSubmatch(readText(t, file))[1]
	good := readText(t, file)
	revoke(t, file, "shop", true)
	changed(t, file, func(text string) string { return text + "    max-wdith: " + secret + "\n" })
	out, errs, code := s.reloading(t)
	if code != 3 || !strings.Contains(errs, `did you mean "max-width"`) || !strings.Contains(errs, "line ") {
		t.Error(code, out, errs)
	}
	want("after a wrong file", 200, 403)
	s.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "the error", func() bool {
		return strings.Count(s.logged(), `msg="settings not reloaded: those in force stay"`) == 2
	})
	if strings.Contains(errs+out+s.logged(), secret) {
		t.Error("a key is shown")
	}

	// What needs a restart is named, also the next time; what does not is in force.
	changed(t, file, func(string) string {
		return good + "ttl: 2h\nworker-jobs: 7\nallow-sources: other.example.com\npresets: {card: \"w:30\"}\n"
	})
	revoke(t, file, "blog", false)
	for _, first := range []string{"access-keys, presets, ttl, allow-sources\nonly", "nothing has changed\nonly"} {
		out, errs, code = s.reloading(t)
		restart := strings.Contains(out, "a restart takes: worker-jobs")
		if code != 0 || !strings.HasPrefix(out, "reloaded: "+first) || !restart {
			t.Error(code, out, errs)
		}
	}
	want("with other sources", 403, 403)
	changed(t, file, func(string) string { return good })
	revoke(t, file, "blog", false)
	if out, errs, code = s.reloading(t); code != 0 {
		t.Error(code, out, errs)
	}
	want("in the end", 200, 200)
	if _, errs, code = pictor(t, nil, "reload", "--admin-listen", "127.0.0.1:1"); code != 1 {
		t.Error("without a server: ", code, errs)
	}
}

// A reload reaches dialects without a signature, too: what the new lists do not have is refused, also where it was
// served before.
func TestReloadReachesMountedDialects(t *testing.T) {
	t.Parallel() // it waits
	site := newSite(t)
	source := site.put("/a.jpg", photo(64, 48))
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	settings := "key: " + keyHex + "\nsalt: " + saltHex + "\nunsigned: true\nunsigned-sources: " + site.URL + "/\n" +
		"unsigned-widths: 32\nimaginary-path: /imaginary/\ncloudflare-path: /cdn-cgi/image/\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", file, "--allow-networks", "127.0.0.0/8")
	expect := func(allowed, refused int) {
		t.Helper()
		for width, status := range map[int]int{allowed: http.StatusOK, refused: http.StatusForbidden} {
			for _, path := range []string{
				fmt.Sprintf("/imaginary/resize?width=%d&url=%s", width, url.QueryEscape(source)),
				fmt.Sprintf("/cdn-cgi/image/w=%d/%s", width, source),
				fmt.Sprintf("/unsigned/w:%d/plain/%s", width, source),
			} {
				if a := s.get(path); a.status != status {
					t.Errorf("%s: %v, want %d", path, a, status)
				}
			}
		}
	}
	expect(32, 48)
	changed(t, file, func(text string) string { return strings.Replace(text, "widths: 32", "widths: 48", 1) })
	if out, errs, code := s.reloading(t); code != 0 {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	expect(48, 32)
}
