package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// scriptFile is a program that a shell runs.
func scriptFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDescribeProgram(t *testing.T) {
	loader := "x: error while loading shared libraries: libvips.so.42: cannot open shared object file"
	for name, tc := range map[string]struct {
		script string
		mode   os.FileMode
		want   error
		says   string
	}{
		"right":           {`echo '{"Build": "b", "Libraries": ["/opt/lib"]}'`, 0o755, nil, ""},
		"another build":   {`echo '{"Build": "c"}'`, 0o755, ErrOtherBuild, "has c, and pictor has b"},
		"no library":      {"echo '" + loader + "' >&2; echo more >&2; exit 127", 0o755, ErrProgram, loader},
		"not executable":  {"", 0o644, ErrProgram, "permission denied"},
		"fails":           {"exit 3", 0o755, ErrProgram, "exit status 3"},
		"another program": {"echo hello", 0o755, ErrProgram, "is not a pictor-worker"},
		"without a build": {"echo {}", 0o755, ErrProgram, "is not a pictor-worker"},
		"too much":        {"yes", 0o755, ErrProgram, "exit status"},
	} {
		t.Run(name, func(t *testing.T) {
			path := scriptFile(t, tc.script, tc.mode)
			p, err := Describe(within(t, patience), path, "b")
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v", err)
			}
			if tc.want == nil {
				if p.Build != "b" || len(p.Libraries) != 1 {
					t.Errorf("%+v", p)
				}
				return
			}
			if said := err.Error(); !strings.Contains(said, tc.says) || !strings.Contains(said, path) ||
				strings.Contains(said, "\n") {
				t.Errorf("%q does not say %q", said, tc.says)
			}
		})
	}
	if _, err := Describe(t.Context(), filepath.Join(t.TempDir(), "none"), "b"); !errors.Is(err, ErrNoProgram) {
		t.Errorf("no program: %v", err)
	}
	// A program that does not answer is ended.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Describe(ctx, scriptFile(t, "sleep 1000", 0o755), "b"); !errors.Is(err, ErrProgram) ||
		!strings.Contains(err.Error(), "does not respond") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestProbeProgram(t *testing.T) {
	path := scriptFile(t, `[ "$1" = --probe ] && echo '{"Build": "b", "Capabilities": {"Version": "8.16"}}'`, 0o755)
	p, err := Probe(within(t, patience), path, "b")
	if err != nil || p.Capabilities.Version != "8.16" {
		t.Errorf("%+v, %v", p, err)
	}
}

// What Main prints is what Describe and Probe read.
func TestMainDescribesItself(t *testing.T) {
	for _, arg := range []string{argDescribe, argProbe} {
		var out strings.Builder
		if err := Main([]string{arg}, "b", func() Engine { return scripted{} }, &out); err != nil {
			t.Fatal(err)
		}
		path := scriptFile(t, fmt.Sprintf("cat <<'END'\n%sEND\n", out.String()), 0o755)
		p, err := askProgram(within(t, patience), path, "b", arg)
		if err != nil || (p.Capabilities != nil) != (arg == argProbe) {
			t.Errorf("%s: %+v, %v", arg, p, err)
		}
	}
	for _, args := range [][]string{nil, {"--help"}, {argProbe, "x"}} {
		if err := Main(args, "b", func() Engine { return scripted{} }, nil); !errors.Is(err, ErrNotStartedByServer) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestBuildIDHasTheVersion(t *testing.T) {
	if a, b := BuildID("1"), BuildID("2"); a == b || !strings.Contains(a, "version 1 ") {
		t.Errorf("%q and %q", a, b)
	}
}

// A worker of another build is refused when it says that it is ready.
func TestWorkersOfAnotherBuildGetNoJobs(t *testing.T) {
	p := newPoolOf(t, Config{Build: "another", Size: 1})
	_, err := do(within(t, patience), p, newJob(t, "x", draw))
	if !errors.Is(err, ErrOtherBuild) || !errors.Is(err, transform.ErrNoWorker) {
		t.Errorf("got %v", err)
	}
}

// An upgrade that replaces the program changes nothing for a server that runs.
func TestWorkersRunTheProgramOfTheStart(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux runs open files")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "worker")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	p := newPoolOf(t, Config{Command: []string{path, "worker"}, Size: 1})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/false", path); err != nil {
		t.Fatal(err)
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Error(err)
	}
}

func TestPoolWithoutAProgram(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no command")
	}
	if _, err := New(Config{Command: []string{"/does/not/exist"}}); runtime.GOOS == "linux" &&
		!errors.Is(err, ErrProgram) {
		t.Errorf("got %v", err)
	}
}
