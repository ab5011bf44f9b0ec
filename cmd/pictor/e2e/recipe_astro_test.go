package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// astroImages are the elements of testdata/recipes/astro/pages/index.astro by
// their ids: some of their attributes, the descriptors of their srcset, what
// each of their paths has, and the image that src leads to.
var astroImages = map[string]struct {
	attributes, descriptors, path string
	width, height                 int
	format                        string
}{
	"plain":      {`alt="A dune" width="300" height="200" loading="lazy"`, "", "/rs:fill:300:200/", 300, 200, "webp"},
	"square":     {`alt="" class="wide" data-kind="square" loading="eager"`, "", "", 300, 300, "webp"},
	"widths":     {astroWidths, "200w 400w 800w", "/q:60/", 800, 533, "avif"},
	"densities":  {`width="150" height="100"`, "1.5x 2x", "/q:25/", 150, 100, "webp"},
	"imported":   {`width="1600" height="1067"`, "200w 1600w", "", 1600, 1067, "jpeg"},
	"narrow":     {`width="320" height="213"`, "", "", 320, 213, "png"},
	"contain":    {`width="300" height="300"`, "", "", 300, 200, "webp"},
	"scale-down": {`width="300" height="300"`, "", "", 300, 200, "webp"},
	"cover":      {`width="300" height="300"`, "", "/g:nowe/", 300, 300, "webp"},
	"fill":       {`width="300" height="300"`, "", "/rs:force:", 300, 300, "webp"},
	"outside":    {`width="300" height="300"`, "", "", 450, 300, "webp"},
	"picture":    {`alt="A dune" sizes="300px" width="300" height="200"`, "150w 300w", "", 300, 200, "jpeg"},
}

const astroWidths = `alt="A &quot;dune&quot;" sizes="(max-width: 600px) 100vw, 600px" width="800" height="533"`

// astroUnchanged are the images that pictor has no part in.
var astroUnchanged = map[string]string{
	"unlisted": "https://other.example/a.jpg", "public": "/a.jpg", "svg": "/_astro/mark.",
}

// The recipe for Astro keeps all attributes, and each URL of the built page
// leads to an image of the right size.
func TestRecipeAstro(t *testing.T) {
	needsFrontend(t, "astro")
	t.Parallel() // while others wait
	pictor, sources := serveLocal(t), newSite(t)
	b, err := os.ReadFile(dunes)
	if err != nil {
		t.Fatal(err)
	}
	sources.put("/photos/dunes.jpg", b)
	var built http.Handler // the site, which has imported images
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		built.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	p := newProject(t, "Astro", "https://www.example.com", site.URL, "images.example.com", "127.0.0.1")
	built = http.FileServer(http.Dir(filepath.Join(p.dir, "dist")))
	p.write(t, "src/sign.js", block(t, readPage(t, "signing.md"), "js"))
	p.write(t, "package.json", `{"private": true}`)
	p.replace = strings.NewReplacer("https://images.example.com", sources.URL)
	p.add(t, "testdata/recipes/astro/pages/index.astro", "src/pages/index.astro")
	p.add(t, "testdata/recipes/astro/mark.svg", "src/mark.svg")
	p.add(t, dunes, "src/dunes.jpg")
	p.packages(t)
	p.run(t, pictor.url, "node", "node_modules/astro/astro.js", "build")
	p.noKeyIn(t, "dist")
	page, err := os.ReadFile(filepath.Join(p.dir, "dist/index.html"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var kinds []string
	for _, e := range elements(string(page)) {
		if e.tag == "source" {
			kinds = append(kinds, e.attributes["type"])
			astroSource(t, e)
			continue
		}
		seen[e.attributes["id"]] = true
		astroImage(t, e, pictor.url)
	}
	if strings.Join(kinds, " ") != "image/avif image/webp" || len(seen) != len(astroImages)+len(astroUnchanged) {
		t.Errorf("sources of %v, and %d images: %v", kinds, len(seen), seen)
	}
}

// astroImage compares an <img> with what is said of it.
func astroImage(t *testing.T, e element, server string) {
	t.Helper()
	id := e.attributes["id"]
	if src, ok := astroUnchanged[id]; ok {
		if !strings.HasPrefix(e.attributes["src"], src) || e.attributes["alt"] == "" || e.attributes["width"] == "" {
			t.Errorf("%s: %v", id, e)
		}
		return
	}
	want, ok := astroImages[id]
	if !ok {
		t.Errorf("%v is not known", e)
		return
	}
	for name, value := range attributesOf(want.attributes) {
		if got, ok := e.attributes[name]; !ok || got != value {
			t.Errorf("%s: %s is %q, want %q", id, name, got, value)
		}
	}
	if e.descriptors() != want.descriptors {
		t.Errorf("%s: srcset of %q, want %q", id, e.descriptors(), want.descriptors)
	}
	wantImage(t, e.attributes["src"], want.width, want.height, want.format)
	for _, c := range append(e.srcset(), candidate{url: e.attributes["src"]}) {
		if !strings.HasPrefix(c.url, server) || !strings.Contains(c.url, want.path) {
			t.Errorf("%s: %s, want %s at pictor", id, c.url, want.path)
		}
		if c.descriptor != "" {
			wantImage(t, c.url, c.width(t, e), 0, want.format)
		}
	}
}

// astroSource is for a <source> of the picture.
func astroSource(t *testing.T, e element) {
	t.Helper()
	if e.descriptors() != "150w 300w" || e.attributes["sizes"] != "300px" {
		t.Errorf("%v", e)
	}
	for _, c := range e.srcset() {
		wantImage(t, c.url, c.width(t, e), 0, strings.TrimPrefix(e.attributes["type"], "image/"))
	}
}
