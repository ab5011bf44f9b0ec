package transform

import (
	"errors"
	"fmt"
)

var pagesOption = Option{
	Usage: Usage{Names: []string{"pages", "pgs"}, Args: "pages", Most: 1, Default: "1",
		Text: fmt.Sprintf("How many pages of a TIFF, or frames of an animation, are stacked in one still image, "+
			"from 1 to %d: below each other, from `page` on, or as many as there are. Frames are stacked as they "+
			"are shown. Limits of a source count the pixels of all of them. It has no effect where source and "+
			"result are animations, unless `disable_animation` is 1. Pages of a TIFF must be alike in size, samples "+
			"and compression, else it is a 415.", MaxFrames)},
	Set: func(p *Params, args []string) error {
		err := wholeTo(&p.Pages, MaxFrames)(args[0])
		if err == nil && p.Pages == 0 {
			return errors.New("at least one page is needed")
		}
		return err
	},
	Text: func(p Params) string { return formatNumberOrNone(p.Pages) },
}

// planPages settles which pages of a source with so many a still result is made of.
func planPages(info Info, out Params, page int) (Params, error) {
	pages := info.pages()
	wanted := out.Pages
	out.Page, out.Pages = 0, 0
	if pages == 1 && !(info.BrokenOff && wanted > 1) {
		return out, nil
	}
	out.Page = page
	if page >= pages {
		return out, fmt.Errorf("%w: page %d is requested; the source has %d, and the first one is 0",
			ErrNoPage, page, pages)
	}
	if info.BrokenOff && wanted > pages-page {
		return out, fmt.Errorf("%w: the animation breaks off (whole frames: %d); request fewer of them (pages)",
			ErrTruncated, pages)
	}
	if n := min(wanted, pages-page); n > 1 {
		out.Pages = n
	}
	return out, nil
}

// LastPage is the last page that a still result is made of.
func (p Params) LastPage() int { return p.Page + max(p.Pages, 1) - 1 }

// StackPages describes the image that is made of the pages of a source, which have to be alike; out is what PlanFrames
// gave. A result of one page is made of the source as it is described. Errors wrap ErrLimit or ErrUnsupported.
func (l Limits) StackPages(info Info, out Params) (Info, error) {
	if out.Pages < 2 {
		return info, nil
	}
	if o := info.Orientation; o > 2 && !out.IgnoreOrientation {
		return info, fmt.Errorf("%w: pages that are to be turned cannot be stacked (orientation %d); "+
			"request auto_rotate:0, or one page", ErrUnsupported, o)
	}
	info.Stacked = out.Pages
	info.Height *= out.Pages
	if err := l.CheckSource(info); err != nil {
		return info, fmt.Errorf("%w; it is that of %d pages together (pages)", err, out.Pages)
	}
	return info, nil
}

// OnePage describes one of the pages that are stacked, or the source where none are.
func (i Info) OnePage() Info {
	if i.Stacked > 1 {
		i.Height /= i.Stacked
		i.Stacked = 0
	}
	return i
}

// stackBytes is decodeBytes of frames that are stacked: all of them lie in memory as they are shown, beside the
// canvas and what comes back on it. When the last one is there, they alone are left.
func stackBytes(info Info, g Geometry) (opening, held float64) {
	one := info.OnePage()
	g.LoadHeight = one.Height
	opening, _ = decodeBytes(one, g)
	held = canvasHeld * float64(info.Pixels())
	return opening + 2*canvasHeld*float64(one.Pixels()) + held + eachFrame*float64(info.Stacked), held
}
