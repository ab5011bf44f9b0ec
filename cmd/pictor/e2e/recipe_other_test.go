package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const fluid = "(max-width: 600px) 100vw, 600px"

// The <img> that docs/frontends.md makes by pictor sign leads to images of its widths.
func TestRecipeHTML(t *testing.T) {
	s := serveLocal(t, "--local-root", "../../../proxy/playground/samples")
	command := block(t, recipeSection(t, "Plain HTML"), "sh")
	command = strings.NewReplacer("bin/pictor", program, "https://img.example.com", s.url,
		"https://images.example.com/a.jpg", "local:///dunes.jpg").Replace(command)
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderrOf(err))
	}
	list := elements(string(out))
	if len(list) != 1 || list[0].descriptors() != "320w 640w 1280w" {
		t.Fatalf("%s", out)
	}
	img := list[0]
	if a := img.attributes; a["alt"] != "A dune" || a["sizes"] != fluid || a["src"] != img.srcset()[2].url {
		t.Errorf("%v", a)
	}
	for _, c := range img.srcset() {
		wantImage(t, c.url, c.width(t, img), 0, "webp")
	}
}

// Nuxt Image mints URLs that pictor serves, by the configuration of the page
// without a key, and with one.
func TestRecipeNuxt(t *testing.T) {
	needsFrontend(t, "@nuxt/image")
	sources := newSite(t)
	b, err := os.ReadFile(dunes)
	if err != nil {
		t.Fatal(err)
	}
	sources.put("/photos/dunes.jpg", b)
	for name, tc := range map[string]struct {
		server *server
		key    []string
	}{
		"unsigned": {serve(t, "--insecure", "--allow-networks", "127.0.0.0/8"), nil},
		"signed":   {serveLocal(t), []string{keyHex, saltHex}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, "Nuxt Image", "https://img.internal", tc.server.url, "https://www.example.com",
				sources.URL)
			p.replace = strings.NewReplacer("https://images.example.com", sources.URL)
			if err := os.Rename(p.dir+"/nuxt.config.ts", p.dir+"/nuxt.config.mjs"); err != nil { // Node knows no types
				t.Fatal(err)
			}
			p.add(t, "testdata/recipes/nuxt/mint.mjs", "mint.mjs")
			p.packages(t)
			var minted []struct {
				Name, URL, Format string
				Width, Height     int
			}
			out := p.run(t, tc.server.url, append([]string{"node", "mint.mjs"}, tc.key...)...)
			if err := json.Unmarshal([]byte(out), &minted); err != nil || len(minted) < 10 {
				t.Fatalf("%d URLs, %v", len(minted), err)
			}
			for _, m := range minted {
				if strings.Contains(m.URL, "/unsafe/") != (tc.key == nil) || !strings.HasPrefix(m.URL, tc.server.url) {
					t.Errorf("%s: %s", m.Name, m.URL)
				}
				wantImage(t, m.URL, m.Width, m.Height, m.Format)
			}
		})
	}
}

// The helper and the template for Rails make URLs that pictor serves.
func TestRecipeRails(t *testing.T) {
	needs(t, "ruby")
	if exec.Command("ruby", "-e", "require 'action_view'").Run() != nil {
		needs(t, "action_view of Rails")
	}
	s := serveLocal(t, "--local-root", "../../../proxy/playground/samples")
	p := newProject(t, "Rails")
	p.write(t, "app/lib/pictor.rb", block(t, readPage(t, "signing.md"), "ruby"))
	p.write(t, "app/views/photo.html.erb", block(t, recipeSection(t, "Rails"), "erb"))
	p.add(t, "testdata/recipes/rails/render.rb", "render.rb")
	out := p.run(t, s.url, "ruby", "render.rb", "local:///dunes.jpg")
	list := elements(out)
	if len(list) != 2 || list[0].attributes["width"] != "300" || list[0].attributes["height"] != "200" ||
		list[1].descriptors() != "320w 640w 1280w" || list[1].attributes["sizes"] != fluid {
		t.Fatalf("%s", out)
	}
	wantImage(t, list[0].attributes["src"], 300, 200, "webp")
	wantImage(t, list[1].attributes["src"], 640, 0, "webp")
	for _, c := range list[1].srcset() {
		wantImage(t, c.url, c.width(t, list[1]), 0, "webp")
	}
	for _, e := range list {
		if e.attributes["alt"] != `A "dune"` {
			t.Errorf("%v", e)
		}
	}
}
