package proxy

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// Placeholders are text of the image that a URL asks for, from a small one, and cached like images.
func TestPlaceholders(t *testing.T) {
	r := newRig(t, nil)
	for form, want := range map[string]string{"blurhash": "L00000fQfQfQfQfQfQfQfQfQfQfQ", "color": "#000000",
		"thumbhash": "", "lqip": "data:image/webp;base64,"} {
		for i, path := range []string{r.pathOf("rs:fill:300:200/f:"+form, "/a.png"),
			r.pathOf("rs:fill:300:200/f:webp", "/a.png@"+form)} {
			resp, body := r.must(path)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain" ||
				!strings.HasPrefix(body, want) || len(body) < 7 {
				t.Errorf("%s: %d %v %q", form, resp.StatusCode, resp.Header, body)
			}
			if hit := strings.Contains(resp.Header.Get("Cache-Status"), "; hit"); hit != (i == 1) {
				t.Errorf("%s, spelling %d: %s", form, i, resp.Header.Get("Cache-Status"))
			}
			job := r.painter.last.Load()
			if g := transform.NewGeometry(job.Info, job.Outputs[0]); max(g.Width, g.Height) > 100 ||
				g.Width*2 != g.Height*3 && form != "lqip" && g.Width-g.Height*3/2 > 1 {
				t.Errorf("%s is made of %dx%d", form, g.Width, g.Height)
			}
		}
	}
	path := r.pathOf("f:color", "/a.png")
	r.must(path)
	r.purge(PurgeRequest{URLs: []string{path}})
	if resp, _ := r.must(path); strings.Contains(resp.Header.Get("Cache-Status"), "; hit") {
		t.Error("a purge by its URL left a placeholder")
	}
}

// raw, and formats that are left as they are, give no bytes of the source in place of a placeholder.
func TestPlaceholdersAreNeverTheSource(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AllowSVGPassthrough = true })
	for _, options := range []string{"raw:1/f:color", "f:color/raw:1", "skp:png/f:color", "f:color/sm:0/scp:0"} {
		if resp, body := r.must(r.pathOf(options, "/a.png")); resp.StatusCode != 200 || body != "#000000" {
			t.Errorf("%s: %d %.40q", options, resp.StatusCode, body)
		}
	}
	if resp, body := r.must(r.pathOf("f:color/f:png/w:10", "/a.png")); resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("the last format does not count: %d %.40q", resp.StatusCode, body)
	}
}

func TestUnsignedPlaceholders(t *testing.T) {
	r := unsignedRig(t)
	path := "/unsigned/w:100/f:color/plain/" + r.site.URL + "/open/a.png"
	if resp, _ := r.must(path); resp.StatusCode != 403 {
		t.Errorf("a placeholder that no list has: %d", resp.StatusCode)
	}
	r.cfg.Unsigned.Rules.Placeholders = []string{"color"}
	if resp, body := r.must(path); resp.StatusCode != 200 || body != "#000000" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if resp, _ := r.must(strings.Replace(path, "color", "lqip", 1)); resp.StatusCode != 403 {
		t.Errorf("another one: %d", resp.StatusCode)
	}
}
