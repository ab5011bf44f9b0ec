package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// sharedForms are a form of each kind that costs more than others of its codec.
var sharedForms = []string{"jpeg", "jpeg-turned", "jpeg-cmyk", "jpeg-p3", "progressive-444", "png", "png-alpha",
	"png-16", "interlaced", "webp", "lossless", "webp-alpha", "gif", "avif", "avif-444", "avif-12"}

// sharedOutputs are those of jobs that share a decode: a srcset in one format, one in all, and what holds frames.
var sharedOutputs = map[string][]string{
	"JPEG": {"w:320", "w:480", "w:640", "w:750", "w:828", "w:1080", "w:1200", "w:1920"},
	"WebP": {"w:320/f:webp", "w:640/f:webp", "w:1080/f:webp", "w:1920/f:webp"},
	"all": {"w:480", "w:480/f:png", "w:480/f:webp", "w:480/f:gif", "w:480/f:avif", "w:1000/f:avif",
		"w:1500/f:png"},
	"effects": {"w:300/rot:90", "w:900/bl:5/sh:2", "s:600:600/rt:fill/g:sm", "w:1600/wm:0.5:ce:0:0:0.9",
		"w:700/mb:40000"},
	"large":      {"w:100", "w:0/q:95", "w:2500/f:webp"},
	"best":       {"w:1000/f:best:jpg:png:webp:jxl:avif"},
	"best large": {"w:2500/f:best:jpg:webp:jxl"},
}

// The decode that outputs share, and what each takes beside it, stay within the estimate of their job.
func TestWorkingSetHoldsWhatSharedJobsTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	forms, megapixel := sharedForms, []float64{6}
	if all := os.Getenv(calibrateAll); all == "" || all == "searches" {
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
				// Searches take long, and are for a calibration; what they take does not depend on the source.
				searches, all := strings.HasPrefix(name, "best"), os.Getenv(calibrateAll)
				if searches && (all == "" || mp != 6) || !searches && all == "searches" {
					continue
				}
				options, from := sharedOutputs[name], megapixels(form, mp)
				name = fmt.Sprintf("%s %dx%d to %s", form, from.width, from.height, name)
				c := set.measureOutputs(name, from, set.outputsOf(from, options)...)
				charges = append(charges, c)
				c.check(t)
			}
			set.forget(megapixels(form, mp))
		}
	}
	t.Logf("working sets of jobs that share a decode, MiB:\n%s", table(charges))
}

// outputsOf are those that URLs with these options ask for, of a source.
func (s *pictures) outputsOf(from source, options []string) (outputs []transform.Params) {
	for _, o := range options {
		req, err := signedurl.ParseUnsigned("/" + o + "/plain/x")
		if err != nil {
			s.t.Fatal(err)
		}
		switch p := req.Params; {
		case p.Best != 0:
			info, err := container.Sniff(s.file(from))
			if err != nil {
				s.t.Fatal(err)
			}
			limits := transform.Limits{Best: transform.BestBounds{CPU: time.Hour}}
			best := p.BestOutputs(info, limits, transform.FormatSetOf(transform.Outputs))
			best = transform.WithLossless(best, info, int64(len(s.file(from))), limits)
			outputs = append(outputs, best...)
		case p.Format == transform.FormatUnknown:
			p.Format = transform.JPEG
			outputs = append(outputs, p)
		default:
			outputs = append(outputs, p)
		}
	}
	return outputs
}
