package proxy

import (
	"context"
	"fmt"
	"image"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// gifOf is a GIF of so many frames.
func gifOf(frames int) []byte {
	f := picturetest.GIFFrame{At: image.Rect(0, 0, 40, 30), Transparent: -1}
	return picturetest.GIFOnScreen(40, 30, slices.Repeat([]picturetest.GIFFrame{f}, frames)...)
}

// Each limit of animations has an answer of its own, and none is of still images.
func TestLimitsOfAnimations(t *testing.T) {
	for _, tc := range []struct {
		limits transform.Limits
		path   string
		status int
		frames int // of the result
		says   string
	}{
		{transform.Limits{MaxFrames: 4}, "f:webp", 200, 4, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.StillOfAnimation}, "f:webp", 200, 1, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "f:webp", 422, 0,
			"over-limit: The animation has 10 frames; at most 4 are allowed (--max-frames"},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "f:webp/maf:10", 200, 10, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "f:webp/mf:4", 200, 4, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "f:jpg", 200, 1, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "f:jpg/pg:9", 200, 1, ""},
		{transform.Limits{MaxFrames: 4, LongAnimation: transform.RefuseAnimation}, "da:1", 200, 1, ""},
		{transform.Limits{MaxFrames: 4}, "f:webp/maf:7", 200, 7, ""},
		{transform.Limits{MaxAnimationPixels: 6000}, "f:gif", 200, 5, ""},
		{transform.Limits{MaxAnimationPixels: 6000, LongAnimation: transform.RefuseAnimation}, "f:gif", 422, 0,
			"over-limit: The animation has 10 frames of 40x30, 0.0 megapixels together"},
		{transform.Limits{}, "f:gif/mafr:0.001", 422, 0, "max_animation_frame_resolution in the URL"},
		{transform.Limits{}, "f:png/mafr:0.001", 200, 1, ""},
		{transform.Limits{}, "f:png/pg:10", 422, 0, "no-such-page: Page 10 is requested; the source has 10, and"},
		{transform.Limits{}, "pg:10", 200, 10, ""},
	} {
		r := newRig(t, func(c *Config) { c.Limits, c.AllowSecurityOptions = tc.limits, true })
		r.picture = gifOf(10)
		resp, body := r.must(r.path(tc.path))
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %s %q", tc.path, resp.Status, body)
			continue
		}
		if job := r.painter.last.Load(); job != nil {
			if n := transform.ResultFrames(job.Info, job.Outputs[0]); n != tc.frames {
				t.Errorf("%s: %d frames, want %d", tc.path, n, tc.frames)
			}
		}
	}
}

// Of an animation that breaks off each whole frame is a still image, and it is never shown as a whole.
func TestAnimationThatBreaksOff(t *testing.T) {
	r := newRig(t, nil)
	whole := gifOf(5)
	r.picture = whole[:len(whole)-20]
	for path, says := range map[string]string{
		"": "truncated: The animation breaks off (whole frames: 4)", "f:webp": "truncated: ", "f:auto": "truncated: ",
		"mf:5": "truncated: ", "f:png": "", "da:1/pg:3": "", "mf:4": "",
	} {
		resp, body := r.must(r.path(path), "Accept", chrome)
		if (resp.StatusCode == http.StatusOK) != (says == "") || says != "" && !strings.HasPrefix(body, says) {
			t.Errorf("%s: %s %.80q", path, resp.Status, body)
		}
	}
	r = newRig(t, nil)
	r.picture = whole[:len(whole)-1]
	if resp, _ := r.must(r.path("")); resp.StatusCode != http.StatusOK ||
		transform.ResultFrames(r.painter.last.Load().Info, r.painter.last.Load().Outputs[0]) != 5 {
		t.Errorf("without a trailer: %s", resp.Status)
	}
}

// An animation that takes too long says what would take less.
func TestSlowAnimation(t *testing.T) {
	for path, says := range map[string]string{
		"f:gif": "transform-timeout: The animation of 5 frames took too long to process; request a smaller size, fewer",
		"f:png": "transform-timeout: The image took too long to process.",
	} {
		r := newRig(t, nil)
		r.picture = gifOf(5)
		r.painter.fail = func(context.Context) error { return fmt.Errorf("%w: deadline", transform.ErrTimeout) }
		resp, body := r.must(r.path(path))
		if resp.StatusCode != http.StatusGatewayTimeout || !strings.HasPrefix(body, says) {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
	}
}

// Limits of a source count all pages that are stacked.
func TestLimitsOfStackedPages(t *testing.T) {
	for _, tc := range []struct {
		most   int64 // pixels
		path   string
		status int
		height int
		says   string
	}{
		{6000, "f:png/pgs:5", 200, 150, ""},
		{5999, "f:png/pgs:5", 422, 0, "over-limit: The source is 40x150, which is 0.0 megapixels"},
		{5999, "f:png/pgs:4", 200, 120, ""},
		{5999, "f:png/pgs:5/msr:0.006", 200, 150, ""},
		{0, "f:png/pgs:5/msr:0.005", 422, 0, "of 5 pages together (pages)"},
		{1200, "f:gif/pgs:5", 200, 30, ""},
		{0, "f:gif/da:1/pgs:4096/w:20", 200, 150, ""},
		{0, "f:png/pgs:0", 404, 0, "at least one page"},
	} {
		limits := transform.Limits{MaxPixels: tc.most}
		r := newRig(t, func(c *Config) { c.Limits, c.AllowSecurityOptions = limits, true })
		r.picture = gifOf(10)
		resp, body := r.must(r.path(tc.path))
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %s %q", tc.path, resp.Status, body)
			continue
		}
		if job := r.painter.last.Load(); job != nil {
			if g := transform.NewGeometry(job.Info, job.Outputs[0]); g.Height != tc.height {
				t.Errorf("%s: %d high, want %d", tc.path, g.Height, tc.height)
			}
		}
	}
}
