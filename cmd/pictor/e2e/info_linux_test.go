package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What sign makes, serve answers and explain explains.
func TestInfo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jpg"), photo(600, 400), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--key", keyHex, "--salt", saltHex, "--local-root", dir, "--workers", "1")
	out, stderr, code := pictor(t, keysSet, "sign", "--info", "local:///a.jpg", "b:1/chs:md5")
	path := strings.TrimSpace(out)
	if code != 0 || !strings.HasPrefix(path, "/info/") {
		t.Fatal(code, out, stderr)
	}
	explained(t, true, []string{path}, "signature    right", "cache key    meta:info/b:1",
		"facts        size, format, dimensions, bands, calc_hashsums", "local:///a.jpg")
	explained(t, true, []string{"--insecure", "/info/x/plain/https://a.example/b.jpg"}, "any passes",
		"facts        size, format, dimensions\n")
	explained(t, false, []string{"/info" + signed(t, "/w:1/plain/local:///a.jpg")}, "is an option of images",
		"signature    right")
	explained(t, false, []string{"/info" + missigned(signed(t, "/plain/local:///a.jpg"))}, "signature    wrong",
		"right   ")
	a := s.get(path)
	var told map[string]any
	if err := json.Unmarshal(a.body, &told); err != nil || a.status != 200 || told["width"] != 600.0 ||
		told["bands"] != 3.0 {
		t.Errorf("%d %q %v", a.status, a.body, err)
	}
	if metrics := s.metrics(); !strings.Contains(metrics, `dialect="info",route="image",status="200"}`) {
		t.Error("no requests of the dialect info are counted")
	}
}
