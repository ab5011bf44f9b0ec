package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nextImageSite is a site of Next.js whose pages use next/image as it comes, behind an nginx that leads
// the URLs of images to pictor.
type nextImageSite struct {
	// url is that of nginx, next that of Next.js itself.
	url, next string
	sources   *site
	pictor    *server
	// results are what the page check.html of browsers has sent.
	results chan []browserResult
}

// browserResult is an image that check.html has loaded: one that the page shows, or a candidate.
type browserResult struct {
	ID, URL, Type, Cache string
	Status, Width        int
	Shown                bool
}

// A site of Next.js uses its own URLs of images, unchanged, with pictor in the place of its optimizer: a
// browser gets every candidate, the second time from the cache, and whatever is asked for is answered as
// Next.js answers it.
func TestRecipeNextWithoutALoader(t *testing.T) {
	needsFrontend(t, "next")
	needs(t, "nginx")
	needs(t, "chromium")
	t.Parallel() // while others wait
	s := &nextImageSite{sources: newSite(t), results: make(chan []browserResult)}
	address, nextAddress, pictorAddress := freeAddress(t), freeAddress(t), freeAddress(t)
	s.url, s.next = "http://"+address, "http://"+nextAddress
	pictorURL := "http://" + pictorAddress
	p := newProject(t, "Next.js without a loader", "https://www.example.com", s.next,
		"https://images.example.com", s.sources.URL, "http://127.0.0.1:8080", pictorURL)
	p.write(t, "package.json", `{"private": true}`)
	for _, name := range []string{"pages/index.js", "public/check.html"} {
		p.add(t, "testdata/recipes/nextimage/"+name, name)
	}
	for _, name := range []string{"imported.jpg", "public/dunes.jpg"} {
		p.add(t, dunes, name)
	}
	s.addSources(t)
	p.packages(t)
	const next = "node_modules/next/dist/bin/next"
	p.run(t, "", "node", next, "build")
	host, port, _ := net.SplitHostPort(nextAddress)
	runAt(t, nextAddress, p.command("", "node", next, "start", "-H", host, "-p", port))
	s.pictor = serveLocal(t, "--listen", pictorAddress, "--config", filepath.Join(p.dir, "pictor.yaml"))
	s.startNginx(t, p, address)
	t.Run("browser", s.browse)
	t.Run("answers", s.compare)
}

// addSources adds what the sources of the table are.
func (s *nextImageSite) addSources(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(dunes)
	if err != nil {
		t.Fatal(err)
	}
	s.sources.put("/photos/dunes.jpg", b)
	s.sources.put("/private/dunes.jpg", b)
	s.sources.put("/photos/text.jpg", []byte("this is no image, whatever its name says"))
	s.sources.put("/photos/drawing.png", []byte(
		`<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"><rect width="9" height="9"/></svg>`))
}

// startNginx starts an nginx with the location of the page.
func (s *nextImageSite) startNginx(t *testing.T, p *project, address string) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got []browserResult
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		s.results <- got
	}))
	t.Cleanup(receiver.Close)
	temps := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temps += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, p.dir, kind)
	}
	p.write(t, "nginx.conf", fmt.Sprintf(`pid %s/pid;
events {}
http {
access_log off;
%s
server {
listen %s;
include %[1]s/image.conf;
location /results { proxy_pass %[4]s; }
location / { proxy_pass %[5]s; }
}
}
`, p.dir, temps, address, receiver.URL, s.next))
	runAt(t, address, exec.Command("nginx", "-p", p.dir, "-c", filepath.Join(p.dir, "nginx.conf"), "-e", "stderr", "-g",
		"daemon off; user root;"))
}

// load has a browser load check.html, which loads the page and each candidate of its images.
func (s *nextImageSite) load(t *testing.T) []browserResult {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-port=0",
		"--user-data-dir="+filepath.Join(home, "profile"), s.url+"/check.html")
	cmd.Env = append(os.Environ(), "HOME="+home)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	select {
	case got := <-s.results:
		return got
	case <-time.After(patience):
		t.Fatal("the browser sends nothing")
		return nil
	}
}

// browse loads the page twice, each time in a browser without a cache.
func (s *nextImageSite) browse(t *testing.T) {
	// The imported image has all widths, the others those for one and two pixels of a screen.
	counts := map[string]int{"remote": 2, "imported": 8, "public": 2}
	for round := range 2 {
		asked := s.sources.count("/photos/dunes.jpg")
		got := s.load(t)
		candidates, shown := map[string]int{}, map[string]int{}
		for _, r := range got {
			ask, err := url.Parse(r.URL)
			if err != nil || !strings.HasPrefix(ask.Path, "/_next/image") {
				t.Fatalf("%+v", r)
			}
			if r.Shown { // in the size that the page gives it
				if r.Width > 0 {
					shown[r.ID]++
				}
				continue
			}
			w, _ := strconv.Atoi(ask.Query().Get("w"))
			if r.Width != min(w, dunesWidth) {
				t.Errorf("round %d: %+v, want a width of %d", round, r, w)
			}
			candidates[r.ID]++
			if r.Status != http.StatusOK || r.Type != "image/avif" || round > 0 && r.Cache != "HIT" {
				t.Errorf("round %d: %+v", round, r)
			}
		}
		for id, n := range counts {
			if shown[id] != 1 || candidates[id] != n+1 { // and the src
				t.Errorf("round %d: %s is shown %d times, with %d candidates", round, id, shown[id], candidates[id])
			}
		}
		if more := s.sources.count("/photos/dunes.jpg") - asked; more > 1-round {
			t.Errorf("round %d: %d fetches of the source", round, more)
		}
	}
}
