// Command docs makes docs/options.md and its pictures from the options
// themselves: `make docs` runs it in the root of the repository. A test fails
// where what it makes is not what is there.
package main

import (
	"log"
	"os"
	"path/filepath"
)

func main() {
	files, err := build(".")
	if err != nil {
		log.Fatal(err)
	}
	// Pictures of options that are gone go, too.
	if err := os.RemoveAll("docs/options"); err != nil {
		log.Fatal(err)
	}
	for name, b := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
