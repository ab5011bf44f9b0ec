package transform

import "fmt"

// ResultFrames is how many frames the result has: 1 for a still image. out.Format must be set.
func ResultFrames(info Info, out Params) int {
	if out.Still || out.Page > 0 || info.Frames < 2 || !info.Format.Animates() || !out.Format.Animates() {
		return 1
	}
	if out.MaxFrames > 0 {
		return min(info.Frames, out.MaxFrames)
	}
	return info.Frames
}

// LastFrame is how many frames of an animation are read for a result, from the first on; 0 for
// all of them. p.Format must be set.
func (p Params) LastFrame() int {
	if p.Still || p.Page > 0 || !p.Format.Animates() {
		return p.LastPage() + 1
	}
	return p.MaxFrames
}

// LongAnimation is what becomes of an animation of more frames or pixels than Limits allow.
type LongAnimation uint8

const (
	// ShortenAnimation keeps its first frames, as many as are allowed.
	ShortenAnimation LongAnimation = iota
	// StillOfAnimation makes a still image of it.
	StillOfAnimation
	// RefuseAnimation is an error.
	RefuseAnimation
)

// LongAnimationNames are the names of these, in their order.
var LongAnimationNames = []string{"shorten", "first-frame", "error"}

// ParseLongAnimation reads one of LongAnimationNames.
func ParseLongAnimation(s string) (LongAnimation, bool) {
	i, ok := indexOf(LongAnimationNames, s)
	return LongAnimation(i), ok
}

// MaxFrames is the most frames of a result, and of those that a page can be: libnsgif lists no more.
const MaxFrames = 4096

// PlanFrames settles which frames of a source a result is made of: Still, Page, Pages and MaxFrames of
// the Params that it returns. out.Format must be set. A page is of still images only, as with
// imgproxy. Errors wrap ErrLimit, ErrNoPage or ErrTruncated.
func (l Limits) PlanFrames(info Info, out Params) (Params, error) {
	page, pages := out.Page, out.Pages
	out.Page, out.Pages = 0, 0
	n := ResultFrames(info, out)
	most, wrong := l.frameLimit(info, n)
	wantsAll := info.Format.Animates() && out.Format.Animates() && !out.Still &&
		(out.MaxFrames == 0 || out.MaxFrames > info.Frames)
	switch {
	case info.BrokenOff && wantsAll && n <= most:
		return out, fmt.Errorf("%w: the animation breaks off (whole frames: %d); "+
			"request a still image (disable_animation), or only whole frames (max_frames)", ErrTruncated, info.Frames)
	case n == 1:
	case l.MaxFramePixels > 0 && info.Pixels() > l.MaxFramePixels:
		return out, fmt.Errorf("%w: a frame of the animation has %.1f megapixels; "+
			"max_animation_frame_resolution in the URL allows %.1f; request a still image (disable_animation)",
			ErrLimit, float64(info.Pixels())/1e6, float64(l.MaxFramePixels)/1e6)
	case n > most && l.LongAnimation == RefuseAnimation:
		return out, wrong
	case n > most && l.LongAnimation == StillOfAnimation:
		n = 1
	case n > most:
		n = most
	}
	out.MaxFrames = 0
	if n > 1 {
		if n < info.Frames {
			out.MaxFrames = n
		}
		return out, nil
	}
	out.Still = info.Frames > 1 && info.Format.Animates() && out.Format.Animates()
	out.Pages = pages
	return planPages(info, out, page)
}

// pages is how many still images can be made of a source. Of a PNG only its default image is
// read, of an AVIF its primary one.
func (i Info) pages() int {
	if i.Format.Animates() || i.Format == TIFF {
		return max(1, i.Frames)
	}
	return 1
}

// frameLimit is how many frames a result may have, and the error for n frames.
func (l Limits) frameLimit(info Info, n int) (most int, err error) {
	const instead = "request a still image (disable_animation), or the first frames of it (max_frames)"
	most = MaxFrames
	if l.MaxFrames > 0 {
		most = min(most, l.MaxFrames)
	}
	if l.MaxAnimationPixels > 0 && info.Pixels() > 0 {
		byPixels := max(1, l.MaxAnimationPixels/info.Pixels())
		if byPixels < int64(most) {
			return int(byPixels), fmt.Errorf("%w: the animation has %d frames of %dx%d, %.1f megapixels together; "+
				"at most %.1f are allowed (--max-animation-pixels); %s", ErrLimit, n, info.Width, info.Height,
				float64(n)*float64(info.Pixels())/1e6, float64(l.MaxAnimationPixels)/1e6, instead)
		}
	}
	return most, fmt.Errorf("%w: the animation has %d frames; at most %d are allowed (--max-frames, or "+
		"max_animation_frames in the URL); %s", ErrLimit, n, most, instead)
}
