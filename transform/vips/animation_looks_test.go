package vips

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// looksAlike compares every frame of an animated result with what the still pipeline makes of that frame alone, as
// browsers show it, in the same format.
func looksAlike(t *testing.T, m picturetest.GIFMovie, options string, most float64) {
	t.Helper()
	p := parse(t, options)
	one := p
	if one.Format == transform.GIF {
		one.Format = transform.PNG // its frames lose next to nothing
	}
	one.WebP.SmartSubsample = true // as animations have it
	got := play(t, animate(t, m.Encode(), p))
	worst, sum := 0.0, 0.0
	for i, shown := range m.Shown() {
		want := pixels(t, run(t, picturetest.PNG(shown), one))
		d := picturetest.Perceived(got.frames[i], want)
		worst, sum = max(worst, d), sum+d
		if d > most {
			t.Errorf("%s, frame %d: distance %.2f, want at most %.1f", options, i, d, most)
			return
		}
	}
	t.Logf("%s: distance %.2f at most, %.2f in the mean", options, worst, sum/float64(len(m.Parts)))
	if !slices.Equal(got.delays, m.Delays()) {
		t.Errorf("%s: delays %v, want %v", options, got.delays, m.Delays())
	}
}

// What is asked for is done to each frame.
func TestOptionsOfAnAnimation(t *testing.T) {
	m := picturetest.PhotoMovie(96, 64, 3)
	for _, options := range []string{
		"w:48", "w:48/h:48/rt:fill", "w:30/h:40/rt:fill/g:soea", "c:50:30:nowe", "w:150/el:1", "w:48/h:64/ex:1", "pd:5:9",
		"pd:5/bg:ff8800", "rot:90", "rot:180", "fl:1", "fl:0:1", "rot:270/fl:1/w:40", "bl:2", "sh:1", "pix:8", "br:30",
		"co:1.4", "sa:0.5", "mc:1:ffcc00", "bg:00ff00", "rc:12", "rc:12/bg:ffffff", "mk:circle", "w:48/rc:8/pd:4", "linear:1/w:40",
	} {
		for _, f := range []string{"gif", "webp/webpo:lossless"} {
			looksAlike(t, m, fmt.Sprint(options, "/f:", f), 2)
		}
	}
}
