package transform

import "fmt"

var disableAnimationOption = switchOption(Usage{Names: []string{"disable_animation", "da"}, Args: "switch",
	Text: "1 makes a still image of an animation: its first frame, or the one that `page` names."},
	false, func(p *Params) *bool { return &p.Still })

var pageOption = wholeOption(Usage{Names: []string{"page", "pg"}, Args: "page",
	Text: fmt.Sprintf("Page of a TIFF, or frame of an animation, that a still image is made of, from 0 to %d. It "+
		"has no effect where source and result are animations, unless `disable_animation` is 1, nor where the "+
		"source is a single image. A page that the source does not have is a 422.", MaxFrames-1)},
	MaxFrames-1, func(p *Params) *int { return &p.Page })

var maxFramesOption = wholeOption(Usage{Names: []string{"max_frames", "mf"}, Args: "frames",
	Text: fmt.Sprintf("Most frames of an animated result, up to %d: those behind them are left out. 0 means: as many "+
		"as `--max-frames` allows.", MaxFrames)},
	MaxFrames, func(p *Params) *int { return &p.MaxFrames })
