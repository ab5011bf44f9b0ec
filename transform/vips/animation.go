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
	most := int(C.VIPS_MAX_COORD) // a number in libvips 8.14, a function's result from 8.16 on
	if rows := n * g.Height; n > 1 && rows >= most {
		return nil, fmt.Errorf("%w: the frames of the animation have %d rows together; fewer than %d are supported",
			transform.ErrLimit, rows, most)
	}
	job.frames = C.int(n)
	oneTable, free, err := setPages(&job.source, b, info, p)
	if err != nil {
		return nil, err
	}
	job.same_palette = cBool(n > 1 && oneTable && p.Format == transform.GIF && p.KeepsColours(g))
	return free, nil
}

// setPages lists the frames of an animation that are needed, and says which page a still image is made of. Of a
// GIF whose first frame is all that is needed it lists none. oneTable says that frames of a GIF have a
// colour table in common.
func setPages(source *C.PictorSource, b []byte, info transform.Info, p transform.Params,
) (oneTable bool, free func(), err error) {
	if info.Format.Animates() {
		source.page = C.int(p.Page)
	}
	n := max(transform.ResultFrames(info, p), p.LastPage()+1)
	switch {
	case info.Format == transform.GIF && n > 1:
		return setGIFFrames(source, b, info, n)
	case info.Format == transform.WebP && info.Frames > 1:
		free, err = setWebPFrames(source, b, info, n)
		return false, free, err
	}
	return false, func() {}, nil
}

func setGIFFrames(source *C.PictorSource, b []byte, info transform.Info, n int,
) (oneTable bool, free func(), err error) {
	list, err := container.ListGIF(b, info, n)
	if err != nil {
		return false, nil, err
	}
	frames, free, err := newFrames(source, len(list.Frames), n)
	if err != nil {
		return false, nil, err
	}
	const hundredth = 10
	for i, f := range list.Frames {
		frames[i] = C.PictorFrame{
			place: cRect(f.Place), delay: C.int(hundredth * f.Delay), disposal: C.int(f.Disposal),
			interlaced: cBool(f.Interlaced), transparent: C.int(f.Transparent),
			colours: cSpan(f.Colours), data: cSpan(f.Data),
		}
	}
	source.opaque, source.plays = cBool(list.Opaque), C.int(list.Plays)
	_, oneTable = list.OneColourTable()
	return oneTable, free, nil
}

func setWebPFrames(source *C.PictorSource, b []byte, info transform.Info, n int) (free func(), err error) {
	list, err := container.ListWebP(b, info, n)
	if err != nil {
		return nil, err
	}
	frames, free, err := newFrames(source, len(list.Frames), n)
	if err != nil {
		return nil, err
	}
	for i, f := range list.Frames {
		frames[i] = C.PictorFrame{place: cRect(f.Place), delay: C.int(f.Delay), blended: cBool(f.Blended && i > 0),
			data: cSpan(f.Image)}
		if f.Cleared {
			frames[i].disposal = C.PICTOR_CLEAR
		}
	}
	source.metadata = [...]C.PictorSpan{C.PICTOR_WEBP_PROFILE: cSpan(list.Profile),
		C.PICTOR_WEBP_EXIF: cSpan(list.EXIF), C.PICTOR_WEBP_XMP: cSpan(list.XMP)}
	source.opaque, source.plays = cBool(list.Opaque), C.int(list.Plays)
	return free, nil
}

// newFrames makes room for the frames of a source. It must have as many as are needed.
func newFrames(source *C.PictorSource, has, needed int) (frames []C.PictorFrame, free func(), err error) {
	if has != needed {
		return nil, nil, fmt.Errorf("%w: the animation has %d frames instead of %d", transform.ErrMalformed,
			has, needed)
	}
	room := C.calloc(C.size_t(needed), C.sizeof_PictorFrame)
	frames = unsafe.Slice((*C.PictorFrame)(room), needed)
	source.frames, source.frame_count = &frames[0], C.int(needed)
	return frames, func() { C.free(room) }, nil
}

func cSpan(s container.Span) C.PictorSpan {
	return C.PictorSpan{from: C.size_t(s.From), size: C.size_t(s.To - s.From)}
}
