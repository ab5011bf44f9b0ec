package house

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeBlock  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	pageLink   = regexp.MustCompile(`\]\(([^)\s]*)(?: "[^"]*")?\)|(?m)^\[[^\]]+\]: +(\S+)`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	headingEnd = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_\- ]`)
	anchorName = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// markdownPages are all pages of the documentation, by their paths.
func markdownPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", ".github/*.md", ".github/*/*.md",
		"transform/vips/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pages[path] = codeBlock.ReplaceAllString(string(text), "")
		}
	}
	return pages
}

// anchors are the fragments that links to a page may have, made of its headings as
// GitHub does.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		slug := strings.ReplaceAll(headingEnd.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		for found[slug] {
			slug += "-1"
		}
		found[slug] = true
	}
	for _, m := range anchorName.FindAllStringSubmatch(page, -1) {
		found[m[1]] = true
	}
	return found
}

// Links within the repository lead to files and headings that exist. Of others only
// the form is checked: a test needs no network.
func TestLinksOfThePages(t *testing.T) {
	pages := markdownPages(t)
	checked := 0
	for path, page := range pages {
		for _, m := range pageLink.FindAllStringSubmatch(codeSpan.ReplaceAllString(page, ""), -1) {
			checked++
			link := m[1] + m[2]
			u, err := url.Parse(link)
			switch {
			case err != nil || link == "":
				t.Errorf("%s: %q is no URL: %v", path, link, err)
			case u.Scheme != "":
				if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
					t.Errorf("%s: %s is not a URL of the web", path, link)
				}
			default:
				checkRelative(t, pages, path, u)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were found", checked)
	}
}

func checkRelative(t *testing.T, pages map[string]string, from string, u *url.URL) {
	t.Helper()
	target := from
	if u.Path != "" {
		target = filepath.Join(filepath.Dir(from), filepath.FromSlash(u.Path))
		if _, err := os.Stat(target); err != nil {
			t.Errorf("%s: there is no %s", from, u.Path)
			return
		}
	}
	if page, ok := pages[target]; u.Fragment != "" && !(ok && anchors(page)[u.Fragment]) {
		t.Errorf("%s: %s has no heading #%s", from, target, u.Fragment)
	}
}

func TestAnchors(t *testing.T) {
	page := "# One `code` & two\n\n## Same\n## Same\n## a [link](x.md), Größe\n<a id=\"x\"></a>\n"
	got := anchors(page)
	for _, want := range []string{"one-code--two", "same", "same-1", "a-link-größe", "x"} {
		if !got[want] {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, at most 150 are allowed", n)
	}
}
