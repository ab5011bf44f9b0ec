package transform

import (
	"errors"
	"strings"
	"testing"
)

func TestPlanFrames(t *testing.T) {
	anim := Info{Format: GIF, Width: 480, Height: 270, Frames: 310}
	webp, still, apng := anim, anim, anim
	webp.Format, still.Frames, apng.Format = WebP, 1, PNG
	broken, broken1, tiff := anim, still, anim
	broken.BrokenOff, broken1.BrokenOff, tiff.Format = true, true, TIFF
	limit := Limits{MaxFrames: 300}
	small := Limits{MaxAnimationPixels: 20 * 480 * 270}
	with := func(l Limits, long LongAnimation) Limits { l.LongAnimation = long; return l }
	for _, tc := range []struct {
		limits  Limits
		info    Info
		options string
		frames  int
		want    string // canonical text of the planned Params
		err     error
		says    string
	}{
		{Limits{}, anim, "f:webp", 310, "f:webp", nil, ""},
		{Limits{}, anim, "f:webp/pg:7", 310, "f:webp", nil, ""},
		{Limits{}, anim, "f:jpg/pg:7", 1, "f:jpg/pg:7", nil, ""},
		{Limits{}, anim, "f:gif/da:1/pg:309", 1, "f:gif/da:1/pg:309", nil, ""},
		{Limits{}, anim, "f:gif/da:1/pg:310", 0, "", ErrNoPage, "page 310 is requested; the source has 310"},
		{Limits{}, anim, "f:jpg/pg:310", 0, "", ErrNoPage, ""},
		{Limits{}, still, "f:gif/da:1/pg:310", 1, "f:gif", nil, ""},
		{Limits{}, apng, "f:webp/da:1/pg:4", 1, "f:webp", nil, ""},
		{Limits{}, tiff, "f:webp/pg:4", 1, "f:webp/pg:4", nil, ""},
		{Limits{}, tiff, "f:webp/pgs:4", 1, "f:webp/pgs:4", nil, ""},
		{Limits{}, tiff, "f:jpg/pg:308/pgs:4", 1, "f:jpg/pg:308/pgs:2", nil, ""},
		{Limits{}, tiff, "f:jpg/pg:309/pgs:4", 1, "f:jpg/pg:309", nil, ""},
		{Limits{}, tiff, "f:jpg/pg:310/pgs:4", 0, "", ErrNoPage, ""},
		{Limits{}, anim, "f:webp/pgs:4", 310, "f:webp", nil, ""},
		{Limits{}, anim, "f:webp/da:1/pgs:4", 1, "f:webp/da:1/pgs:4", nil, ""},
		{Limits{}, anim, "f:png/pg:2/pgs:4096", 1, "f:png/pg:2/pgs:308", nil, ""},
		{Limits{}, still, "f:png/pgs:4", 1, "f:png", nil, ""},
		{Limits{}, apng, "f:png/pgs:4", 1, "f:png", nil, ""},
		{Limits{}, broken, "f:png/pg:300/pgs:10", 1, "f:png/pg:300/pgs:10", nil, ""},
		{Limits{}, broken, "f:png/pg:300/pgs:11", 0, "", ErrTruncated, "request fewer of them (pages)"},
		{Limits{}, broken1, "f:png/pgs:2", 0, "", ErrTruncated, ""},

		{Limits{}, anim, "f:webp/mf:5", 5, "f:webp/mf:5", nil, ""},
		{Limits{}, anim, "f:webp/mf:1", 1, "f:webp/da:1", nil, ""},
		{Limits{}, anim, "f:webp/mf:400", 310, "f:webp", nil, ""},

		{limit, anim, "f:webp", 300, "f:webp/mf:300", nil, ""},
		{with(limit, StillOfAnimation), anim, "f:webp", 1, "f:webp/da:1", nil, ""},
		{with(limit, StillOfAnimation), anim, "f:webp/pg:3", 1, "f:webp/da:1/pg:3", nil, ""},
		{with(limit, StillOfAnimation), anim, "f:webp/mf:300", 300, "f:webp/mf:300", nil, ""},
		{with(limit, RefuseAnimation), webp, "f:gif", 0, "", ErrLimit, "has 310 frames; at most 300 are allowed (--max-frames"},
		{with(limit, RefuseAnimation), webp, "f:gif/mf:300", 300, "f:gif/mf:300", nil, ""},
		{with(limit, RefuseAnimation), webp, "f:png", 1, "f:png", nil, ""},
		{with(limit, RefuseAnimation), webp, "f:gif/da:1", 1, "f:gif/da:1", nil, ""},
		{Limits{MaxFrames: 1}, webp, "f:gif", 1, "f:gif/da:1", nil, ""},

		{small, anim, "f:webp", 20, "f:webp/mf:20", nil, ""},
		{Limits{MaxAnimationPixels: 1000}, anim, "f:webp", 1, "f:webp/da:1", nil, ""},
		{with(small, RefuseAnimation), anim, "f:webp", 0, "", ErrLimit,
			"310 frames of 480x270, 40.2 megapixels together; at most 2.6 are allowed (--max-animation-pixels)"},
		{with(small, RefuseAnimation), anim, "f:jpg", 1, "f:jpg", nil, ""},
		{Limits{MaxFramePixels: 1e5}, anim, "f:gif", 0, "", ErrLimit, "0.1 megapixels; max_animation_frame_resolution"},
		{Limits{MaxFramePixels: 1e5}, anim, "f:gif/da:1", 1, "f:gif/da:1", nil, ""},
		{Limits{}, Info{Format: WebP, Width: 1, Height: 1, Frames: 1e6}, "f:gif", MaxFrames, "f:gif/mf:4096", nil, ""},

		{Limits{}, broken, "f:gif", 0, "", ErrTruncated, "breaks off (whole frames: 310)"},
		{Limits{}, broken, "f:gif/mf:311", 0, "", ErrTruncated, ""},
		{Limits{}, broken, "f:gif/mf:310", 310, "f:gif", nil, ""},
		{Limits{}, broken, "f:gif/da:1", 1, "f:gif/da:1", nil, ""},
		{Limits{}, broken, "f:jpg/pg:9", 1, "f:jpg/pg:9", nil, ""},
		{limit, broken, "f:gif", 300, "f:gif/mf:300", nil, ""},
		{Limits{}, broken1, "f:gif", 0, "", ErrTruncated, "(whole frames: 1)"},
		{Limits{}, broken1, "f:png", 1, "f:png", nil, ""},
	} {
		p, err := set(tc.options)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tc.limits.PlanFrames(tc.info, p)
		if !errors.Is(err, tc.err) || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v of %s: %v, want %v %q", tc.limits, tc.options, err, tc.err, tc.says)
		}
		if err == nil && (got.String() != tc.want || ResultFrames(tc.info, got) != tc.frames) {
			t.Errorf("%+v of %s: %s with %d frames, want %s with %d", tc.limits, tc.options, got,
				ResultFrames(tc.info, got), tc.want, tc.frames)
		}
		if read := got.LastFrame(); err == nil && read != 0 && read < max(tc.frames, got.Page+1) {
			t.Errorf("%s: %d frames are read", got, read)
		}
	}
}

func TestLongAnimationsAreNamed(t *testing.T) {
	for _, want := range []LongAnimation{ShortenAnimation, StillOfAnimation, RefuseAnimation} {
		if got, ok := ParseLongAnimation(LongAnimationNames[want]); !ok || got != want {
			t.Errorf("%s is %v", LongAnimationNames[want], got)
		}
	}
	if _, ok := ParseLongAnimation("never"); ok {
		t.Error("never is a name")
	}
}
