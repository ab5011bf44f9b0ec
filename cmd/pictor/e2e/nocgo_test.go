package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A backend that only mints and checks URLs needs no libvips.
func TestCommandsWithoutCgo(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "pictor")
	build := exec.Command("go", "build", "-o", bin, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(args ...string) string {
		cmd := exec.Command(bin, args...)
		cmd.Env = keysSet
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%v: %v: %s", args, err, stderrOf(err))
		}
		return strings.TrimSpace(string(out))
	}
	url := run("sign", "https://example.com/a.jpg", "w:100")
	if out := run("explain", url); !strings.Contains(out, "https://example.com/a.jpg") {
		t.Errorf("explain: %s", out)
	}
	if out := run("keys"); !strings.Contains(out, "PICTOR_KEY=") {
		t.Errorf("keys: %s", out)
	}
	if out := run("config"); !strings.Contains(out, "SETTING") {
		t.Errorf("config: %s", out)
	}
	// To serve it would need it, and says so at once instead of listening.
	for _, args := range [][]string{{"serve", "--dev", "--listen", "127.0.0.1:0"}, {"serve", "--listen", "127.0.0.1:0"}} {
		cmd := exec.Command(bin, args...)
		cmd.Env = append([]string{"HOME=" + t.TempDir()}, keysSet...)
		out, err := cmd.Output()
		said := stderrOf(err)
		if cmd.ProcessState.ExitCode() != 1 || len(out) > 0 || strings.Count(said, "\n") != 1 ||
			!strings.Contains(said, "built without libvips") || !strings.Contains(said, "make build") {
			t.Errorf("%v: %v: %s%s", args, err, out, said)
		}
	}
}
