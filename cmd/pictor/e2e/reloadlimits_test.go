package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Limits, lifetimes, formats, aliases and images for errors are those of the newest file from the next request on, and
// again those of before when the file has these.
func TestReloadTakesLimits(t *testing.T) {
	site := newSite(t)
	source := site.put("/a.jpg", photo(400, 300))
	mark := filepath.Join(t.TempDir(), "mark.jpg")
	if err := os.WriteFile(mark, photo(32, 24), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	plain := "key: " + keyHex + "\nsalt: " + saltHex + "\n"
	put := func(more string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(plain+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("")
	s := serve(t, "--config", file, "--allow-networks", "127.0.0.0/8")
	next := 0
	ask := func(options, from string) answer { // each time another URL, which no cache has
		next++
		return s.get(signed(t, fmt.Sprintf("/%s/cb:%d/plain/%s", options, next, from)))
	}
	for _, c := range []struct {
		setting, options, source string
		// before is the status without the setting, after with it.
		before, after int
	}{
		{"max-source-size: 1KiB", "w:30", source, 200, 422},
		{"max-source-pixels: 10000", "w:30", source, 200, 422},
		{"max-output-side: 20", "w:30", source, 200, 422},
		{"allow-security-options: true", "w:30/msr:100", source, 403, 200},
		{"watermark: " + mark, "w:30/wm:1", source, 404, 200},
		{"source-aliases: photos=" + site.URL + "/", "w:30", "photos://a.jpg", 403, 200},
		{"fallback-image: " + mark + "\nfallback-status: 203", "w:30", site.URL + "/none.jpg", 404, 203},
		{"allow-networks: 10.0.0.0/8", "w:30", source, 200, 200}, // that of the command line wins
	} {
		name, _, _ := strings.Cut(c.setting, ":")
		if a := ask(c.options, c.source); a.status != c.before {
			t.Errorf("before %s: %v, want %d", name, a, c.before)
		}
		put(c.setting + "\n")
		out, errs, code := s.reloading(t)
		if want := name != "allow-networks"; code != 0 || strings.Contains(out, name) != want ||
			strings.Contains(out, "restart") {
			t.Errorf("%s: %d %s%s", name, code, out, errs)
		}
		if a := ask(c.options, c.source); a.status != c.after {
			t.Errorf("after %s: %v, want %d", name, a, c.after)
		}
		put("")
		if _, errs, code := s.reloading(t); code != 0 {
			t.Errorf("without %s: %d %s", name, code, errs)
		}
	}
	put("ttl: 2h\nauto-formats: webp\n")
	if out, errs, code := s.reloading(t); code != 0 || out != "reloaded: ttl, auto-formats\n" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	a := s.get(signed(t, "/w:31/plain/"+source), "Accept", "image/webp")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/webp" ||
		!strings.Contains(a.header.Get("Cache-Control"), "max-age=7") {
		t.Errorf("%v, %v", a, a.header)
	}
	// What the next start would refuse is refused.
	put("memory-limit: 1MiB\nttl: 3h\n")
	if out, errs, code := s.reloading(t); code != 3 || !strings.Contains(errs, "memory") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}
