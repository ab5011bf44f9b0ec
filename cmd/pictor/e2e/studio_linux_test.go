package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// studioPage is the studio of a server in a browser.
type studioPage struct {
	*browser
	server *server
	axe    string
	// operators is the address of the admin port.
	operators string
}

// The studio in a browser: wide and narrow, light and dark, without a violation that axe finds; what it changes by
// fields, by dragging and by files is in preview, URL and code, which are good; its plots move. PICTOR_STUDIO_PICTURE
// names a file for a picture of it.
func TestStudio(t *testing.T) {
	needs(t, "chromium")
	axe, err := os.ReadFile("../../../.ci/studio/node_modules/axe-core/axe.min.js")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("axe-core is not installed: .ci/setup test with CI=true does")
	} else if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--dev", "--key", keyHex, "--salt", saltHex, "--memory-limit", "256MiB", "--state-dir", t.TempDir(),
		"--cache-dir", t.TempDir(), "--admin-token", "secret")
	p := &studioPage{browser: newBrowser(t), server: s, axe: string(axe), operators: s.admin}
	s.admin = "" // the end of the test has no token for it
	for _, screen := range []struct{ width, height int }{{390, 844}, {1280, 800}} {
		for _, scheme := range []string{"dark", "light"} {
			p.screen(screen.width, screen.height, scheme)
			for _, path := range []string{"/", "/studio/explain", "/studio/live"} {
				p.open(s.url + path)
				if path == "/" {
					p.shown()
				}
				p.judge(fmt.Sprintf("%s at %dx%d, %s", path, screen.width, screen.height, scheme))
			}
		}
	}
	t.Run("fields", func(t *testing.T) { p.testFields(t) })
	t.Run("dragging", func(t *testing.T) { p.testDragging(t, p.drag) })
	t.Run("files", func(t *testing.T) { p.testFiles(t) })
	t.Run("code", func(t *testing.T) { p.testCode(t) })
	t.Run("errors", func(t *testing.T) { p.testErrors(t) })
	t.Run("explain", func(t *testing.T) { p.testExplain(t) })
	t.Run("live", func(t *testing.T) { p.testLive(t) })
	p.screen(390, 844, "light")
	t.Run("dragging by a finger", func(t *testing.T) { p.testDragging(t, p.swipe) })
	t.Run("operators", func(t *testing.T) { p.testOperators(t) })
	if name := os.Getenv("PICTOR_STUDIO_PICTURE"); name != "" {
		p.screen(1280, 800, "light")
		p.open(s.url + "/#source=local:///samples/dunes.jpg&a=" + url.QueryEscape("w:1080/q:30/f:webp"))
		p.shown()
		whole := filepath.Join(t.TempDir(), "whole.png")
		if err := os.WriteFile(whole, p.screenshot(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("vips", "pngsave", whole, name, "--palette", "--strip").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// judge fails for what axe finds, for errors of the page, and for a page that is wider than the screen.
func (p *studioPage) judge(what string) {
	p.t.Helper()
	var violations []string
	p.eval(p.axe+`; axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " +
		n.failureSummary).join(" ")))`, &violations)
	var width, screen int
	p.eval("document.documentElement.scrollWidth", &width)
	p.eval("innerWidth", &screen)
	if len(violations) > 0 || len(p.errors()) > 0 || width > screen {
		p.t.Errorf("%s: %d of %d pixels, axe: %q, errors: %s", what, width, screen, violations, p.errors())
	}
}

// shown waits until the page shows the images for its URL, and gives that one.
func (p *studioPage) shown() (u string) {
	p.t.Helper()
	p.wait("the preview", `document.querySelector('#code').textContent.length > 0 && location.origin +
		document.querySelector('#stage').dataset.shows === document.querySelector('#code').textContent`)
	p.eval("document.querySelector('#code').textContent", &u)
	p.idle()
	return u
}

// idle fails where the page still tells that it waits.
func (p *studioPage) idle() {
	p.t.Helper()
	var busy int
	if p.eval("document.querySelectorAll('.busy').length", &busy); busy > 0 {
		p.t.Errorf("%d frames still wait", busy)
	}
}

// change types a value into a field, and gives the URL that the page then shows.
func (p *studioPage) change(id, value string) string {
	p.t.Helper()
	var before, now string
	p.eval("document.querySelector('#code').textContent", &before)
	p.eval(fmt.Sprintf(`((field) => { field.value = %q; field.dispatchEvent(new Event("input", {bubbles: true}));
		field.dispatchEvent(new Event("change", {bubbles: true})); })(document.getElementById(%q))`, value, id), nil)
	p.wait("another URL", fmt.Sprintf("document.querySelector('#code').textContent !== %q", before))
	now = p.shown()
	return now
}

// good wants parts in a URL, which the server answers with an image.
func (p *studioPage) good(t *testing.T, u string, parts ...string) {
	t.Helper()
	path := strings.TrimPrefix(u, p.server.url)
	a := p.server.get(path)
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "image/") {
		t.Errorf("%s: %v", u, a)
	}
	for _, part := range parts {
		if !strings.Contains(path, part) {
			t.Errorf("%s has no %s", u, part)
		}
	}
}

// fact is a figure below the preview.
func (p *studioPage) fact(name string) (text string) {
	p.eval(fmt.Sprintf("document.querySelector('[data-fact=%s] .value')?.textContent ?? ''", name), &text)
	return text
}

func (p *studioPage) testFields(t *testing.T) {
	p.open(p.server.url + "/")
	p.shown()
	p.good(t, p.change("o-width-0", "333"), "/w:333/")
	if size := p.fact("size"); size != "333 × 222" {
		t.Errorf("size %s", size)
	}
	if p.fact("memory") == "" || p.fact("cache") == "" || p.fact("time") == "" || p.fact("bytes") == "" {
		t.Errorf("memory %q, cache %q, time %q, bytes %q", p.fact("memory"), p.fact("cache"), p.fact("time"),
			p.fact("bytes"))
	}
	p.good(t, p.change("o-format-0", "jpg"), "@jpg")
	if format := p.fact("format"); format != "JPEG" {
		t.Errorf("format %s", format)
	}
	p.change("o-height-0", "333")
	p.change("o-resizing_type-0", "fill")
	before := p.change("o-gravity-0", "ea")
	p.good(t, before, "rt:fill", "/g:ea/")
	if p.change("o-gravity-0", "we") == before {
		t.Error("another gravity is the same URL")
	}
	// Every option is a control, but for those that sum up others, and those that this server refuses.
	var known struct {
		Options []struct {
			Names  []string
			SumsUp bool `json:"sums_up"`
		}
	}
	if err := json.Unmarshal(p.server.get("/studio/api/options").body, &known); err != nil || len(known.Options) < 50 {
		t.Fatalf("%d options, %v", len(known.Options), err)
	}
	for _, o := range known.Options {
		var there bool
		p.eval(fmt.Sprintf("document.querySelector('[data-option=\"%s\"] input, [data-option=\"%[1]s\"] select')"+
			" !== null", o.Names[0]), &there)
		if there == o.SumsUp {
			t.Errorf("%s has a control: %v", o.Names[0], there)
		}
	}
}

// place is the middle of an element, and its size.
func (p *studioPage) place(selector string) (x, y, w, h float64) {
	p.t.Helper()
	var box []float64
	p.eval(fmt.Sprintf("((b) => [b.x + b.width / 2, b.y + b.height / 2, b.width, b.height])"+
		"(document.querySelector(%q).getBoundingClientRect())", selector), &box)
	return box[0], box[1], box[2], box[3]
}

// view chooses a view of the stage.
func (p *studioPage) view(name string) {
	p.t.Helper()
	p.eval("delete document.querySelector('#stage').dataset.shows", nil)
	p.eval(fmt.Sprintf("document.querySelector('#views [value=%s]').click()", name), nil)
	p.shown()
}

func (p *studioPage) testDragging(t *testing.T, drag func(fromX, fromY, toX, toY float64)) {
	p.open(p.server.url + "/#source=local:///samples/dunes.jpg&a=w:400/h:400/f:webp")
	before := p.shown()
	x, y, _, _ := p.place(".divider")
	drag(x, y, x+60, y)
	var at []float64
	p.eval("[Number(document.querySelector('.divider').getAttribute('aria-valuenow'))]", &at)
	p.press("ArrowRight")
	p.eval(fmt.Sprintf("[%v, Number(document.querySelector('.divider').getAttribute('aria-valuenow'))]", at[0]), &at)
	if at[0] <= 52 || at[1] <= at[0] {
		t.Errorf("the divider is at %v", at)
	}
	p.view("focus")
	x, y, w, h := p.place(".frame")
	drag(x, y, x-w/4, y+h/4)
	p.wait("another URL", fmt.Sprintf("document.querySelector('#code').textContent !== %q", before))
	focused := p.shown()
	p.good(t, focused, "/g:fp:0.25:0.75/", "rt:fill")
	p.view("crop")
	x, y, w, h = p.place(".frame")
	drag(x-w/4, y-h/4, x+w/4, y+h/4)
	p.wait("another URL", fmt.Sprintf("document.querySelector('#code').textContent !== %q", focused))
	cropped := p.shown()
	p.good(t, cropped, "/c:0.5:0.5:nowe:0.25:0.25/")
	p.judge("the crop view")
	p.press("ArrowRight")
	p.wait("another URL", fmt.Sprintf("document.querySelector('#code').textContent !== %q", cropped))
	p.good(t, p.shown(), "/c:0.5:0.5:nowe:0.27:0.25/")
	p.view("compare")
	p.judge("the view of A and B")
	var panes int
	if p.eval("document.querySelectorAll('.pane img').length", &panes); panes != 2 {
		t.Errorf("%d images side by side", panes)
	}
}
