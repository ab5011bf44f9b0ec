package main

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform"
)

// Of an animation explain says what becomes of its frames.
func TestExplainTellsOfFrames(t *testing.T) {
	long := config.Animations{MaxFrames: 300, MaxAnimationPixels: 250e6, OnLongAnimation: "Error"}
	cut := long
	cut.OnLongAnimation = "shorten"
	gif := transform.Info{Format: transform.GIF, Width: 480, Height: 270, Frames: 310, Orientation: 1, Bands: 3,
		Bits: 8}
	still, broken, apng := gif, gif, gif
	still.Frames, broken.BrokenOff, apng.Format = 1, true, transform.PNG
	for _, tc := range []struct {
		info     transform.Info
		settings config.Animations
		options  string
		want     string
	}{
		{gif, cut, "w:100", "frames       310 in this GIF; the result has the first 300\n"},
		{gif, cut, "w:100/maf:400", "frames       310 in this GIF; the result has all of them\n"},
		{gif, cut, "w:48/f:png/pg:4/pgs:3", "a still image, of frames or pages 4 to 6\n"},
		{gif, cut, "w:100/f:png/pg:4", "frames       310 in this GIF; the result is a still image, of frame 4\n"},
		{gif, long, "w:100", "refused      over a limit: the animation has 310 frames; at most 300 are allowed"},
		{gif, long, "f:avif/pg:400", "refused      no such page: page 400"},
		{broken, cut, "mf:10", "frames       310 in this GIF, which breaks off behind them; the result has the first 10\n"},
		{apng, cut, "f:webp", "frames       310 in this PNG; the result is its still image\n"},
		{still, long, "w:100", ""},
	} {
		cmd := explainCmd{Insecure: true, Animations: tc.settings}
		e, err := cmd.newExplainer()
		if err != nil {
			t.Fatal(err)
		}
		e.info = tc.info
		var out strings.Builder
		if err := e.explainURL("/x/"+tc.options+"/plain/http://a/b.gif", &out); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.Contains(got, tc.want) || tc.want == "" && strings.Contains(got, "frames") {
			t.Errorf("%s: %s, want %s", tc.options, got, tc.want)
		}
	}
}
