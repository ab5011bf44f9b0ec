package vips

/*
#include <stdlib.h>
#include "pipeline.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// setFrames says which frames of the source a result is made of. free is to be called when the job is done.
func setFrames(job *C.PictorJob, b []byte, info transform.Info, g transform.Geometry, p transform.Params,
) (free func(), err error) {
	n := transform.ResultFrames(info, p)
	height := g.Height
	if info.Format == transform.WebP {
		height = max(height, info.Height)
	}
	if rows := n * height; n > 1 && rows >= C.VIPS_MAX_COORD {
		return nil, fmt.Errorf("%w: the frames of the animation have %d rows together; fewer than %d are supported",
			transform.ErrLimit, rows, int(C.VIPS_MAX_COORD))
	}
	job.frames = C.int(n)
	list, free, err := setPages(&job.source, b, info, p)
	if err != nil {
		return nil, err
	}
	_, common := list.OneColourTable()
	job.same_palette = cBool(n > 1 && common && p.Format == transform.GIF && p.KeepsColours(g))
	return free, nil
}

// setPages lists the frames of a GIF, unless the first one is all that is needed, and says which page a still
// image is made of.
func setPages(source *C.PictorSource, b []byte, info transform.Info, p transform.Params,
) (list container.GIFFrames, free func(), err error) {
	if info.Format.Animates() {
		source.page = C.int(p.Page)
	}
	n := max(transform.ResultFrames(info, p), p.Page+1)
	if n == 1 || info.Format != transform.GIF {
		return list, func() {}, nil
	}
	list, err = container.ListGIF(b, info, n)
	if err != nil {
		return list, nil, err
	}
	if len(list.Frames) < n {
		return list, nil, fmt.Errorf("%w: the GIF has %d frames instead of %d", transform.ErrMalformed,
			len(list.Frames), n)
	}
	frames := C.calloc(C.size_t(n), C.sizeof_PictorFrame)
	to := unsafe.Slice((*C.PictorFrame)(frames), n)
	for i, f := range list.Frames {
		to[i] = newFrame(f)
	}
	source.frames, source.frame_count = &to[0], C.int(n)
	source.opaque, source.plays = cBool(list.Opaque), C.int(list.Plays)
	return list, func() { C.free(frames) }, nil
}

func newFrame(f container.GIFFrame) C.PictorFrame {
	const hundredth = 10
	return C.PictorFrame{
		place: cRect(f.Place), delay: C.int(hundredth * f.Delay), disposal: C.int(f.Disposal),
		interlaced: cBool(f.Interlaced), transparent: C.int(f.Transparent),
		colours: C.size_t(f.Colours.From), colours_size: C.size_t(f.Colours.To - f.Colours.From),
		data: C.size_t(f.Data.From), data_size: C.size_t(f.Data.To - f.Data.From),
	}
}
