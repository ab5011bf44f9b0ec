// Command docs generates docs/options.md and its images from the declarations
// of the options, and docs/settings.md from the settings. `make docs` runs it in
// the root of the repository. A test fails if a committed page differs from the
// generated one.
package main

import (
	"log"
	"os"
	"path/filepath"
)

func main() {
	files, err := buildPages(".")
	if err != nil {
		log.Fatal(err)
	}
	if files["docs/settings.md"], err = settingsPage(); err != nil {
		log.Fatal(err)
	}
	// Images of removed options are removed, too.
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
