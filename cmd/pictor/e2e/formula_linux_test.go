package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// formula is what Homebrew's formula says when it is run.
type formula struct {
	URL, SHA256 string
	Depends     map[string]string
	Commands    []struct {
		Env   map[string]string
		Words []string
	}
	Files   []string
	Service struct{ Run []string }
}

// runFormula runs a formula with what it uses of Homebrew, and with the programs of these tests as what it has built.
func runFormula(t *testing.T, file string) (f formula, prefix string) {
	t.Helper()
	prefix = t.TempDir()
	source := filepath.Join(t.TempDir(), "source.jpg")
	if err := os.WriteFile(source, photo(64, 48), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(prefix, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{program, workerProgram()} {
		if err := os.Symlink(name, filepath.Join(prefix, "bin", filepath.Base(name))); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("testdata/homebrew/run.rb")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ruby", script, file, prefix, source)
	cmd.Dir = root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return f, prefix
}

// Homebrew's formula of a release depends on what .ci/setup installs, builds as the Makefile does, and its test passes.
// Keys are made once, for the service alone.
func TestHomebrewFormula(t *testing.T) {
	needs(t, "ruby")
	needs(t, "curl")
	archive := filepath.Join(t.TempDir(), "v1.2.3.tar.gz")
	if err := os.WriteFile(archive, []byte("sources"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(root+"/.ci/formula", "v1.2.3", archive).Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pictor.rb")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, prefix := runFormula(t, file)
	sum := sha256.Sum256([]byte("sources"))
	if f.URL != "https://github.com/pictor-proxy/pictor/archive/refs/tags/v1.2.3.tar.gz" ||
		f.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%s %s", f.URL, f.SHA256)
	}
	setup, err := os.ReadFile(root + "/.ci/setup")
	if err != nil {
		t.Fatal(err)
	}
	mac := regexp.MustCompile(`(?s)\nmac\(\) \{.*?\n\}`).FindString(string(setup))
	want := []string{"go"}
	for _, m := range regexp.MustCompile(`packages="\$packages (\S+)"`).FindAllStringSubmatch(mac, -1) {
		want = append(want, m[1])
	}
	for _, name := range want {
		if f.Depends[name] == "" {
			t.Errorf("it does not depend on %s", name)
		}
	}
	if len(f.Depends) != len(want) {
		t.Errorf("it depends on %v, and .ci/setup installs %v", f.Depends, want)
	}
	checkBuild(t, f, prefix)
	for _, name := range []string{"key", "salt"} {
		info, err := os.Stat(filepath.Join(prefix, "etc/pictor", name))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() < 64 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	settings := filepath.Join(prefix, "etc/pictor/pictor.yaml")
	if !slices.Contains(f.Service.Run, settings) {
		t.Errorf("the service runs %q", f.Service.Run)
	}
	if out, stderr, code := pictor(t, nil, "config", "--config", settings); code != 0 {
		t.Errorf("pictor config: %s%s", out, stderr)
	}
}

// checkBuild compares the commands of install with the Makefile's.
func checkBuild(t *testing.T, f formula, prefix string) {
	t.Helper()
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`GOFLAGS\) -tags=(\S+)`).FindStringSubmatch(string(makefile))
	build := regexp.MustCompile(`(?m)^\t(CGO_ENABLED=\d) \$\(BUILD\) -o (\S+) (\S+)$`)
	builds := build.FindAllStringSubmatch(string(makefile), -1)
	if tags == nil || len(builds) != len(f.Commands) {
		t.Fatalf("the Makefile builds %q with tags %q, the formula by %v", builds, tags, f.Commands)
	}
	for i, m := range builds {
		got := f.Commands[i]
		words := strings.Join(got.Words, " ")
		for _, part := range []string{"go build ", " -trimpath ", " -tags " + tags[1] + " ", "-X main.version=v1.2.3",
			" -o " + filepath.Join(prefix, m[2]) + " " + m[3]} {
			if !strings.Contains(words, part) {
				t.Errorf("no %q in %s", part, words)
			}
		}
		if "CGO_ENABLED="+got.Env["CGO_ENABLED"] != m[1] {
			t.Errorf("%s with %v, and the Makefile has %s", words, got.Env, m[1])
		}
	}
	for _, file := range f.Files {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Error(err)
		}
	}
}
