package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// packages are imgproxy's published clients, which .ci/setup installs by name.
const packages = "../../../.ci/node_modules"

// URLs that imgproxy's own client packages mint serve the right pictures.
func TestPublishedClients(t *testing.T) {
	needs(t, "vips")
	needs(t, "node")
	if _, err := os.Stat(filepath.Join(packages, "imgproxy")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("imgproxy's client packages are not installed")
		}
		t.Skip("imgproxy's client packages are not installed: run make test")
	}
	// Node looks for packages beside the script.
	dir := t.TempDir()
	script, err := os.ReadFile("testdata/clients/mint.mjs")
	if err != nil {
		t.Fatal(err)
	}
	there, err := filepath.Abs(packages)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(there, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mint.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	key, salt := "943b421c9eb07c83", "520f986b998545b4"
	out, err := exec.Command("node", filepath.Join(dir, "mint.mjs"), key, salt, "local:///dunes.jpg").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderrOf(err))
	}
	var minted []struct {
		Name, Path, Format string
		Width, Height      int
	}
	if err := json.Unmarshal(out, &minted); err != nil || len(minted) < 25 {
		t.Fatalf("%d URLs, %v", len(minted), err)
	}
	s := serve(t, "--key", key, "--salt", salt, "--local-root", "../../../proxy/playground/samples")
	for _, m := range minted {
		a := s.get(m.Path)
		if a.status != http.StatusOK {
			t.Errorf("%s: %v", m.Name, a)
			continue
		}
		info, err := container.Sniff(a.body)
		if err != nil || info.Format.String() != m.Format ||
			m.Width != 0 && (info.Width != m.Width || info.Height != m.Height) {
			t.Errorf("%s: %v %dx%d, %v; want %s %dx%d", m.Name, info.Format, info.Width, info.Height, err, m.Format,
				m.Width, m.Height)
		}
	}
}

func stderrOf(err error) string {
	if e, ok := err.(*exec.ExitError); ok {
		return string(e.Stderr)
	}
	return ""
}
