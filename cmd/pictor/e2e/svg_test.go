package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"strings"
	"testing"
)

// readsSVG has a server read SVG whatever layers of the sandbox there are.
var readsSVG = []string{"--insecure", "--formats", "jpg,png,webp,gif,avif,svg"}

// svgOf is an SVG of 200 by 200 around some elements.
func svgOf(inside string) []byte {
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="200" ` +
		`height="200">` + inside + `</svg>`)
}

func TestSVGBecomesAPicture(t *testing.T) {
	site := newSite(t)
	source := site.put("/a.svg", svgOf(`<rect width="200" height="200" fill="#0a0"/>`))
	s := serveLocal(t, readsSVG...)
	for options, want := range map[string]string{
		"w:50": "image/png 50x50", "w:900": "image/png 900x900", "w:50/dpr:2": "image/png 100x100", "f:webp": "image/webp",
		"f:jpg/bg:fff": "image/jpeg", "f:auto": "image/avif",
	} {
		a := s.get("/insecure/"+options+"/plain/"+source, "Accept", "image/avif,image/webp,*/*")
		got := a.header.Get("Content-Type")
		if m, err := png.Decode(bytes.NewReader(a.body)); err == nil {
			got += fmt.Sprintf(" %dx%d", m.Bounds().Dx(), m.Bounds().Dy())
		}
		if a.status != http.StatusOK || got != want {
			t.Errorf("%s: %s (%d), want %s", options, got, a.status, want)
		}
	}
	a := s.get("/insecure/w:60000/plain/" + source)
	if a.status != 422 || !strings.HasPrefix(string(a.body), "over-limit") {
		t.Errorf("a huge result: %v", a)
	}
}

// Text needs files that a worker reads after it is confined: fonts.
func TestTextOfAnSVGIsDrawn(t *testing.T) {
	needs(t, "fc-list")
	site := newSite(t)
	source := site.put("/a.svg", svgOf(`<text x="10" y="100" font-size="60">Text</text>`))
	empty := site.put("/b.svg", svgOf(""))
	for _, sandbox := range []string{"auto", "off"} {
		s := serveLocal(t, append([]string{"--sandbox", sandbox}, readsSVG...)...)
		a, b := s.get("/insecure/w:200/plain/"+source), s.get("/insecure/w:200/plain/"+empty)
		if a.status != http.StatusOK || b.status != http.StatusOK || len(a.body) < 2*len(b.body) {
			t.Errorf("sandbox %s: %d bytes of text, %d without it; %d %d", sandbox, len(a.body), len(b.body), a.status,
				b.status)
		}
	}
}

func TestSVGPassthrough(t *testing.T) {
	svg := svgOf(`<script>alert(1)</script>`)
	site := newSite(t)
	source := site.put("/evil.svg", svg)
	dir := []string{"--cache-dir", t.TempDir(), "--state-dir", t.TempDir()}
	args := append(dir, readsSVG...)
	forms := []string{"raw:1", "skp:svg", "skp:svg/w:50", "raw:1/f:png"}

	refuses := func(s *server) {
		t.Helper()
		for _, form := range forms {
			a := s.get("/insecure/" + form + "/plain/" + source)
			says := bytes.Contains(a.body, []byte("--allow-svg-passthrough"))
			if a.status != http.StatusUnsupportedMediaType || !says {
				t.Errorf("%s: %v", form, a)
			}
		}
		if a := s.get("/insecure/skp:svg/f:png/plain/" + source); a.header.Get("Content-Type") != "image/png" {
			t.Errorf("another format: %v", a)
		}
	}
	allows := func(s *server) {
		t.Helper()
		for _, form := range forms {
			for range 3 { // a miss, a hit, and one of the fast path
				a := s.get("/insecure/" + form + "/plain/" + source)
				h := a.header
				if a.status != http.StatusOK || !bytes.Equal(a.body, svg) || h.Get("Content-Type") != "image/svg+xml" ||
					h.Get("Content-Disposition") != `attachment; filename="evil.svg"` ||
					h.Get("X-Content-Type-Options") != "nosniff" ||
					h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
					t.Errorf("%s: %v", form, a)
				}
			}
		}
	}
	s := serveLocal(t, args...)
	refuses(s)
	s.stop()
	allowing := append([]string{"--allow-svg-passthrough"}, args...)
	s = serveLocal(t, allowing...)
	allows(s)
	s.stop()
	s = serveLocal(t, allowing...)
	allows(s) // from disk
	s.stop()
	refuses(serveLocal(t, args...)) // what is on disk, too
}
