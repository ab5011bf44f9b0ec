package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pictor-proxy/pictor/transform/worker"
)

// knownLibrary is what is known of versions of a library, of which docs/formats.md and docs/image.md tell.
type knownLibrary struct {
	library string
	// below is the first version that it does not hold for.
	below    [2]int
	level    string
	text, do string
}

var knownLibraries = []knownLibrary{
	{"libvips", [2]int{8, 14}, levelProblem, "pictor is not made for a libvips before 8.14",
		"Install libvips 8.14 or newer (Debian 12 or later), or use the container image."},
	{"libvips", [2]int{8, 18}, levelNote, "libvips 8.18 makes AVIFs with about a quarter less CPU time than 8.14",
		"Use the container image, which has it, where AVIF is much of the work."},
	{"libheif", [2]int{1, 16}, levelNote, "libheif 1.15 refuses some AVIFs that browsers show (items in more " +
		"than 32 extents, image pyramids), and knows no HEICs of type hev1",
		"docs/formats.md lists them. Debian 13 and the container image have a newer one."},
}

// checkLibraries names versions of libraries with which something is known to be wrong.
func (r *report) checkLibraries(program worker.Program) {
	r.addKnown(map[string]string{"libvips": program.Capabilities.Version,
		"libheif": libraryVersion("libheif", program.Libraries)})
}

func (r *report) addKnown(versions map[string]string) {
	for _, known := range knownLibraries {
		var major, minor int
		if _, err := fmt.Sscanf(versions[known.library], "%d.%d", &major, &minor); err != nil {
			continue // it is not known
		}
		if major < known.below[0] || major == known.below[0] && minor < known.below[1] {
			r.add(known.level, "libraries", known.do, "%s is %s: %s",
				[]any{known.library, versions[known.library], known.text})
		}
	}
}

// libraryVersion is that in the file name of a shared library, libheif.so.1.15.1; "" where there is none.
func libraryVersion(library string, folders []string) string {
	for _, folder := range folders {
		links, _ := filepath.Glob(filepath.Join(folder, library+".so.*"))
		for _, link := range links {
			file, err := filepath.EvalSymlinks(link)
			if err != nil {
				continue
			}
			if v, ok := strings.CutPrefix(filepath.Base(file), library+".so."); ok && strings.Contains(v, ".") {
				return v
			}
		}
	}
	return ""
}
