package e2e

import (
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// frontends are the packages of npm that the recipes are built with, which
// .ci/setup installs by name and version where CI is true.
const frontends = "../../../.ci/frontends/node_modules"

// dunes is a sample, dunesWidth pixels wide.
const (
	dunes      = "../../../proxy/playground/samples/dunes.jpg"
	dunesWidth = 1600
)

// needsFrontend skips where a package is missing, but fails where tests must be whole.
func needsFrontend(t *testing.T, name string) {
	t.Helper()
	long(t, "builds a site")
	needs(t, "node")
	if _, err := os.Stat(filepath.Join(frontends, name, "package.json")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed: run CI=true .ci/setup test", name)
	}
}

// recipeBlock is a block of docs/frontends.md whose first line is a comment with
// the path of its file.
var recipeBlock = regexp.MustCompile("(?s)```\\w+\n((?://|#) (\\S+)\n.*?)```")

func readPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// recipeSection is the part of docs/frontends.md under a heading.
func recipeSection(t *testing.T, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readPage(t, "frontends.md"), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page has no section %s", heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section
}

// project is a directory with the files of a section and of testdata, in all of
// which texts are replaced.
type project struct {
	dir     string
	replace *strings.Replacer
}

func newProject(t *testing.T, heading string, replace ...string) *project {
	t.Helper()
	p := &project{t.TempDir(), strings.NewReplacer(replace...)}
	section := recipeSection(t, heading)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(section, replace[i]) {
			t.Errorf("%s has no %q", heading, replace[i])
		}
	}
	blocks := recipeBlock.FindAllStringSubmatch(section, -1)
	if len(blocks) == 0 {
		t.Fatalf("%s has no files", heading)
	}
	for _, m := range blocks {
		p.write(t, m[2], m[1])
	}
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	writeFiles(t, p.dir, map[string]string{name: p.replace.Replace(text)})
}

// add copies a file of testdata/recipes, or the sample dunes.jpg.
func (p *project) add(t *testing.T, from, into string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(from) != ".jpg" {
		b = []byte(p.replace.Replace(string(b)))
	}
	writeFiles(t, p.dir, map[string]string{into: string(b)})
}

// packages makes the installed packages those of the project.
func (p *project) packages(t *testing.T) {
	t.Helper()
	from, err := filepath.Abs(frontends)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, filepath.Join(p.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// command runs in the project, with the settings that the page names. Frameworks
// must not call home.
func (p *project) command(url string, args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "PICTOR_URL="+url, "PICTOR_KEY="+keyHex, "PICTOR_SALT="+saltHex,
		"NEXT_TELEMETRY_DISABLED=1", "ASTRO_TELEMETRY_DISABLED=1", "HOME="+p.dir)
	return cmd
}

func (p *project) run(t *testing.T, url string, args ...string) string {
	t.Helper()
	out, err := p.command(url, args...).Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out, stderrOf(err))
	}
	return string(out)
}

// noKeyIn wants the key in no file below a directory, which browsers can read.
func (p *project) noKeyIn(t *testing.T, below string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(p.dir, below), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if n++; strings.Contains(string(b), keyHex) || strings.Contains(string(b), saltHex) {
			t.Errorf("%s has the key or the salt", path)
		}
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d files, %v", n, err)
	}
}

// element is an <img> or a <source> of a page.
type element struct {
	tag        string
	attributes map[string]string
}

var (
	elementTag = regexp.MustCompile(`<(img|source)\b((?:[^>"]|"[^"]*")*)>`)
	attribute  = regexp.MustCompile(`([\w:-]+)(?:="([^"]*)")?`)
)

func elements(page string) []element {
	var out []element
	for _, m := range elementTag.FindAllStringSubmatch(page, -1) {
		out = append(out, element{m[1], attributesOf(m[2])})
	}
	return out
}

// attributesOf reads the attributes of a tag.
func attributesOf(tag string) map[string]string {
	out := map[string]string{}
	for _, a := range attribute.FindAllStringSubmatch(tag, -1) {
		out[strings.ToLower(a[1])] = html.UnescapeString(a[2])
	}
	return out
}

// candidate is one of a srcset: its URL, and its width (640w) or density (2x).
type candidate struct{ url, descriptor string }

func (e element) srcset() []candidate {
	var out []candidate
	for _, text := range strings.Split(e.attributes["srcset"], ", ") {
		if url, descriptor, ok := strings.Cut(strings.TrimSpace(text), " "); ok {
			out = append(out, candidate{url, descriptor})
		}
	}
	return out
}

func (e element) descriptors() string {
	var out []string
	for _, c := range e.srcset() {
		out = append(out, c.descriptor)
	}
	return strings.Join(out, " ")
}

// width is that of the image which the descriptor promises, for an element that
// is as wide as its attribute says.
func (c candidate) width(t *testing.T, e element) int {
	t.Helper()
	n, err := strconv.ParseFloat(c.descriptor[:len(c.descriptor)-1], 64)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(c.descriptor, "w") {
		return int(n)
	}
	width, err := strconv.Atoi(e.attributes["width"])
	if err != nil {
		t.Fatal(err)
	}
	return int(n * float64(width))
}

// wantImage fetches a URL and wants an image of that format and size, but never
// wider than the source; a height of 0 is any.
func wantImage(t *testing.T, url string, width, height int, format string) {
	t.Helper()
	a, err := (&server{t: t, url: url}).try(http.MethodGet, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := container.Sniff(a.body)
	if a.status != http.StatusOK || err != nil {
		t.Errorf("%s: %v, %v", url, a, err)
		return
	}
	width = min(width, dunesWidth)
	sized := info.Width == width && (height == 0 || info.Height == height)
	if !sized || info.Format.String() != format {
		t.Errorf("%s: %s of %dx%d, want %s of %dx%d", url, info.Format, info.Width, info.Height, format, width, height)
	}
}
