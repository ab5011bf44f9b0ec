package e2e

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A source that is not on the list is refused before anything is fetched, also where its result is
// cached, and whatever name the URL has for it.
func TestSourcesOffTheList(t *testing.T) {
	origin, other := newSite(t), newSite(t)
	picture := picturetest.JPEG(picturetest.Chart(64, 48), 80)
	origin.put("/open/a.jpg", picture)
	origin.put("/secret/a.jpg", picture)
	other.put("/open/a.jpg", picture)
	cache, state := t.TempDir(), t.TempDir()
	shared := []string{"--insecure", "--cache-dir", cache, "--state-dir", state, "--base-url", origin.URL + "/open/",
		"--source-aliases", "photos=" + origin.URL + "/,other=" + other.URL + "/"}
	s := serveLocal(t, shared...)
	allowed := []string{"a.jpg", "/a.jpg", "photos://open/a.jpg", origin.URL + "/open/a.jpg"}
	refused := []string{"photos://secret/a.jpg", "other://open/a.jpg", other.URL + "/open/a.jpg",
		origin.URL + "/open/..%252Fsecret/a.jpg", "https://example.com/open/a.jpg", "local:///a.jpg"}
	ask := func(s *server, source string) answer { return s.get("/insecure/w:8/plain/" + source) }
	for _, source := range append(refused[:3:3], allowed...) {
		if a := ask(s, source); a.status != http.StatusOK {
			t.Errorf("without a list %s: %v", source, a)
		}
	}
	if n := origin.count("/open/a.jpg"); n != 1 {
		t.Errorf("one source under four names was fetched %d times", n)
	}
	s.stop()

	host := strings.TrimPrefix(origin.URL, "http://")
	s = serveLocal(t, append(shared, "--allow-sources", host+"/open/")...)
	for _, source := range allowed {
		if a := ask(s, source); a.status != http.StatusOK {
			t.Errorf("%s: %v", source, a)
		}
	}
	before := other.count("/open/a.jpg") + origin.count("/secret/a.jpg")
	for _, source := range refused {
		if a := ask(s, source); a.status != http.StatusForbidden && a.status != http.StatusNotFound ||
			strings.Contains(string(a.body), host) {
			t.Errorf("%s: %v", source, a)
		}
	}
	if n := other.count("/open/a.jpg") + origin.count("/secret/a.jpg") - before; n != 0 {
		t.Errorf("%d fetches of sources that are not on the list", n)
	}
}

// A file, a data: URL and a source can be the image in place of an error.
func TestFallbackImageOfAFile(t *testing.T) {
	origin := newSite(t)
	file := filepath.Join(t.TempDir(), "grey.png")
	if err := os.WriteFile(file, picturetest.PNG(picturetest.Chart(60, 30)), 0o644); err != nil {
		t.Fatal(err)
	}
	data := "data:image/png;base64," + base64.StdEncoding.EncodeToString(picturetest.PNG(picturetest.Chart(30, 60)))
	s := serveLocal(t, "--insecure", "--fallback-image", file, "--fallback-undecodable", data,
		"--fallback-failed", origin.put("/down.png", picturetest.PNG(picturetest.Chart(80, 20))))
	origin.put("/text.jpg", []byte("no image"))
	gone := newSite(t)
	gone.Close()
	for source, want := range map[string][3]int{ // status and size
		origin.URL + "/missing.jpg": {404, 20, 10}, origin.URL + "/text.jpg": {415, 10, 20}, gone.URL + "/a.jpg": {502, 20, 5},
	} {
		a := s.get("/insecure/rs:fit:20:20/f:png/plain/" + source)
		m, err := png.DecodeConfig(bytes.NewReader(a.body))
		if err != nil || [3]int{a.status, m.Width, m.Height} != want || a.header.Get("Pictor-Fallback") == "" {
			t.Errorf("%s: %v, %d×%d", source, a, m.Width, m.Height)
		}
	}
	_, stderr, code := pictor(t, nil, "serve", "--insecure", "--fallback-image", os.Args[0])
	if code == 0 || !strings.Contains(stderr, "--fallback-missing") && !strings.Contains(stderr, "--fallback-image") {
		t.Errorf("a fallback that is no image: %d %s", code, stderr)
	}
}
