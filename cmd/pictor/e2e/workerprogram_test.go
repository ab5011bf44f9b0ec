package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// alone is pictor in a directory of its own, without a worker program.
func alone(t *testing.T) (bin string) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "pictor")
	b, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(bin, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// A backend that only mints and checks URLs needs no libvips, and no worker program.
func TestCommandsWithoutAWorkerProgram(t *testing.T) {
	bin := alone(t)
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
	if out := run("--version"); !strings.HasPrefix(out, "pictor ") {
		t.Errorf("--version: %s", out)
	}
	cmd := exec.Command(bin, "version")
	out, err := cmd.Output()
	if said := stderrOf(err); !strings.HasPrefix(string(out), "pictor ") ||
		!strings.Contains(said, "no such worker program") {
		t.Errorf("version: %v: %s%s", err, out, said)
	}
}

// wrongWorkers are worker programs that a server does not start with.
func wrongWorkers(t *testing.T) map[string]struct{ path, says, does string } {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := build(in("nocgo"), workerSource, "CGO_ENABLED=0"); err != nil {
		t.Fatal(err)
	}
	if err := build(in("other"), workerSource, "CGO_ENABLED=1", "-ldflags", "-X main.version=v0.0.1"); err != nil {
		t.Fatal(err)
	}
	loader := "#!/bin/sh\necho 'pictor-worker: error while loading shared libraries: libvips.so.42: cannot open " +
		"shared object file: " +
		"No such file or directory' >&2\nexit 127\n"
	for name, script := range map[string]string{"library": loader, "rights": loader,
		"another": "#!/bin/sh\necho hello\n"} {
		if err := os.WriteFile(in(name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(in("rights"), 0o644); err != nil {
		t.Fatal(err)
	}
	return map[string]struct{ path, says, does string }{
		"built without cgo": {in("nocgo"), "built without libvips", "make build"},
		"another build":     {in("other"), "version v0.0.1", "of one build"},
		"no libvips":        {in("library"), "libvips.so.42: cannot open", "install libvips 8.14"},
		"no right to run":   {in("rights"), "permission denied", "--worker-command"},
		"another program":   {in("another"), "is not a pictor-worker", "worker program"},
		"missing":           {in("missing"), "no such program", "--worker-command"},
	}
}

// A server without workers that work says so at once, in a line, and does not listen.
func TestServerWithoutWorkersEndsAtOnce(t *testing.T) {
	refused := func(t *testing.T, bin, says, does string, args ...string) {
		t.Helper()
		cmd := exec.Command(bin,
			append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"}, args...)...)
		cmd.Env = append([]string{"HOME=" + t.TempDir()}, keysSet...)
		out, err := cmd.Output()
		said := stderrOf(err)
		if cmd.ProcessState.ExitCode() == 0 || len(out) > 0 || strings.Count(said, "\n") != 1 ||
			!strings.Contains(said, says) || !strings.Contains(said, does) {
			t.Errorf("%v: %v: %s%s", args, err, out, said)
		}
	}
	for _, args := range [][]string{nil, {"--dev"}} {
		refused(t, alone(t), "no such worker program: ", "make build", args...)
	}
	for name, worker := range wrongWorkers(t) {
		t.Run(name, func(t *testing.T) {
			refused(t, program, worker.says, worker.does, "--worker-command",
				worker.path)
		})
	}
}

// The worker program may be elsewhere, by a path or in PATH, and pictor may be run by a link.
func TestWorkerProgramElsewhere(t *testing.T) {
	source := newSite(t).put("/a.jpg", picturetest.JPEG(picturetest.Photo(300, 200, 1), 85))
	works := func(t *testing.T, cmd *exec.Cmd, args ...string) {
		t.Helper()
		s := start(t, cmd, append(args, "--insecure", "--allow-networks", "127.0.0.0/8")...)
		if a := s.get("/insecure/w:100/plain/" + source); a.status != http.StatusOK {
			t.Error(a)
		}
	}
	t.Run("path", func(t *testing.T) { works(t, exec.Command(alone(t)), "--worker-command", workerProgram()) })
	t.Run("PATH", func(t *testing.T) {
		t.Setenv("PATH", filepath.Dir(program)+":"+os.Getenv("PATH"))
		works(t, exec.Command(alone(t)), "--worker-command", "pictor-worker")
	})
	t.Run("relative", func(t *testing.T) {
		cmd := exec.Command(alone(t))
		cmd.Dir = filepath.Dir(program)
		works(t, cmd, "--worker-command", "./pictor-worker")
	})
	t.Run("link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "pictor")
		if err := os.Symlink(program, link); err != nil {
			t.Fatal(err)
		}
		works(t, exec.Command(link))
	})
}
