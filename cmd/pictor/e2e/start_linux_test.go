package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// typed is what a reader of a page types: the commands of its blocks, and all characters and line ends of these.
func typed(page string) (commands, keystrokes int) {
	blocks := regexp.MustCompile("(?ms)^```(?:sh|text)\n(.*?)^```$")
	for _, m := range blocks.FindAllStringSubmatch(page, -1) {
		keystrokes += len(m[1])
		end := "" // of a file that is typed as part of a command
		for line := range strings.Lines(m[1]) {
			line = strings.TrimSuffix(line, "\n")
			if end != "" {
				if line == end {
					end = ""
				}
				continue
			}
			commands++
			if _, after, isFile := strings.Cut(line, "<<"); isFile {
				end = strings.Trim(after, "'")
			}
		}
	}
	return commands, keystrokes
}

// The page for new users is as short as it says, and is typed in five minutes at 200 keystrokes each.
func TestStartIsShort(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/start.md")
	if err != nil {
		t.Fatal(err)
	}
	commands, keystrokes := typed(string(page))
	said := fmt.Sprintf("%d commands and %d keystrokes", commands, keystrokes)
	if !strings.Contains(string(page), said) {
		t.Errorf("docs/start.md does not say that it is %s", said)
	}
	if commands == 0 || keystrokes > 5*200 {
		t.Errorf("%d commands, %d keystrokes, want 1000 keystrokes at most", commands, keystrokes)
	}
}
