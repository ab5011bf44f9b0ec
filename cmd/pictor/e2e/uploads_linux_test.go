package e2e

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// post sends a body.
func (s *server) post(path, kind string, body []byte) (answer, error) {
	resp, err := http.Post(s.url+path, kind, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: b}, err
}

// What a client sends becomes what it would from a URL: formats, animations, watermarks, as they are.
func TestUploadsBecomeWhatURLsDo(t *testing.T) {
	origin := newSite(t)
	mark := filepath.Join(t.TempDir(), "mark.png")
	if err := os.WriteFile(mark, picturetest.PNG(picturetest.Chart(40, 30)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveLocal(t, "--allow-uploads", "--watermark", mark)
	photo := picturetest.JPEG(picturetest.Photo(800, 600, 4), 90)
	for name, tc := range map[string]struct {
		options []string
		source  []byte
	}{
		"a photograph": {[]string{"rs:fill:300:200", "g:sm", "f:webp"}, photo},
		"a watermark":  {[]string{"w:300", "wm:0.5", "f:png"}, photo},
		"an animation": {[]string{"w:20", "f:gif"}, picturetest.PhotoMovie(40, 30, 5).Encode()},
		"as it is":     {[]string{"raw:1"}, photo},
		"trimmed":      {[]string{"t:10", "f:png"}, picturetest.PNG(picturetest.Chart(200, 100))},
	} {
		origin.put("/"+strings.ReplaceAll(name, " ", ""), tc.source)
		signs := func(args ...string) string {
			out, stderr, code := pictor(t, keysSet, append(append([]string{"sign"}, args...), tc.options...)...)
			if code != 0 {
				t.Fatal(stderr)
			}
			return strings.TrimSpace(out)
		}
		want := s.get(signs(origin.URL + "/" + strings.ReplaceAll(name, " ", "")))
		path := signs("--upload")
		got, err := s.post(path, "application/octet-stream", tc.source)
		if err != nil || got.status != http.StatusOK || !bytes.Equal(got.body, want.body) ||
			got.header.Get("Content-Type") != want.header.Get("Content-Type") {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, _ := w.CreateFormFile("file", "a.jpg")
		_, _ = part.Write(tc.source)
		w.Close()
		got, err = s.post(path, w.FormDataContentType(), form.Bytes())
		if err != nil || !bytes.Equal(got.body, want.body) {
			t.Errorf("%s, in a form: %v, %v", name, got, err)
		}
		out, stderr, code := pictor(t, keysSet, "explain", path)
		if code != 0 || !strings.Contains(out, "body of a POST") {
			t.Errorf("explain: %d %s%s", code, out, stderr)
		}
	}
	if out, _, code := pictor(t, keysSet, "explain", "/transform/abc/w:10/upload"); code != 1 ||
		!strings.Contains(out, "signature    wrong") {
		t.Errorf("explain of another signature: %d %s", code, out)
	}
	if _, stderr, code := pictor(t, keysSet, "sign", "--upload", "--srcset", "100"); code != 2 ||
		!strings.Contains(stderr, "srcset") {
		t.Errorf("a srcset: %d %s", code, stderr)
	}
}

// However many clients send photographs at once, memory stays below the limit, and each gets its image or a 503.
func TestUploadsStayBelowTheLimit(t *testing.T) {
	long(t, "load in a memory cgroup")
	const limit, clients = 256 * mib, 64
	photo := picturetest.JPEG(picturetest.Photo(4032, 3024, 4), 90)
	g := newCgroup(t, limit)
	s := serveIn(t, g, "--allow-uploads")
	watch := g.watch()
	l := load{status: map[int]int{}}
	start := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			a, err := s.post("/transform/_/w:720/upload.jpg", "image/jpeg", photo)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				l.failed++
				return
			}
			l.status[a.status]++
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				l.silent++
			}
		})
	}
	all.Wait()
	t.Logf("%d photographs of %d KiB: %v", clients, len(photo)>>10, l.status)
	l.wall = time.Since(start)
	under(t, g, l, watch(), limit)
	if l.status[http.StatusOK] < clients/2 {
		t.Errorf("only %d images", l.status[http.StatusOK])
	}
	m, err := s.memory()
	if err != nil || m.Sources.Count != 0 {
		t.Errorf("%d sources are left, %v", m.Sources.Count, err)
	}
}
