package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func TestDevListensOnLoopbackOnly(t *testing.T) {
	_, stderr, code := pictor(t, nil, "serve", "--dev", "--listen", "0.0.0.0:0")
	if code == 0 || !strings.Contains(stderr, "loopback") {
		t.Errorf("%d: %s", code, stderr)
	}
}

func TestServeWithoutKeysSaysWhatToDo(t *testing.T) {
	_, stderr, code := pictor(t, nil, "serve", "--listen", "127.0.0.1:0")
	for _, want := range []string{"--key", "pictor keys", "--insecure", "--dev"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %q", want, stderr)
		}
	}
	if code == 0 {
		t.Error("it ended well")
	}
}

func TestSignCommandMakesURLsThatWork(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	src := site.put("/a photo?.jpg", photo(300, 200))
	src = strings.Replace(src, "?", "%3F", 1)
	env := []string{"PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}
	for _, args := range [][]string{
		{"sign", src, "w:100", "f:webp"},
		{"sign", "--plain", src, "w:100/f:webp"},
	} {
		out, stderr, code := pictor(t, env, args...)
		if code != 0 {
			t.Fatalf("%v: %s", args, stderr)
		}
		path := strings.TrimSpace(out)
		if strings.Contains(path, "/plain/") != (args[1] == "--plain") || !strings.HasSuffix(path, "webp") {
			t.Errorf("%v gives %q", args, path)
		}
		if a := s.get(path); a.status != http.StatusOK || a.header.Get("Content-Type") != "image/webp" {
			t.Errorf("%v: %v", args, a)
		}
	}
	out, _, _ := pictor(t, env, "sign", "--url", s.url+"/", src, "w:50")
	if !strings.HasPrefix(out, s.url+"/") || strings.HasPrefix(out, s.url+"//") {
		t.Errorf("whole URL: %q", out)
	}
	if _, stderr, code := pictor(t, env, "sign", src, "blurr:1"); code == 0 || !strings.Contains(stderr, "blurr") {
		t.Errorf("a wrong option: %d, %s", code, stderr)
	}
	if _, stderr, code := pictor(t, nil, "sign", src); code == 0 || !strings.Contains(stderr, "key") {
		t.Errorf("no key: %d, %s", code, stderr)
	}
}

func TestKeysCommandMakesKeysThatWork(t *testing.T) {
	out, _, code := pictor(t, nil, "keys")
	found := regexp.MustCompile(`(?m)^PICTOR_(KEY|SALT)=([0-9a-f]{64})$`).FindAllStringSubmatch(out, -1)
	if code != 0 || len(found) != 2 || found[0][2] == found[1][2] {
		t.Fatalf("%d: %q", code, out)
	}
	env := []string{found[0][0], found[1][0]}
	path, stderr, code := pictor(t, env, "sign", "http://example.com/a.jpg")
	if code != 0 || !strings.HasPrefix(path, "/") {
		t.Errorf("%q %s", path, stderr)
	}
	if again, _, _ := pictor(t, nil, "keys"); again == out {
		t.Error("the same keys twice")
	}
}

func TestVersionAndHealth(t *testing.T) {
	out, _, code := pictor(t, nil, "version")
	if code != 0 || !regexp.MustCompile(`libvips 8\.\d+`).MatchString(out) {
		t.Errorf("%d: %q", code, out)
	}
	for _, f := range transform.Outputs {
		if !strings.Contains(out, f.String()) {
			t.Errorf("no %v in %q", f, out)
		}
	}
	s := serve(t, keys...)
	address := strings.TrimPrefix(s.url, "http://")
	if out, stderr, code := pictor(t, []string{"PICTOR_LISTEN=" + address}, "health"); code != 0 ||
		!strings.Contains(out, "ok") {
		t.Errorf("%d: %q %q", code, out, stderr)
	}
	// A script that starts a server waits for it: here for one that comes late.
	late := freeAddress(t)
	waited := make(chan int)
	go func() {
		_, _, code := pictor(t, nil, "health", "--listen", late, "--wait", patience.String())
		waited <- code
	}()
	serve(t, "--insecure", "--listen", late)
	if code := <-waited; code != 0 {
		t.Errorf("health --wait: %d", code)
	}
	if _, _, code := pictor(t, nil, "health", "--listen", "127.0.0.1:1", "--wait", "300ms"); code == 0 {
		t.Error("health --wait is content without a server")
	}
	if _, stderr, code := pictor(t, nil, "health", "--listen", "127.0.0.1:1"); code == 0 || stderr == "" {
		t.Errorf("no server, and health says %d, %q", code, stderr)
	}
}
