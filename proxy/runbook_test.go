package proxy

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each error has a section of the runbook, and no section is of an error that does not exist.
func TestEveryErrorIsInTheRunbook(t *testing.T) {
	b, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n## Errors that become many\n")
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### ([a-z, -]+)$`).FindAllStringSubmatch(text, -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			sections[code] = true
		}
	}
	codes := map[string]bool{"forbidden": true} // of clients without a certificate, in docs/errors.md by itself
	for _, heading := range []string{"Image port", "Admin port"} {
		for row := range documented(t, heading) {
			code, _, _ := strings.Cut(row, " ")
			codes[code] = true
		}
	}
	if !maps.Equal(sections, codes) {
		t.Errorf("docs/runbook.md has sections of %v, docs/errors.md has %v", sections, codes)
	}
}
