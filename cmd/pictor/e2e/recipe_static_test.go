package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantOneSignature wants all candidates of elements to be images of their widths, of this format, and to differ in
// nothing but what stands before one signature; a width that the list does not have is refused.
func wantOneSignature(t *testing.T, s *server, signed map[string]bool, e element, format string) {
	t.Helper()
	if e.descriptors() != "320w 640w 1280w" || e.attributes["sizes"] != fluid {
		t.Fatalf("%v", e)
	}
	for _, c := range e.srcset() {
		wantImage(t, c.url, c.width(t, e), 0, format)
		path := strings.TrimPrefix(c.url, s.url)
		for strings.Contains(path[:min(8, len(path))], ":") {
			_, rest, _ := strings.Cut(path[1:], "/")
			path = "/" + rest
		}
		signed[path] = true
		other := strings.Replace(c.url, "/w:"+strings.TrimSuffix(c.descriptor, "w"), "/w:641", 1)
		if a := s.get(strings.TrimPrefix(other, s.url)); a.status != 403 ||
			!strings.HasPrefix(string(a.body), "not-in-list: ") {
			t.Errorf("%s: %v", other, a)
		}
	}
}

// A static site's pages, made by Node and by Python, have one signature for all sizes and formats of an image.
func TestRecipeStaticSite(t *testing.T) {
	s := serveLocal(t, "--local-root", "../../../proxy/playground/samples")
	p := newProject(t, "Static sites", "https://images.example.com/a.jpg", "local:///dunes.jpg")
	t.Run("node", func(t *testing.T) {
		needs(t, "node")
		p.write(t, "sign.mjs", block(t, readPage(t, "signing.md"), "js"))
		p.run(t, s.url, "node", "build.mjs")
		page, err := os.ReadFile(filepath.Join(p.dir, "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		list := elements(string(page))
		if len(list) != 3 || list[0].attributes["type"] != "image/avif" || list[1].attributes["type"] != "image/webp" ||
			list[2].attributes["alt"] != "A dune" {
			t.Fatalf("%s", page)
		}
		signed := map[string]bool{}
		for i, format := range []string{"avif", "webp", "jpeg"} {
			wantOneSignature(t, s, signed, list[i], format)
		}
		wantImage(t, list[2].attributes["src"], 1280, 0, "jpeg")
		if len(signed) != 1 {
			t.Errorf("%v", signed)
		}
		p.noKeyIn(t, "index.html")
	})
	t.Run("python", func(t *testing.T) {
		needs(t, "python3")
		p.write(t, "sign.py", block(t, readPage(t, "signing.md"), "python"))
		list := elements(p.run(t, s.url, "python3", "pictor.py"))
		if len(list) != 1 || list[0].attributes["alt"] != "A dune" {
			t.Fatalf("%v", list)
		}
		signed := map[string]bool{}
		wantOneSignature(t, s, signed, list[0], "webp")
		if len(signed) != 1 {
			t.Errorf("%v", signed)
		}
	})
}
