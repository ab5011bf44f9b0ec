package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// movieFrames are how many frames the forms of animations have.
var movieFrames = map[string]int{"movie": 40, "movie-long": 250, "movie-noise": 40, "movie-restoring": 20}

// movieOf is the animation of a form. That of noise is what neither GIF nor WebP can compress, and in the
// restoring one each frame is taken away again and has holes.
func movieOf(of source) (m picturetest.GIFMovie, ok bool) {
	frames, ok := movieFrames[of.form]
	if !ok {
		return m, false
	}
	m = picturetest.PhotoMovie(of.width, of.height, frames)
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range m.Parts {
		switch of.form {
		case "movie-noise":
			for k := range m.Parts[i].Pix {
				m.Parts[i].Pix[k] = byte(noise.IntN(216))
			}
		case "movie-restoring":
			m.Parts[i].Disposal, m.Parts[i].Transparent = 3, 43*5
		}
	}
	return m, true
}

// animationCases are animations in and out, and pages of them.
func animationCases() []calibration {
	var out []calibration
	small, large := [2]int{480, 270}, [2]int{1280, 720}
	sizesOf := map[string][][2]int{
		"movie": {{64, 36}, small, large}, "movie-long": {small}, "movie-noise": {small},
		"movie-restoring": {small, large}, "webp-movie": {{64, 36}, small, large}, "webp-movie-alpha": {small},
		"webp-movie-exact": {small}, "webp-movie-long": {small},
	}
	for _, form := range slices.Sorted(maps.Keys(sizesOf)) {
		sizes := sizesOf[form]
		for _, size := range sizes {
			from := source{form, size[0], size[1]}
			for _, f := range []transform.Format{transform.GIF, transform.WebP} {
				out = append(out, calibration{from, transform.Params{Width: size[0] / 2, Format: f}})
				if !strings.HasSuffix(form, "-long") {
					out = append(out, calibration{from, transform.Params{Format: f}})
				}
			}
			out = append(out, calibration{from, transform.Params{Format: transform.PNG, Page: 15}})
		}
	}
	for _, options := range []string{
		"f:webp/webpo:lossless", "f:webp/q:95", "f:webp/rc:40", "f:webp/bl:5", "f:gif/wm:0.5:re",
		"f:webp/mb:300000", "f:webp/rs:fill:200:200/g:sm", "f:gif/pd:20", "f:webp/webpo::::6", "f:gif/rot:90/sh:2",
	} {
		req, err := signedurl.ParseUnsigned("/" + options + "/plain/x")
		if err != nil {
			panic(err) // it is in this file
		}
		out = append(out, calibration{source{"movie", small[0], small[1]}, req.Params})
	}
	return out
}

// The peak of an animation stays within its estimate.
func TestWorkingSetHoldsWhatAnimationsTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	set := newPictures(t)
	var charges []charge
	for _, c := range fewOf(animationCases(), 5) {
		if os.Getenv(calibrateAll) == "" && c.width > 480 && c.form != "movie" {
			continue // the sizes are samples, and one form is measured in all of them
		}
		charges = append(charges, set.measure(c))
	}
	t.Logf("working sets, MiB:\n%s", table(charges))
	for _, c := range charges {
		c.check(t)
	}
}

// 250 frames of 480 by 270 at half size take less than 64 MiB.
func TestALongAnimationTakesLittle(t *testing.T) {
	calibrates(t)
	set := newPictures(t)
	for _, f := range []transform.Format{transform.GIF, transform.WebP} {
		c := set.measure(calibration{source{"movie-long", 480, 270}, transform.Params{Width: 240, Format: f}})
		t.Logf("%s takes %.1f MiB over the idle worker", c.name, mebi(c.actual))
		c.check(t)
		if c.actual > 64<<20 {
			t.Errorf("%s takes %.1f MiB over the idle worker, want at most 64", c.name, mebi(c.actual))
		}
	}
}
