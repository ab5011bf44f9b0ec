package main

import (
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// limitsOf are the limits of sources and results that the settings have.
func limitsOf(cfg *config.Serve) transform.Limits {
	l := transform.Limits{MaxPixels: int64(cfg.MaxSourcePixels), MaxOutputSide: cfg.MaxOutputSide,
		Best: transform.BestBounds{CPU: cfg.BestCPU, Time: cfg.BestTime}}
	return limitAnimations(l, cfg.Animations)
}

// limitAnimations is l with the limits of animations.
func limitAnimations(l transform.Limits, a config.Animations) transform.Limits {
	l.MaxFrames, l.MaxAnimationPixels = a.MaxFrames, int64(a.MaxAnimationPixels)
	l.LongAnimation, _ = transform.ParseLongAnimation(strings.ToLower(a.OnLongAnimation)) // the settings are checked
	return l
}

// planPages settles which frames of a source are used, and describes the image that pages below each other are.
func planPages(l transform.Limits, req signedurl.Request, info transform.Info,
) (_ transform.Info, out transform.Params, err error) {
	if n := req.Limits.Frames; n > 0 {
		l.MaxFrames = int(min(n, transform.MaxFrames))
	}
	if out, err = l.PlanFrames(info, req.Params); err == nil {
		info, err = l.StackPages(info, out)
	}
	return info, out, err
}

// framesOf says what becomes of the frames of a source, of which out was made by planning; "" where
// it has only one.
func framesOf(info transform.Info, out transform.Params) string {
	if info.Frames < 2 && !info.BrokenOff {
		return ""
	}
	text := fmt.Sprintf("%d in this %s", info.Frames, info.Format.Title())
	if info.BrokenOff {
		text += ", which breaks off behind them"
	}
	n := transform.ResultFrames(info, out)
	switch {
	case n == info.Frames && n > 1:
		return text + "; the result has all of them"
	case n > 1:
		return fmt.Sprintf("%s; the result has the first %d", text, n)
	case out.Pages > 1:
		return fmt.Sprintf("%s; the result is a still image, of frames or pages %d to %d", text, out.Page,
			out.LastPage())
	case !info.Format.Animates():
		return text + "; the result is its still image"
	}
	return fmt.Sprintf("%s; the result is a still image, of frame %d", text, out.Page)
}
