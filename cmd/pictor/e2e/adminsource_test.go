package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// A source that is the admin port is an address like any other that is not public.
// Where its network is allowed all the same, nothing of what it says is passed on,
// and no source can purge.
func TestASourceThatIsTheAdminPort(t *testing.T) {
	site := newSite(t)
	for _, allowed := range []string{"127.0.0.0/8", "10.0.0.0/8"} {
		s := serve(t, "--insecure", "--thumbor-unsafe", "--allow-networks", allowed)
		image := "/insecure/w:10/plain/" + site.put("/a.jpg", photo(40, 30))
		s.get(image)
		for _, path := range []string{"/", "/metrics", "/debug/memory", "/debug/memory?format=table", "/purge", "/warm",
			"/sources", "/nothing"} {
			for _, way := range []string{"/insecure/raw:1/plain/", "/insecure/w:10/plain/", "/thumbor/unsafe/10x10/",
				"/insecure/skp:jpg:png/plain/"} {
				a := s.get(way + s.admin + strings.ReplaceAll(path, "?", "%3F"))
				said := strings.ToLower(string(a.body))
				leaks := strings.Contains(said, "pictor_") || strings.Contains(said, "accounts") ||
					strings.Contains(said, "/purge")
				if a.status < 400 || a.status == http.StatusInternalServerError || leaks || len(a.body) > 300 {
					t.Errorf("%s%s with %s allowed: %v", way, path, allowed, a)
				}
			}
		}
		m, err := s.memory()
		if a := s.get(image); err != nil || m.Limit == 0 || allowed == "127.0.0.0/8" &&
			!strings.HasPrefix(a.header.Get("Cache-Status"), "pictor; hit") {
			t.Errorf("afterwards: %v, %v", a, err)
		}
	}
}
