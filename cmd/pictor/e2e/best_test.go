package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// The smallest result is no larger than that of any single format at the same score, of those that the client
// accepts, and it is a hit for whoever accepts the same.
func TestBestIsTheSmallestFormat(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	source := site.put("/photo.jpg", photo(960, 640))
	sizes := map[string]int{}
	for _, f := range []string{"jpg", "webp", "avif"} {
		a := s.get(signed(t, "/w:320/aq:ssimulacra2:75/f:"+f+"/plain/"+source))
		if a.status != http.StatusOK {
			t.Fatal(f, a)
		}
		sizes[f] = len(a.body)
	}
	// What a search of another size came to is not where those of this size begin.
	for f := range sizes {
		s.get(signed(t, "/w:140/aq:ssimulacra2:75/f:"+f+"/plain/"+source))
	}
	for _, tc := range []struct {
		accept  string
		formats []string
	}{
		{"image/avif,image/webp,*/*", []string{"jpg", "webp", "avif"}},
		{"image/webp,*/*", []string{"jpg", "webp"}},
		{"*/*", []string{"jpg"}},
	} {
		path := signed(t, "/w:320/aq:ssimulacra2:75/f:best/plain/"+source)
		a := s.get(path, "Accept", tc.accept)
		if a.status != http.StatusOK || a.header.Get("Vary") != "Accept" {
			t.Fatal(tc.accept, a)
		}
		for _, f := range tc.formats {
			if len(a.body) > sizes[f] {
				t.Errorf("%s: %d bytes of %s, %d of %s alone", tc.accept, len(a.body), a.header.Get("Content-Type"),
					sizes[f], f)
			}
		}
		again := s.get(path, "Accept", tc.accept)
		if status := again.header.Get("Cache-Status"); !strings.Contains(status, "hit") ||
			again.header.Get("Etag") != a.header.Get("Etag") {
			t.Errorf("%s: %s", tc.accept, status)
		}
	}
	listed := s.get(signed(t, "/w:320/aq:ssimulacra2:75/f:best:jpg:webp/plain/"+source), "Accept", "image/avif")
	if kind := listed.header.Get("Content-Type"); listed.header.Get("Vary") != "" || kind == "image/avif" {
		t.Error("of JPEG and WebP:", listed)
	}
	if a := s.get(signed(t, "/f:best/aq:size:1000/plain/"+source)); a.status != http.StatusNotFound {
		t.Error("best by size:", a)
	}
	if a := s.get(signed(t, "/w:320/plain/"+source+"@best")); a.status != http.StatusOK {
		t.Error("best as an extension:", a)
	}
}
