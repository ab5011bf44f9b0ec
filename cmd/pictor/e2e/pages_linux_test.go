package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

const root = "../../.."

// pages are README and all of docs/, README first.
func pages(t testing.TB) []string {
	t.Helper()
	docs, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatal("no pages in docs: ", err)
	}
	return append([]string{root + "/README.md"}, docs...)
}

// shellBlock is a code block of a page that readers paste into a shell.
type shellBlock struct {
	line int
	code string
}

var fence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

func shellBlocks(page string) (blocks []shellBlock) {
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		blocks = append(blocks, shellBlock{1 + strings.Count(page[:m[2]], "\n"), page[m[2]:m[3]]})
	}
	return blocks
}

// insteadOf are commands of a block that the test runs in another way: a server
// in the foreground, and what runs for minutes or is this very test.
var insteadOf = []struct {
	command *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^make run( .*)?$`), "make run$1 & until curl -sf http://127.0.0.1:8080/ >page.html; do sleep 0.2; done"},
	{regexp.MustCompile(`(?m)^nginx -s reload .*$`), // in the foreground, so that it ends with the page
		"nginx -g 'daemon off;' & until curl -s -o index.html http://127.0.0.1/; do sleep 0.2; done"},
	{regexp.MustCompile(`(?m)^make (test|check|soak|calibrate|bench|fuzz|deb)\b`), "make -n $1"},
	{regexp.MustCompile(`(?m)^go test .*$`), `: "$0"`}, // TestPagesNameWhatThereIs looks whether the tests exist
}

// leftOut says why a block cannot run on this machine, or nothing.
func leftOut(code string) string {
	switch {
	case strings.Contains(code, "docker ") && exec.Command("docker", "info").Run() != nil:
		return "no docker engine runs here"
	case strings.Contains(code, "kubectl "):
		return "no cluster runs here"
	case strings.Contains(code, "promtool ") && os.Getenv("CI") != "true" &&
		exec.Command("promtool", "--version").Run() != nil:
		return "promtool is not installed"
	case strings.Contains(code, "/etc/nginx") && os.Getuid() != 0:
		return "it needs root"
	case strings.Contains(code, "nginx -t") && os.Getenv("CI") != "true" && exec.Command("nginx", "-v").Run() != nil:
		return "nginx is not installed"
	}
	return ""
}

// script has a page's blocks one after the other in one shell, as a reader's,
// each announced by its line.
func script(name string, blocks []shellBlock) string {
	var b strings.Builder
	for _, block := range blocks {
		code := block.code
		for _, r := range insteadOf {
			code = r.command.ReplaceAllString(code, r.with)
		}
		if why := leftOut(code); why != "" {
			fmt.Fprintf(&b, "echo '== %s:%d left out: %s'\n", name, block.line, why)
			continue
		}
		fmt.Fprintf(&b, "echo '== %s:%d'\n%s\n", name, block.line, code)
	}
	return b.String()
}

// clone is this checkout in an empty folder, with what is not committed yet.
func clone(t testing.TB) string {
	t.Helper()
	needs(t, "git")
	dir := filepath.Join(t.TempDir(), "pictor")
	text := `git clone -q "$0" "$1" && cd "$0" && git ls-files -mo --exclude-standard -z |
		while IFS= read -r -d '' f; do [ ! -e "$f" ] || cp --parents "$f" "$1"; done`
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("bash", "-c", text, abs, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// apart are what a script does first that has namespaces of its own: loopback,
// as pages name fixed ports, and a copy of what it changes of the system.
const apart = `ip link set lo up
for dir in /etc/nginx /var/lib/nginx; do
	[ ! -d "$dir" ] || { copy="$(mktemp -d)"; cp -a "$dir/." "$copy"; chmod 755 "$copy"; mount --bind "$copy" "$dir"; }
done
`

// paste runs a script as a reader's shell does, in a clone.
func paste(t testing.TB, dir, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", script, "bash")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := exec.LookPath("ip"); err == nil && os.Getuid() == 0 {
		cmd.SysProcAttr.Cloneflags, cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNET, syscall.CLONE_NEWNS
		cmd.Args[len(cmd.Args)-2] = apart + script
	}
	goEnv, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	caches := strings.Fields(string(goEnv))
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(),
		"GOCACHE=" + caches[0], "GOMODCACHE=" + caches[1]}
	cmd.WaitDelay = patience
	// Servers in the background go on: a file, as a pipe would be waited for.
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		waitFor(t, "the end of the page's servers, which write into their folders", func() bool {
			return syscall.Kill(-cmd.Process.Pid, 0) != nil
		})
	}
	text, _ := os.ReadFile(out.Name())
	if err != nil {
		t.Errorf("%v:\n%s", err, text)
	}
	return string(text)
}

// playground is what the pages behind README expect: its key, and make run.
const playground = "set -a; . ./.env; set +a\nbin/pictor serve --dev & bin/pictor health --wait 5m\n"

// Every block works as pasted, in the order of its page; that of README's first
// signed URL also a second time, and while make run runs.
func TestShellBlocksOfThePages(t *testing.T) {
	long(t, "builds a clone")
	needs(t, "curl")
	t.Parallel() // while others wait
	dir := clone(t)
	for _, file := range pages(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, blocks := filepath.Base(file), shellBlocks(string(text))
		if len(blocks) == 0 {
			continue
		}
		code := playground + script(name, blocks)
		if name == "README.md" {
			code = script(name, blocks) + again(blocks)
		}
		t.Run(name, func(t *testing.T) {
			out := paste(t, dir, code)
			if n := strings.Count(out, "== "+name); n < len(blocks) {
				t.Errorf("%d of %d blocks were run:\n%s", n, len(blocks), out)
			}
			t.Log(out)
		})
	}
	b, err := os.ReadFile(filepath.Join(dir, "small.webp"))
	info, sniffErr := container.Sniff(b)
	if err != nil || sniffErr != nil || info.Format != transform.WebP || info.Width != 300 || info.Height != 200 {
		t.Errorf("small.webp: %+v, %v, %v", info, err, sniffErr)
	}
	page, err := os.ReadFile(filepath.Join(dir, "page.html"))
	if err != nil || !bytes.Contains(page, []byte("<img")) {
		t.Errorf("make run shows %q, %v", page, err)
	}
}

// again are the blocks that make small.webp, pasted once more.
func again(blocks []shellBlock) string {
	text := "rm small.webp\n"
	for _, b := range blocks {
		if strings.Contains(b.code, "small.webp") {
			text += b.code
		}
	}
	return text
}

var (
	inlineTest = regexp.MustCompile("`(?:[A-Z_]+=\\S+ )*go test ([^`]*)`|(?m)^go test (.*)$")
	pattern    = regexp.MustCompile(`-(?:run|bench) '?([^' ]+)'?`)
	packageArg = regexp.MustCompile(`(?:^| )\./(\S+)`)
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w*)\(`)
	testName   = regexp.MustCompile(`\*((?:Test|Fuzz)\w+)\*`)
	anyTest    = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	makeTarget = regexp.MustCompile("`make ([a-z-]+)")
	flagName   = regexp.MustCompile("(?:^|[ `(])--([a-z][a-z0-9-]*)")
)

// The tests, targets and flags that pages name are there.
func TestPagesNameWhatThereIs(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	known, tests := flagsThereAre(t), testsThereAre(t)
	decisions, err := filepath.Glob(root + "/docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more := append(decisions, root+"/CONTRIBUTING.md", root+"/SECURITY.md")
	for _, file := range append(pages(t), more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		for _, m := range inlineTest.FindAllStringSubmatch(string(text), -1) {
			for _, missing := range testsMissing(t, m[1]+m[2]) {
				t.Errorf("%s: go test %s%s: there is no test %s", name, m[1], m[2], missing)
			}
		}
		for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
			if !tests[m[1]] {
				t.Errorf("%s: there is no test %s", name, m[1])
			}
		}
		for _, m := range makeTarget.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s: there is no target %s", name, m[1])
			}
		}
		for _, m := range flagName.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: no command of pictor's has --%s", name, m[1])
			}
		}
	}
}

// testsMissing are the names in a go test command that no package of it has.
func testsMissing(t testing.TB, command string) (missing []string) {
	t.Helper()
	var names []string
	for _, m := range packageArg.FindAllStringSubmatch(command, -1) {
		dir := strings.TrimSuffix(strings.TrimSuffix(m[1], "..."), "/")
		files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		if strings.HasSuffix(m[1], "...") {
			deeper, _ := filepath.Glob(filepath.Join(root, dir, "*", "*_test.go"))
			files = append(files, deeper...)
		}
		if err != nil || len(files) == 0 {
			return []string{"in " + m[0]}
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range testFunc.FindAllSubmatch(b, -1) {
				names = append(names, string(found[1]))
			}
		}
	}
	for _, m := range pattern.FindAllStringSubmatch(command, -1) {
		for alternative := range strings.SplitSeq(m[1], "|") {
			re := regexp.MustCompile(alternative)
			if alternative != "xxx" && alternative != "." && !slices.ContainsFunc(names, re.MatchString) {
				missing = append(missing, alternative)
			}
		}
	}
	return missing
}

// testsThereAre are the tests and fuzz targets of all packages.
func testsThereAre(t testing.TB) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range anyTest.FindAllSubmatch(b, -1) {
			found[string(m[1])] = true
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatal("no tests: ", err)
	}
	return found
}

// flagsThereAre are those of all commands, and of other programs that pages show.
func flagsThereAre(t testing.TB) []string {
	t.Helper()
	known := []string{"memory", "stop-timeout", "name", "env-file", // of docker
		"distribution-id", "paths", "recursive", // of aws
		"read-only", "cap-drop", "security-opt", "format", // of docker
		"certificate-identity", "certificate-oidc-issuer", // of cosign
		"now"} // of systemctl
	for _, command := range []string{"serve", "sign", "explain", "config", "purge", "warm",
		"keys", "health", "version", "sources add"} {
		help, stderr, code := pictor(t, nil, append(strings.Fields(command), "--help")...)
		if code != 0 {
			t.Fatalf("%s --help: %d %s", command, code, stderr)
		}
		for _, m := range regexp.MustCompile(`--([a-z][a-z0-9-]*)`).FindAllStringSubmatch(help, -1) {
			known = append(known, strings.TrimPrefix(m[1], "[no-]"))
		}
	}
	return known
}
