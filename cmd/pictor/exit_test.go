package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// docs/cli.md names every command, and the help and the page every exit code.
func TestTheCommandLineIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	k, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, command := range k.Model.Children {
		if command.Hidden {
			continue
		}
		commands++
		if !strings.Contains(page, fmt.Sprintf("\n| `%s` | ", command.Name)) {
			t.Errorf("%s has no row", command.Name)
		}
	}
	if rows := strings.Count(page[:strings.Index(page, "## Exit codes")], "\n| `"); rows != commands {
		t.Errorf("%d rows for %d commands", rows, commands)
	}
	for code := range exitBind + 1 {
		if !strings.Contains(page, fmt.Sprintf("\n| %d | ", code)) ||
			!strings.Contains(exitHelp, fmt.Sprintf("\n  %d    ", code)) {
			t.Errorf("code %d is missing", code)
		}
	}
}
