package e2e

import (
	"image/color"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// The way of an option through a whole server: what the worker needs besides
// the source, and the look before the work.
func TestOptionsThroughTheServer(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark.png")
	if err := os.WriteFile(mark, picturetest.PNG(picturetest.Chart(40, 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveLocal(t, "--watermark", mark, "--auto-formats", "webp", "--presets", "card=rs:fill:60:40,default=q:50",
		"--allow-security-options")
	site := newSite(t)
	src := site.put("/a.jpg", photo(600, 400))
	framed := site.put("/framed.png", picturetest.PNG(picturetest.Framed(200, 100, 30, color.White)))
	plain := s.get(signed(t, "/w:300/f:png/plain/"+src))
	marked := s.get(signed(t, "/w:300/f:png/wm:1:nowe/plain/"+src))
	if plain.status != http.StatusOK || marked.status != http.StatusOK || string(plain.body) == string(marked.body) {
		t.Errorf("%v, %v", plain.status, marked)
	}
	for path, want := range map[string]transform.Info{
		"/pr:card/f:png/plain/" + src:    {Format: transform.PNG, Width: 60, Height: 40},
		"/t:10/f:png/plain/" + framed:    {Format: transform.PNG, Width: 200, Height: 100},
		"/w:300/mrd:150/plain/" + src:    {Format: transform.JPEG, Width: 150, Height: 100},
		"/raw:1/w:5/plain/" + framed:     {Format: transform.PNG, Width: 260, Height: 160},
		"/w:5/skp:png/plain/" + framed:   {Format: transform.PNG, Width: 260, Height: 160},
		"/w:300/h:300/ex:1/plain/" + src: {Format: transform.JPEG, Width: 300, Height: 300},
	} {
		a := s.get(signed(t, path))
		info, err := container.Sniff(a.body)
		if a.status != http.StatusOK || err != nil || info.Format != want.Format || info.Width != want.Width ||
			info.Height != want.Height {
			t.Errorf("%s: %d, %v %dx%d, %v", path, a.status, info.Format, info.Width, info.Height, err)
		}
	}
}

func TestWatermarkThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mark.png")
	for text, b := range map[string][]byte{"--watermark": []byte("<html>"), "1048576 bytes": make([]byte, 1<<20+1)} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := pictor(t, nil, "serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen",
			"off", "--watermark", file); code == 0 || !strings.Contains(stderr, text) {
			t.Errorf("%s: %d, %s", text, code, stderr)
		}
	}
	if _, stderr, code := pictor(t, nil, "serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen", "off",
		"--watermark", file+"x"); code == 0 || !strings.Contains(stderr, "cannot be read") {
		t.Errorf("no file: %d, %s", code, stderr)
	}
}
