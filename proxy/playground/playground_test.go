package playground

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

func served(t *testing.T, method, path string) (*httptest.ResponseRecorder, *signedurl.Keyring) {
	t.Helper()
	ring, err := signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{{Key: []byte("key"), Salt: []byte("salt")}}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Page(ring)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w, ring
}

var figure = regexp.MustCompile(`(?s)<figure>\s*<a href="([^"]+)">` +
	`<img src="([^"]+)" width="\d+" height="\d+" alt="([^"]+)"([^>]*)></a>\s*` +
	`<figcaption>([^<]+)<br><code>(.*?)</code></figcaption>`)

// Every image has a valid URL of a sample that exists, a name, and a caption
// that is a part of its URL.
func TestImagesOfThePage(t *testing.T) {
	w, ring := served(t, http.MethodGet, "/")
	page, names := w.Body.String(), map[string]bool{}
	all := figure.FindAllStringSubmatch(page, -1)
	if n := strings.Count(page, "<img"); n != len(shown)+len(more) || n != len(all) {
		t.Fatalf("%d images, %d of them with all that they need", n, len(all))
	}
	for i, m := range all {
		href, src, alt, attributes, caption := html.UnescapeString(m[1]), html.UnescapeString(m[2]), m[3], m[4], m[6]
		verified, err := ring.Verify(src)
		if err != nil || href != src || names[alt] {
			t.Fatalf("%s: %s, %v", alt, href, err)
		}
		names[alt] = true
		path := verified.String()
		req, err := (&signedurl.Dialect{}).Parse(verified)
		if err != nil {
			t.Fatalf("%s: %v", alt, err)
		}
		if _, err := fs.Stat(Samples(), strings.TrimPrefix(req.Source, "local:///")); err != nil {
			t.Errorf("%s: %v", alt, err)
		}
		head, tail, ok := strings.Cut(html.UnescapeString(strings.ReplaceAll(caption, "<wbr>", "")), "…")
		if !ok || !strings.HasPrefix(path, "/"+head+"plain/") || !strings.HasSuffix(path, tail) {
			t.Errorf("%s: the caption %s is not of %s", alt, caption, path)
		}
		if lazy := strings.Contains(attributes, `loading="lazy"`); lazy != (i >= len(shown)) {
			t.Errorf("%s: lazy is %v", alt, lazy)
		}
		if see := strings.Contains(attributes, `class="transparent"`); see != strings.Contains(path, "/mk:") {
			t.Errorf("%s: a checkerboard is %v", alt, see)
		}
	}
}

func TestThePageIsSelfContained(t *testing.T) {
	w, _ := served(t, http.MethodGet, "/")
	page, h := w.Body.String(), w.Header()
	for _, want := range []string{`<html lang="en">`, "<main>", `<meta name="description" content="`,
		"color-scheme: light dark",
		"prefers-color-scheme: dark", `<link rel="icon" href="/favicon.ico"`} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(page, "<script") ||
		regexp.MustCompile(`(?i)(src="(https?:)?//|url\(|@import)`).MatchString(page) {
		t.Error("it loads something from elsewhere")
	}
	policy := h.Get("Content-Security-Policy")
	loose := strings.Contains(policy, "script-src") || strings.Contains(policy, "data:")
	if !strings.HasPrefix(policy, "default-src 'none'; img-src 'self'; ") || loose {
		t.Errorf("%s", policy)
	}
	if h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		t.Errorf("%v", h)
	}
	if w, _ := served(t, http.MethodHead, "/"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestTheIconIsAnSVG(t *testing.T) {
	w, _ := served(t, http.MethodGet, "/favicon.ico")
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	d := xml.NewDecoder(w.Body)
	for first := true; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && !first {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && first {
			if first = false; e.Name.Local != "svg" {
				t.Errorf("it is a %s", e.Name.Local)
			}
		}
	}
}
