package main

import (
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform"
)

// deferralOf is what the settings have made when workers are idle.
func deferralOf(cfg *config.Deferral) (d proxy.Deferral) {
	for _, name := range cfg.DeferredNames() {
		switch name {
		case "avif":
			d.Formats |= 1 << transform.AVIF
		case "jxl":
			d.Formats |= 1 << transform.JXL
		case "autoquality":
			d.AutoQuality = true
		case "best":
			d.Best = true
		}
		d.MaxAge = cfg.DeferTTL
	}
	return d
}

// formatPackages are the packages that bring formats which libvips may lack, by the release of Debian. In Debian 12
// libheif1 brings the decoder of HEVC itself.
var formatPackages = []struct {
	release  string
	packages map[string]string
}{
	{"Debian 12", map[string]string{"heic": "libheif1", "jxl": "libjxl0.7", "svg": "librsvg2-2", "tiff": "libtiff6"}},
	{"Debian 13", map[string]string{"heic": "libheif-plugin-libde265", "jxl": "libjxl0.11", "svg": "librsvg2-2",
		"tiff": "libtiff6"}},
}

// optionalLine says in a sentence which of the formats that a libvips need not have
// are not there, "load heic", and the packages that bring them; empty where none is.
func optionalLine(without []string) string {
	if len(without) == 0 {
		return ""
	}
	var releases []string
	for _, of := range formatPackages {
		var packages []string
		for _, ability := range without {
			_, format, _ := strings.Cut(ability, " ")
			if p := of.packages[format]; p != "" && !slices.Contains(packages, p) {
				packages = append(packages, p)
			}
		}
		if len(packages) > 0 {
			releases = append(releases, of.release+": "+strings.Join(packages, ", "))
		}
	}
	line := "This libvips cannot " + strings.Join(without, ", ")
	if len(releases) > 0 {
		line += " (" + strings.Join(releases, "; ") + ")"
	}
	return line + "."
}
