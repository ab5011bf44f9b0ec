package e2e

import (
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tab is the code of a tab.
func (p *studioPage) tab(id string) (text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf("document.getElementById('tab-%s').click()", id), nil)
	p.eval("document.querySelector('#code').textContent", &text)
	return text
}

var codeURL = regexp.MustCompile(`(?:src="|srcset="|\s)(http[^\s"]+)`)

// The code of each tab gives the URL that the page shows, or asks for it.
func (p *studioPage) testCode(t *testing.T) {
	p.open(p.server.url + "/#source=local:///samples/dunes.jpg&a=" + url.QueryEscape("w:300/q:70/f:webp"))
	want := p.shown()
	for _, id := range []string{"srcset", "picture"} {
		all := codeURL.FindAllStringSubmatch(p.tab(id), -1)
		if len(all) < 3 {
			t.Fatalf("%s: %d URLs in %s", id, len(all), p.tab(id))
		}
		for _, one := range all {
			p.good(t, html.UnescapeString(strings.TrimSuffix(one[1], ",")))
		}
	}
	dir := t.TempDir()
	for id, run := range map[string][]string{"curl": {"sh", "a.sh"}, "go": {"go", "run", "a.go"},
		"js": {"node", "a.mjs"}, "python": {"python3", "a.py"}, "php": {"php", "a.php"}, "ruby": {"ruby", "a.rb"}} {
		code := p.tab(id)
		needs(t, run[0])
		if err := os.WriteFile(filepath.Join(dir, run[len(run)-1]), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(run[0], run[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PICTOR_KEY="+keyHex, "PICTOR_SALT="+saltHex, "GOFLAGS=")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", id, err, code)
		} else if got := strings.TrimSpace(string(out)); id != "curl" && got != want {
			t.Errorf("%s gives %s, want %s", id, got, want)
		}
	}
	made, err := os.ReadFile(filepath.Join(dir, "result.webp"))
	if err != nil || !strings.Contains(string(made[:min(len(made), 16)]), "WEBP") {
		t.Errorf("curl: %v", err)
	}
	p.tab("url")
}

// An error is an image to an img element, with its status.
func (p *studioPage) testErrors(t *testing.T) {
	var size []int
	p.eval(`new Promise((done) => { const image = new Image(); image.onload = () => done([image.naturalWidth]);
		image.onerror = () => done([0]); image.src = "/wrong/w:300/plain/local:///samples/dunes.jpg"; })`, &size)
	if size[0] < 300 {
		t.Errorf("an error is an image of %v pixels", size)
	}
	a := p.server.get("/wrong/w:300/plain/local:///samples/dunes.jpg", "Sec-Fetch-Dest", "image")
	if a.status != 403 || a.header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%v", a)
	}
}

func (p *studioPage) testExplain(t *testing.T) {
	good := p.server.url + signed(t, "/w:300/plain/local:///samples/dunes.jpg")
	for target, want := range map[string]string{good: "The server serves it", good + "x": "The server refuses it"} {
		p.open(p.server.url + "/studio/explain")
		p.eval(fmt.Sprintf("document.getElementById('url').value = %q; document.querySelector('#ask button').click()",
			target), nil)
		p.wait("an answer", "document.querySelector('.verdict')")
		var text string
		p.eval("document.querySelector('#answer').textContent", &text)
		if !strings.Contains(text, want) || !strings.Contains(text, "local:///samples/dunes.jpg") {
			t.Errorf("%s: %s", target, text)
		}
		p.judge("an answer of explain")
	}
}

// The plots move: their figures are of the load that the page sends.
func (p *studioPage) testLive(t *testing.T) {
	p.open(p.server.url + "/studio/live")
	p.wait("a first sample", "document.querySelector('#plot-memory polyline')")
	p.eval("document.getElementById('load').click()", nil)
	label := func(id string) string {
		return fmt.Sprintf("document.querySelector('#%s svg').getAttribute('aria-label')", id)
	}
	p.wait("a busy worker", `/busy [1-9]/.test(`+label("plot-workers")+`)`)
	p.wait("a job in the budget", `/jobs [1-9]/.test(`+label("plot-budget")+`)`)
	p.wait("misses", `/misses (?!0,)/.test(`+label("plot-requests")+`)`)
	p.wait("hits", `/hits (?!0,)/.test(`+label("plot-requests")+`)`)
	var text string
	if p.eval(label("plot-memory"), &text); !strings.Contains(text, "of 256 MiB") {
		t.Errorf("%s", text)
	}
	p.judge("the plots under load")
}
