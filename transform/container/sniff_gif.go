package container

import (
	"encoding/binary"
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

// Block introducers and labels of GIF89a appendix A.
const (
	gifExtension      = 0x21
	gifImage          = 0x2C
	gifTrailer        = 0x3B
	gifGraphicControl = 0xF9
	gifComment        = 0xFE
)

// gifWalk follows the blocks of a GIF to its trailer.
type gifWalk struct {
	rest   []byte
	info   *transform.Info
	frames int
	// whole is how much was left behind the last whole frame.
	whole int
	// data is that of the frame that is read, from the size of its codes; nil between
	// frames. pixels is what it should give.
	data   []byte
	pixels int64
	// empty are extensions without data: how much was left at the label of each.
	empty []int
	// control is the flags of the graphic control of the next frame, if there is one.
	control   byte
	announced bool
	// alpha says that the frame that is read has transparent pixels, or leaves some.
	alpha bool
	// hole says that the frame before leaves transparent pixels when its time is over.
	hole bool
	// between says that the file ends between two blocks.
	between bool
	// most is the number of frames behind which the walk ends; 0 for all.
	most int
}

func sniffGIF(b []byte, info *transform.Info) error {
	info.Bands = 3
	w := gifWalk{info: info}
	if err := w.readScreen(b); err != nil {
		return err
	}
	err := w.walkBlocks()
	if err == nil && len(w.empty) == 0 {
		return nil
	}
	stop := w.wholeFramesEnd(b)
	if stop.end == 0 {
		return err
	}
	info.End = int64(stop.end)
	if stop.block != 0 {
		w.endFrame() // it lacks but its end
		return nil
	}
	// What follows may be left out where browsers leave it out, too. What was cut would be shown.
	info.BrokenOff = w.brokenOff(err)
	return nil
}

// brokenOff says whether frames are missing behind the whole ones, if the walk ended with
// this error. Browsers take a block that they do not know for the end of the animation.
func (w *gifWalk) brokenOff(err error) bool {
	return errors.Is(err, errEmptyExtension) ||
		errors.Is(err, transform.ErrTruncated) && (!w.between || w.announced)
}

// errEmptyExtension is of an extension that no repair makes decodable.
var errEmptyExtension = malformedError("the GIF has an empty extension")

// readScreen reads the logical screen (GIF89a §18), and begins the walk behind it.
func (w *gifWalk) readScreen(b []byte) error {
	const signature, screen = 6, 7
	if len(b) < signature+screen {
		return cutShort("the GIF ends in its header")
	}
	s := b[signature:]
	w.info.Width, w.info.Height = int(binary.LittleEndian.Uint16(s)), int(binary.LittleEndian.Uint16(s[2:]))
	w.rest = s[screen:]
	if !w.skipColours(s[4]) {
		return w.truncatedError()
	}
	return nil
}

// wholeFramesEnd is where the whole frames of a GIF end that breaks off or goes on with
// something else. Its end is 0 where there is none.
func (w *gifWalk) wholeFramesEnd(b []byte) gifStop {
	if w.data != nil && mayWalk(w.data) {
		if stop := gifDataEnd(w.data, w.pixels); stop.end > 0 {
			from := len(b) - len(w.data)
			stop.end, stop.block = from+stop.end, from+stop.block
			return stop
		}
	}
	if w.frames > 0 {
		return gifStop{end: len(b) - w.whole}
	}
	return gifStop{}
}

func (w *gifWalk) truncatedError() error {
	if w.frames == 0 {
		return cutShort("the GIF ends before its first frame is complete")
	}
	return cutShort("the GIF ends in the middle of its blocks")
}

func (w *gifWalk) walkBlocks() error {
	for len(w.rest) > 0 {
		introducer := w.rest[0]
		w.rest = w.rest[1:]
		switch introducer {
		case gifTrailer:
			if w.frames == 0 {
				return malformedError("the GIF has no frame")
			}
			return nil
		case gifExtension:
			if err := w.readExtension(); err != nil {
				return err
			}
		case gifImage:
			if err := w.readImage(); err != nil {
				return err
			}
			if w.endFrame(); w.frames == w.most {
				return nil
			}
		case 0:
			// Old encoders end the last frame twice.
			if len(w.rest) > 0 && w.rest[0] != 0 && w.rest[0] != gifTrailer {
				return malformedError("the GIF has an unknown block")
			}
		default:
			return malformedError("the GIF has an unknown block")
		}
	}
	w.between = true
	return w.truncatedError()
}

// endFrame counts a whole frame.
func (w *gifWalk) endFrame() {
	w.frames++
	w.whole, w.data = len(w.rest), nil
	w.info.Frames = w.frames
	if w.alpha {
		w.info.Alpha, w.info.Bands = true, 4
	}
	// To browsers the background is transparent, and so is what was before the first frame
	// (GIF89a §23: methods 2, and 3 or 4).
	const background = 2
	disposal := w.control >> 2 & 7
	w.hole = disposal == background || disposal > background && w.frames == 1
	w.control, w.announced = 0, false
}

// maxEmptyExtensions bounds what a repair of a GIF has to change.
const maxEmptyExtensions = 64

// readExtension reads a label and its sub-blocks (GIF89a §23 to §26). libnsgif takes
// only a comment that is empty: after the first block of the others it reads on
// whatever its size, and would from there see other blocks than this walk. The
// repair makes comments of them. At an empty graphic control, which browsers refuse,
// too, the walk ends.
func (w *gifWalk) readExtension() error {
	if len(w.rest) < 2 {
		return w.truncatedError()
	}
	before := len(w.rest)
	label, first := w.rest[0], w.rest[1]
	w.rest = w.rest[1:]
	if first == 0 && label != gifComment {
		if label == gifGraphicControl || len(w.empty) == maxEmptyExtensions {
			return errEmptyExtension
		}
		w.empty = append(w.empty, before)
	}
	if label == gifGraphicControl && len(w.rest) >= 2 {
		const transparent = 1 // of several controls each may say so
		w.control, w.announced = w.rest[1]|w.control&transparent, true
	}
	if !w.skipSubBlocks() {
		return w.truncatedError()
	}
	if label != gifGraphicControl {
		w.info.AncillaryBytes += int64(before-len(w.rest)) + 1
	}
	return nil
}

// readImage reads an image descriptor (GIF89a §20), its colours and its data.
func (w *gifWalk) readImage() error {
	const descriptor = 9
	if len(w.rest) < descriptor {
		return w.truncatedError()
	}
	d := w.rest[:descriptor]
	w.rest = w.rest[descriptor:]
	at := func(i int) int { return int(binary.LittleEndian.Uint16(d[i:])) }
	frame := transform.Rect{Left: at(0), Top: at(2), Width: at(4), Height: at(6)}
	w.pixels = int64(frame.Width) * int64(frame.Height)
	if w.frames == 0 {
		if err := w.placeFrame(frame); err != nil {
			return err
		}
	}
	const transparent = 1
	covers := frame.Left == 0 && frame.Top == 0 && frame.Width >= w.info.Width && frame.Height >= w.info.Height
	w.alpha = w.control&transparent != 0 || w.hole && !covers
	if !w.skipColours(d[8]) || len(w.rest) == 0 {
		return w.truncatedError()
	}
	w.data = w.rest
	w.rest = w.rest[1:] // the size of the first LZW code
	if !w.skipSubBlocks() {
		return w.truncatedError()
	}
	return nil
}

// placeFrame lays the first frame on the canvas, as Chromium does: the canvas is the
// logical screen, the first frame enlarges it where it exceeds it, and later
// frames are clipped. What the first frame leaves is transparent.
func (w *gifWalk) placeFrame(frame transform.Rect) error {
	i := w.info
	i.Width = max(i.Width, frame.Left+frame.Width)
	i.Height = max(i.Height, frame.Top+frame.Height)
	if i.Width == 0 || i.Height == 0 {
		return malformedError("the GIF has no width or no height")
	}
	if i.Partial = frame.Width != i.Width || frame.Height != i.Height; i.Partial {
		i.Frame = frame
		i.Alpha, i.Bands = true, 4
	}
	return nil
}

// skipColours passes over a colour table, if the flags announce one.
func (w *gifWalk) skipColours(flags byte) bool {
	const hasTable, sizeMask = 0x80, 7
	if flags&hasTable == 0 {
		return true
	}
	n := 3 * 2 << (flags & sizeMask)
	if len(w.rest) < n {
		return false
	}
	w.rest = w.rest[n:]
	return true
}

// skipSubBlocks passes over data sub-blocks and the empty one that ends them.
func (w *gifWalk) skipSubBlocks() bool {
	for len(w.rest) > 0 {
		n := int(w.rest[0]) + 1
		if len(w.rest) < n {
			return false
		}
		w.rest = w.rest[n:]
		if n == 1 {
			return true
		}
	}
	return false
}
