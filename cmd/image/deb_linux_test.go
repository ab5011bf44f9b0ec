package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const packaging = "../../.ci/deb/"

// The Dockerfile of the package is without fault, but for what only an image has.
func TestDockerfileOfThePackage(t *testing.T) {
	stages, ignored, err := readFiles(packaging+"Dockerfile", packaging+"Dockerfile.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range findFaults(stages, os.DirFS("../.."), ignored) {
		if !strings.Contains(fault, "the last stage has no ") {
			t.Error(fault)
		}
	}
}

// Versions sort as they were made: a commit before any release, candidates, releases, commits after them; and that
// for a later Debian is later.
func TestVersionsOfThePackage(t *testing.T) {
	release := func(text string) string {
		file := filepath.Join(t.TempDir(), "os-release")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	debian12, debian13 := release("ID=debian\nVERSION_ID=\"12\"\n"), release("ID=debian\nVERSION_ID=\"13\"\n")
	testing := release("ID=debian\nVERSION_CODENAME=forky\n")
	var versions []string
	for _, tt := range []struct{ described, release, want string }{
		{"0f2c1aa", debian13, "0~0f2c1aa-1~debian13"},
		{"unknown-dirty", testing, "0~unknown.dirty-1~debianforky"},
		{"v1.2.0-rc.1", debian12, "1.2.0~rc.1-1~debian12"},
		{"v1.2.0-rc.1-3-g0f2c1aa", debian12, "1.2.0~rc.1+3.g0f2c1aa-1~debian12"},
		{"v1.2.0", debian12, "1.2.0-1~debian12"},
		{"v1.2.0", debian13, "1.2.0-1~debian13"},
		{"v1.2.0-4-g0f2c1aa-dirty", debian12, "1.2.0+4.g0f2c1aa.dirty-1~debian12"},
	} {
		cmd := exec.Command(packaging+"version", tt.described)
		cmd.Env = append(os.Environ(), "OS_RELEASE="+tt.release)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.described, got, err, tt.want)
		}
		versions = append(versions, tt.want)
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		return
	}
	for i := range len(versions) - 1 {
		if err := exec.Command("dpkg", "--compare-versions", versions[i], "lt", versions[i+1]).Run(); err != nil {
			t.Errorf("%s is not less than %s", versions[i], versions[i+1])
		}
	}
}

// The man page has the commands that there are, with the sentences of their help.
func TestManPageHasEveryCommand(t *testing.T) {
	page, err := os.ReadFile(packaging + "debian/pictor.1")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("../pictor/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	command := regexp.MustCompile(`(?m)^\t(\w+) +\w+Cmd +.cmd:"" help:"([^"]*)"`)
	for _, m := range command.FindAllStringSubmatch(string(code), -1) {
		want = append(want, strings.ToLower(m[1])+": "+m[2])
	}
	_, commands, _ := strings.Cut(string(page), "\n.SH COMMANDS\n")
	commands, _, _ = strings.Cut(commands, "\n.SH ")
	for _, m := range regexp.MustCompile(`\.TP\n\.B (\w+)\n(.*)`).FindAllStringSubmatch(commands, -1) {
		got = append(got, m[1]+": "+m[2])
	}
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("the man page has %q, pictor %q", got, want)
	}
}

// The unit that the package is made from has what the package replaces.
func TestUnitOfThePackage(t *testing.T) {
	unit, err := os.ReadFile("../../docs/deploy/pictor.service")
	if err != nil {
		t.Fatal(err)
	}
	m := machine{unit: string(unit)}
	if got, want := m.setting("ExecStart"), "/usr/local/bin/pictor serve --config "+settings+
		" --cache-dir /var/cache/pictor --state-dir /var/lib/pictor"; got != want {
		t.Errorf("ExecStart=%s", got)
	}
	if m.setting("DynamicUser") != "yes" || m.setting("User") != "" {
		t.Error("the user is another one")
	}
}
