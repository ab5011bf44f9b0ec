package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"image/jpeg"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func unhex(s string) ([]byte, error) { return hex.DecodeString(s) }

func photo(w, h int) []byte { return picturetest.JPEG(picturetest.Photo(w, h, uint64(w+h)), 85) }

func TestASignedURLBecomesAPicture(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	src := site.put("/photo.jpg", photo(2725, 2225))
	path := signed(t, "/rs:fit:720:0/q:80/plain/"+src+"@jpg")

	first := s.get(path)
	if first.status != http.StatusOK || first.header.Get("Content-Type") != "image/jpeg" {
		t.Fatal(first)
	}
	m, err := jpeg.DecodeConfig(bytes.NewReader(first.body))
	if err != nil || m.Width != 720 || m.Height != 588 {
		t.Errorf("%dx%d, %v", m.Width, m.Height, err)
	}
	if got := first.header.Get("Cache-Status"); got != "pictor; fwd=uri-miss; stored" {
		t.Errorf("Cache-Status %q", got)
	}
	again := s.get(path)
	if !strings.HasPrefix(again.header.Get("Cache-Status"), "pictor; hit") || !bytes.Equal(first.body, again.body) {
		t.Errorf("the second time: %v", again)
	}
	if n := site.count("/photo.jpg"); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}

	changed := strings.Replace(path, "720", "721", 1)
	if got := s.get(changed); got.status != http.StatusForbidden || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("one changed character: %v", got)
	}
	if got := s.get(missigned(path)); got.status != http.StatusForbidden {
		t.Errorf("one changed character of the signature: %v", got)
	}
	if n := site.count("/photo.jpg"); n != 1 {
		t.Errorf("a wrong signature reached the origin: %d requests", n)
	}
}

func TestHeadersOfAnAnswer(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	src := site.put("/a.jpg", photo(400, 300))
	path := signed(t, "/w:200/plain/"+src+"@webp")
	a := s.get(path)
	for name, want := range map[string]string{
		"Content-Type": "image/webp", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*",
		"Timing-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin", "Vary": "",
		"Content-Length": fmt.Sprint(len(a.body)),
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if cc := a.header.Get("Cache-Control"); !regexp.MustCompile(`^public, max-age=3(600|59\d)$`).MatchString(cc) {
		t.Errorf("Cache-Control %q", cc)
	}
	etag := a.header.Get("ETag")
	if not := s.get(path, "If-None-Match", `"other", W/`+etag); not.status != http.StatusNotModified ||
		len(not.body) > 0 || not.header.Get("ETag") != etag {
		t.Errorf("If-None-Match: %v", not)
	}
	head, err := s.try(http.MethodHead, path)
	if err != nil || head.status != http.StatusOK || len(head.body) > 0 ||
		head.header.Get("Content-Length") != fmt.Sprint(len(a.body)) || head.header.Get("ETag") != etag {
		t.Errorf("HEAD: %v, %v", head, err)
	}
	post, err := s.try(http.MethodPost, path)
	if err != nil || post.status != http.StatusMethodNotAllowed || !strings.Contains(post.header.Get("Allow"), "GET") {
		t.Errorf("POST: %v, %v", post, err)
	}
	if a := s.get(signed(t,
		"/w:200/cb:v1/plain/"+src+"@webp")); a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("with a cache buster: %v", a)
	}
	if a := s.get(signed(t, fmt.Sprintf("/w:200/exp:%d/plain/%s@webp", time.Now().Unix()+100,
		src))); !regexp.MustCompile(`max-age=(100|9\d)$`).MatchString(a.header.Get("Cache-Control")) {
		t.Errorf("with an end: %v", a)
	}
}

func TestManyClientsForOneColdURL(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	src := site.put("/photo.jpg", photo(2725, 2225))
	path := signed(t, "/w:720/plain/"+src)
	const clients = 100
	// The origin answers when all clients have been let loose for a while.
	release := make(chan struct{})
	site.hold = func(string) { <-release }
	var wg sync.WaitGroup
	answers := make([]answer, clients)
	for i := range clients {
		wg.Go(func() {
			a, err := s.try(http.MethodGet, path)
			if err != nil {
				t.Error(err)
			}
			answers[i] = a
		})
	}
	time.AfterFunc(500*time.Millisecond, func() { close(release) })
	wg.Wait()
	led := 0
	for _, a := range answers {
		if a.status != http.StatusOK || !bytes.Equal(a.body, answers[0].body) {
			t.Fatal(a)
		}
		if a.header.Get("Cache-Status") == "pictor; fwd=uri-miss; stored" {
			led++
		}
	}
	if led != 1 {
		t.Errorf("%d clients led a fill", led)
	}
	if n := site.count("/photo.jpg"); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	if n := strings.Count(s.logged(), "msg=filled"); n != 1 {
		t.Errorf("%d transforms ran", n)
	}
}

func TestBadInput(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	good := photo(600, 400)
	png := picturetest.PNG(picturetest.Photo(600, 400, 1))
	for path, b := range map[string][]byte{
		"/good.jpg": good, "/page.html": []byte("<!DOCTYPE html><html><body>Please log in</body></html>"),
		"/half.jpg": good[:len(good)/2], "/half.png": png[:len(png)/2],
		"/doc.pdf": []byte("%PDF-1.7\n…"), "/empty": {},
		"/giant.png": pngHeader(65500, 65500), "/200mp.png": blankPNG(20000, 10000),
	} {
		site.put(path, b)
	}
	src := "plain/" + site.URL
	for _, tc := range []struct {
		name, path string
		status     int
		code, text string
	}{
		{"unknown option", "/blurr:3/" + src + "/good.jpg", 404, "unknown-option", `"blurr"`},
		{"bad number", "/w:wide/" + src + "/good.jpg", 404, "bad-argument", `"wide"`},
		{"unknown format", "/" + src + "/good.jpg@bmp", 404, "bad-argument", `"bmp"`},
		{"no source", "/w:100/", 404, "malformed-path", "source"},
		{"unsupported type", "/" + src + "/doc.pdf", 415, "unsupported-type", "PDF"},
		{"HTML instead of a picture", "/" + src + "/page.html", 415, "unsupported-type", "HTML"},
		{"nothing instead of a picture", "/" + src + "/empty", 415, "unsupported-type", "empty"},
		{"source 404", "/" + src + "/missing.jpg", 404, "source-not-found", ""},
		{"no local root", "/plain/local:///etc/passwd", 403, "source-not-allowed", "local"},
		{"another scheme", "/plain/ftp://example.com/a.jpg", 403, "source-not-allowed", "http"},
		{"giant header", "/" + src + "/giant.png", 422, "over-limit", "65500x65500"},
		{"200 MP over the limit", "/w:10/" + src + "/200mp.png", 422, "over-limit", "200.0 megapixels"},
		{"result over the limit", "/w:9000/el:1/" + src + "/good.jpg", 422, "over-limit", "max-output-side"},
		{"expired", "/exp:1000000000/" + src + "/good.jpg", 404, "expired", ""},
		{"JPEG cut in half", "/" + src + "/half.jpg", 422, "truncated", ""},
		{"PNG cut in half", "/" + src + "/half.png", 422, "truncated", ""},
		{"only the top of a cut JPEG", "/rs:fill:600:20/g:no/" + src + "/half.jpg", 422, "truncated", ""},
		{"only the top of a cut PNG", "/rs:fill:600:20/g:no/" + src + "/half.png", 422, "truncated", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.get(signed(t, tc.path))
			body := string(a.body)
			if a.status != tc.status || !strings.HasPrefix(body, tc.code+": ") || !strings.Contains(body, tc.text) {
				t.Errorf("%v; want %d %s with %q", a, tc.status, tc.code, tc.text)
			}
			if a.header.Get("Cache-Control") != "no-store" || !strings.Contains(body, a.header.Get("X-Request-Id")) {
				t.Errorf("headers %v", a.header)
			}
			if n := strings.Count(body, "\n"); n != 1 {
				t.Errorf("%d lines: %q", n, body)
			}
		})
	}
	if n := len(s.workers()); n > 1 {
		t.Errorf("%d workers were started for bad input", n)
	}
}

func TestAddressGuard(t *testing.T) {
	site := newSite(t)
	src := site.put("/a.jpg", photo(100, 100))
	s := serve(t, keys...)
	a := s.get(signed(t, "/plain/"+src))
	if a.status != http.StatusBadGateway || !strings.HasPrefix(string(a.body), "source-unreachable: ") ||
		strings.Contains(string(a.body), "127") {
		t.Error(a)
	}
	if n := site.count("/a.jpg"); n != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
	// Nothing listens here: the answer must not tell the difference.
	other := s.get(signed(t, "/plain/http://127.0.0.1:1/a.jpg"))
	requestID := regexp.MustCompile(`request \w+`)
	if requestID.ReplaceAllString(string(a.body), "") != requestID.ReplaceAllString(string(other.body), "") {
		t.Errorf("%q tells from %q", a.body, other.body)
	}
}

// patience is longer than anything takes that happens at all, also on a machine
// that does five other things. It bounds waits, and no test judges by it.
const patience = 5 * time.Minute

// waitFor polls, for what other processes do gives no signal.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// A photograph that a phone stored on its side must cost what an upright one
// does: minima over interleaved runs, CPU time of the worker.
func TestTurnedPhotographCostsLikeAnUprightOne(t *testing.T) {
	long(t, "29 megapixels, sixteen times")
	site, s := newSite(t), serveLocal(t, "--workers", "1")
	big := picturetest.Photo(6000, 4899, 29)
	upright := picturetest.JPEG(big, 88)
	site.put("/upright.jpg", upright)
	site.put("/turned.jpg", picturetest.WithOrientation(upright, 6))
	if a := s.get(signed(t, "/w:720/cb:warm/plain/"+site.URL+"/upright.jpg")); a.status != http.StatusOK {
		t.Fatal(a)
	}
	pid := s.workers()[0]
	cost := func(i int, options, path string) time.Duration {
		before := cpuTime(t, pid)
		a := s.get(signed(t, fmt.Sprintf("/%s/cb:%d/plain/%s%s", options, i, site.URL, path)))
		if a.status != http.StatusOK {
			t.Fatal(a)
		}
		return cpuTime(t, pid) - before
	}
	least := [2]time.Duration{time.Hour, time.Hour}
	for i := range 8 {
		least[0] = min(least[0], cost(i, "w:720", "/upright.jpg"))
		least[1] = min(least[1], cost(i, "w:588", "/turned.jpg"))
	}
	ratio := float64(least[1]) / float64(least[0])
	t.Logf("upright %v, turned %v of CPU: ratio %.2f; VmHWM %d MiB", least[0], least[1], ratio,
		procStatus(t, pid, "VmHWM")>>20)
	if ratio > 1.3 {
		t.Errorf("the turned one costs %.2f times the upright one", ratio)
	}
	if hwm := procStatus(t, pid, "VmHWM"); hwm > 100<<20 {
		t.Errorf("the worker's peak is %d MiB", hwm>>20)
	}
	a := s.get(signed(t, "/w:588/plain/"+site.URL+"/turned.jpg"))
	got, err := jpeg.Decode(bytes.NewReader(a.body))
	if err != nil || got.Bounds().Dx() != 588 || got.Bounds().Dy() != 720 {
		t.Fatalf("%v, %v", got.Bounds(), err)
	}
	ref, err := jpeg.Decode(bytes.NewReader(s.get(signed(t, "/w:720/plain/"+site.URL+"/upright.jpg")).body))
	if err != nil {
		t.Fatal(err)
	}
	// Orientation 6: what is stored is the upright picture turned left.
	if d := picturetest.Distance(picturetest.Stored(got, 6), ref); d > 3 {
		t.Errorf("it is not the same picture, upright: distance %.1f", d)
	}
}

// In development the home page is the studio, with all that it loads. It signs, and other paths need a signature.
func TestDevelopmentServesTheStudio(t *testing.T) {
	s := serve(t, "--dev")
	page := s.get("/")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Fatal(page)
	}
	parts := regexp.MustCompile(`(?:src|href)="(/studio/static/[^"]+)"`).FindAllStringSubmatch(string(page.body), -1)
	if len(parts) < 3 {
		t.Fatalf("the page loads %d files", len(parts))
	}
	for _, p := range parts {
		if a := s.get(p[1]); a.status != http.StatusOK {
			t.Errorf("%s: %v", p[1], a)
		}
	}
	site := newSite(t)
	a := s.get("/x/plain/" + site.URL)
	if a.status != http.StatusForbidden {
		t.Errorf("dev mode signs for nobody: %v", a)
	}
}

func TestQuietPaths(t *testing.T) {
	s := serve(t, keys...)
	for path, status := range map[string]int{"/": 200, "/robots.txt": 200, "/health": 200, "/health/live": 200,
		"/health/ready": 200, "/favicon.ico": 404} {
		if a := s.get(path); a.status != status {
			t.Errorf("%s: %v", path, a)
		}
	}
}
