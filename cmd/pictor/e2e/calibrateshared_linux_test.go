package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// sharedForms are a form of each kind that costs more than others of its codec.
var sharedForms = []string{"jpeg", "jpeg-turned", "jpeg-cmyk", "jpeg-p3", "progressive-444", "png", "png-alpha",
	"png-16", "interlaced", "webp", "lossless", "webp-alpha", "gif", "avif", "avif-444", "avif-12"}

// sharedOutputs are those of jobs that share a decode: a srcset in one format, one in all, and what holds frames.
var sharedOutputs = map[string][]string{
	"JPEG":    {"w:320", "w:480", "w:640", "w:750", "w:828", "w:1080", "w:1200", "w:1920"},
	"WebP":    {"w:320/f:webp", "w:640/f:webp", "w:1080/f:webp", "w:1920/f:webp"},
	"all":     {"w:480", "w:480/f:png", "w:480/f:webp", "w:480/f:gif", "w:480/f:avif", "w:1000/f:avif", "w:1500/f:png"},
	"effects": {"w:300/rot:90", "w:900/bl:5/sh:2", "s:600:600/rt:fill/g:sm", "w:1600/wm:0.5:ce:0:0:0.9", "w:700/mb:40000"},
	"large":   {"w:100", "w:0/q:95", "w:2500/f:webp"},
}

// The decode that outputs share, and what each takes beside it, stay within the estimate of their job.
func TestWorkingSetHoldsWhatSharedJobsTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	forms, megapixel := sharedForms, []float64{6}
	if os.Getenv(calibrateAll) == "" {
		forms = []string{"jpeg", "progressive-444", "png-alpha", "webp"}
	} else {
		megapixel = append(megapixel, 1, 29)
	}
	set := newPictures(t)
	var charges []charge
	for _, mp := range megapixel {
		for i, form := range forms {
			for j, name := range slices.Sorted(maps.Keys(sharedOutputs)) {
				if (i+j)%2 == 1 && os.Getenv(calibrateAll) == "" {
					continue // each source with some of the outputs, and each of these with some sources
				}
				options, from := sharedOutputs[name], megapixels(form, mp)
				var outputs []transform.Params
				for _, o := range options {
					req, err := signedurl.ParseUnsigned("/" + o + "/plain/x")
					if err != nil {
						t.Fatal(err)
					}
					if req.Params.Format == transform.FormatUnknown {
						req.Params.Format = transform.JPEG
					}
					outputs = append(outputs, req.Params)
				}
				name = fmt.Sprintf("%s %dx%d to %s", form, from.width, from.height, name)
				c := set.measureOutputs(name, from, outputs...)
				charges = append(charges, c)
				c.check(t)
			}
			set.forget(megapixels(form, mp))
		}
	}
	t.Logf("working sets of jobs that share a decode, MiB:\n%s", table(charges))
}
