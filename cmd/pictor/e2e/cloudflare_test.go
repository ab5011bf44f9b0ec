package e2e

import (
	"net/http"
	"os"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// The ways of Cloudflare to fit an image make images of the documented sizes, from a source of 1600 by 1067
// pixels, within the lists.
func TestCloudflareURLs(t *testing.T) {
	sources := newSite(t)
	b, err := os.ReadFile(dunes)
	if err != nil {
		t.Fatal(err)
	}
	source := sources.put("/photos/dunes.jpg", b)
	sources.put("/secret/dunes.jpg", b)
	s := serveLocal(t, "--cloudflare-path", "/cdn-cgi/image/", "--base-url", sources.URL+"/",
		"--unsigned-sources", sources.URL+"/photos/", "--unsigned-widths", "320,3200",
		"--unsigned-heights", "0,320,3200", "--unsigned-formats", "auto,webp,jpg",
		"--unsigned-dprs", "2", "--unsigned-qualities", "50")
	for _, tc := range []struct {
		options       string
		width, height int
		format        string
	}{
		{"width=320", 320, 213, "jpeg"}, {"w=320,f=webp", 320, 213, "webp"}, {"w=320,f=auto", 320, 213, "avif"},
		{"w=320,dpr=2,q=50", 640, 427, "jpeg"}, {"w=3200", 1600, 1067, "jpeg"}, {"w=3200,fit=contain", 3200, 2134, "jpeg"},
		{"w=320,h=320,fit=cover", 320, 320, "jpeg"}, {"w=320,h=320,fit=crop,gravity=left", 320, 320, "jpeg"},
		{"w=320,h=320,fit=squeeze", 320, 320, "jpeg"}, {"w=320,h=320,fit=pad", 320, 320, "jpeg"},
		{"w=320,h=320", 320, 213, "jpeg"}, {"w=3200,h=3200,fit=aspect-crop", 1067, 1067, "jpeg"},
		{"w=3200,h=3200,fit=crop", 1600, 1067, "jpeg"},
	} {
		for _, from := range []string{source, "photos/dunes.jpg"} {
			a := s.get("/cdn-cgi/image/"+tc.options+"/"+from, "Accept", "image/avif,image/webp")
			info, err := container.Sniff(a.body)
			if a.status != http.StatusOK || err != nil || info.Width != tc.width || info.Height != tc.height ||
				info.Format.String() != tc.format {
				t.Errorf("%s of %s: %v, %v", tc.options, from, a, err)
			}
		}
	}
	for path, status := range map[string]int{
		"w=321/" + source: 403, "w=320,blur=3/" + source: 403, "w=320/secret/dunes.jpg": 403,
		"w=320/photos/../secret/dunes.jpg": 403, "w=320/https://evil.example/a.jpg": 403, "zoom=1,w=320/" + source: 404,
		"w=320/photos/missing.jpg": 404,
	} {
		if a := s.get("/cdn-cgi/image/" + path); a.status != status {
			t.Errorf("%s: %v", path, a)
		}
	}
	if n := sources.count("/photos/dunes.jpg"); n != 1 || sources.count("/secret/dunes.jpg") != 0 {
		t.Errorf("%d fetches of the source, %d of the secret one", n, sources.count("/secret/dunes.jpg"))
	}
}
