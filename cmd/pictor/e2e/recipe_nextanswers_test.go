package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// nextRequest is a request that is sent to Next.js' optimizer and to pictor.
type nextRequest struct {
	query, accept string
	// pictor is what pictor answers where that differs on purpose; 0 for the status of Next.js.
	pictor int
}

// requests are of the settings of the recipe: widths of Next.js, qualities 50 and 75, AVIF and WebP.
func (s *nextImageSite) requests() []nextRequest {
	const webp, all = "image/webp", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
	from := func(source, rest string) string { return "url=" + url.QueryEscape(source) + rest }
	remote := func(name, rest string) string { return from(s.sources.URL+"/photos/"+name, rest) }
	const good = "&w=640&q=75"
	reqs := []nextRequest{
		{remote("dunes.jpg", good), all, 0}, {remote("dunes.jpg", good), webp, 0}, {remote("dunes.jpg", good), "*/*", 0},
		{remote("dunes.jpg", good), "", 0}, {remote("dunes.jpg", good), "image/avif;q=0.5,image/webp;q=0.9", 0},
		{remote("dunes.jpg", good), "image/avif;q=0,image/webp", 0}, {remote("dunes.jpg", good), "text/html", 0},
		{remote("dunes.jpg", "&w=16&q=50"), webp, 0}, {remote("dunes.jpg", "&w=3840&q=50"), webp, 0},
		{remote("dunes.jpg", "&w=0640&q=075"), webp, 0}, {remote("dunes.jpg", good+"&dpl=dpl_1&x=%zz"), webp, 0},
		{from("/dunes.jpg", good), webp, 0}, {"q=50&w=384&url=/dunes.jpg", webp, 0},
		{"url=%2Fdunes%2Ejpg" + good, webp, 0},
		{remote("text.jpg", good), webp, 0}, {remote("drawing.png", good), webp, 0},
		{remote("missing.jpg", good), webp, 0}, {from("/_next/static/media/missing.jpg", good), webp, http.StatusNotFound},
		{"", webp, 0}, {"url=" + good, webp, 0}, {"w=640&q=75", webp, 0},
		{from("/dunes.jpg", "&url=/dunes.jpg"+good), webp, 0},
		{from("//evil.example/a.jpg", good), webp, 0}, {from("/"+strings.Repeat("a", 3072), good), webp, 0},
		{from("dunes.jpg", good), webp, 0}, {from("ftp://evil.example/a.jpg", good), webp, 0},
		{from("https://evil.example/a.jpg", good), webp, 0}, {from(s.sources.URL+"/private/dunes.jpg", good), webp, 0},
		{from(s.sources.URL+"/photos/../private/dunes.jpg", good), webp, 0},
		{from(s.sources.URL+".evil.example/photos/dunes.jpg", good), webp, 0},
		{from("/_next/image?url=/dunes.jpg&w=640&q=75", good), webp, 0}, {from("/_next/%69mage?url=/a", good), webp, 0},
		{from("javascript:alert(1)", good), webp, 0},
	}
	for _, rest := range []string{"&q=75", "&w=640", "&w=&q=75", "&w=641&q=75", "&w=0&q=75", "&w=-640&q=75",
		"&w=640.5&q=75", "&w=640px&q=75", "&w=640&w=640&q=75", "&w=640&q=80", "&w=640&q=0", "&w=640&q=101",
		"&w=640&q=high", "&w=640&q=75&q=75", "&w=99999999999&q=75"} {
		reqs = append(reqs, nextRequest{from("/dunes.jpg", rest), webp, 0})
	}
	return reqs
}

var maxAge = regexp.MustCompile(`max-age=1(4400|439\d)`)

// compare sends each request to both, and wants the same status, type, width and headers, and the sentence
// that Next.js says of a wrong one.
func (s *nextImageSite) compare(t *testing.T) {
	pictor, next := &server{t: t, url: s.url}, &server{t: t, url: s.next}
	for _, r := range s.requests() {
		path := "/_next/image?" + r.query
		want, got := next.get(path, "Accept", r.accept), pictor.get(path, "Accept", r.accept)
		status := want.status
		if r.pictor != 0 {
			status = r.pictor
		}
		if got.status != status {
			t.Errorf("%.80s (%s): %v, and Next.js %v", path, r.accept, got, want)
			continue
		}
		if status != http.StatusOK {
			if status == http.StatusBadRequest && !strings.Contains(string(want.body), "valid") &&
				!strings.Contains(string(got.body), string(want.body)) {
				t.Errorf("%.80s: %q, and Next.js %q", path, got.body, want.body)
			}
			continue
		}
		for _, name := range []string{"Content-Type", "Content-Disposition", "Vary", "Cache-Control"} {
			one := func(a answer) string {
				text := strings.ReplaceAll(a.header.Get(name), ".jpeg", ".jpg")
				return maxAge.ReplaceAllString(strings.ReplaceAll(text, `"`, ""), "max-age=14400")
			}
			if one(got) != one(want) {
				t.Errorf("%.80s (%s): %s: %q, and Next.js %q", path, r.accept, name, one(got), one(want))
			}
		}
		if c := got.header.Get("X-Nextjs-Cache"); c != "MISS" && c != "HIT" {
			t.Errorf("%.80s: X-Nextjs-Cache: %q", path, c)
		}
		a, err := container.Sniff(got.body)
		b, failed := container.Sniff(want.body)
		if err != nil || failed != nil || a.Width != b.Width || a.Height != b.Height {
			t.Errorf("%.80s: %dx%d, and Next.js %dx%d, %v, %v", path, a.Width, a.Height, b.Width, b.Height, err, failed)
		}
	}
}
