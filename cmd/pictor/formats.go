package main

import (
	"slices"
	"strings"
)

// formatPackages are the packages of Debian 13 that bring formats which libvips may lack.
var formatPackages = map[string]string{
	"heic": "libheif-plugin-libde265",
	"jxl":  "libjxl0.11",
	"svg":  "librsvg2-2",
	"tiff": "libtiff6",
}

// optionalLine says in a sentence which of the formats that a libvips need not have
// are not there, "load heic", and the packages that bring them; empty where none is.
func optionalLine(without []string) string {
	if len(without) == 0 {
		return ""
	}
	var packages []string
	for _, ability := range without {
		_, format, _ := strings.Cut(ability, " ")
		if p := formatPackages[format]; p != "" && !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	line := "This libvips cannot " + strings.Join(without, ", ")
	if len(packages) > 0 {
		line += " (Debian 13: " + strings.Join(packages, ", ") + ")"
	}
	return line + "."
}
