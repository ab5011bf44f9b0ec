package container

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

// webpWalk follows the chunks of a WebP to the end of its RIFF container
// (RFC 9649 §2).
type webpWalk struct {
	info *transform.Info
	// short says that the source ends before the container does.
	short bool

	extended bool // a VP8X header came first
	animated bool
	hasEXIF  bool // announced in the header and not read yet
	images   int
}

// riffChunk is a chunk of RFC 9649 §2.3. whole is false, and data what there
// is, where its padded size passes the end of what holds it.
type riffChunk struct {
	id, data, rest []byte
	whole          bool
}

const riffHeader = 8

// nextRIFFChunk splits the first chunk off b; false where not even its header
// is there.
func nextRIFFChunk(b []byte) (riffChunk, bool) {
	if len(b) < riffHeader {
		return riffChunk{}, false
	}
	c := riffChunk{id: b[:4], data: b[riffHeader:]}
	n := int64(binary.LittleEndian.Uint32(b[4:]))
	if padded := n + n&1; padded <= int64(len(c.data)) {
		c.rest, c.whole = c.data[padded:], true
	}
	c.data = c.data[:min(n, int64(len(c.data)))]
	return c, true
}

// sniffWebP believes the size of the container, and where that does not fit,
// the chunks.
func sniffWebP(b []byte, info *transform.Info) error {
	again := *info
	err := sniffRIFF(b, info)
	if !errors.Is(err, transform.ErrTruncated) {
		return err
	}
	w := webpWalk{info: &again}
	if end, ok := w.wholeChunks(b); ok {
		again.End = int64(end)
		again.BrokenOff = w.animated && missesFrames(b, int64(end))
		*info = again
		return nil
	}
	return err
}

// missesFrames says whether a frame may be missing behind the whole chunks of an
// animation, which end at a place. A size of the container that is a few bytes off
// leaves room for none.
func missesFrames(b []byte, end int64) bool {
	const smallest = riffHeader + 16 + riffHeader + 5 // a frame of one pixel, lossless
	missing := riffHeader + int64(binary.LittleEndian.Uint32(b[4:])) - end
	if c, ok := nextRIFFChunk(b[end:]); ok {
		if string(c.id) == "ANMF" {
			return true
		}
		missing -= riffHeader + int64(binary.LittleEndian.Uint32(b[end+4:]))
	}
	return missing >= smallest
}

// wholeChunks walks the chunks that are all there, whatever the container's
// size. ok says that they have the image and what it announces.
func (w *webpWalk) wholeChunks(b []byte) (end int, ok bool) {
	const form = 12
	for end = form; len(b)-end >= riffHeader; {
		c, _ := nextRIFFChunk(b[end:])
		if n := int64(binary.LittleEndian.Uint32(b[end+4:])); int64(len(c.data)) == n {
			c.whole = true // the byte that makes it even may be missing
		}
		if !c.whole || w.readChunk(c, end == form) != nil {
			break
		}
		end = len(b) - len(c.rest)
		if !w.extended {
			break
		}
	}
	w.countBands()
	// An orientation that was cut off would show the image another way up.
	return end, w.images > 0 && !w.hasEXIF
}

func sniffRIFF(b []byte, info *transform.Info) error {
	const form = 4 // "WEBP", which the container's size counts
	size := int64(binary.LittleEndian.Uint32(b[4:]))
	if size < form {
		return malformedError("the WebP has an impossible length")
	}
	w := webpWalk{info: info, short: riffHeader+size > int64(len(b))}
	if !w.short {
		b = b[:riffHeader+size]
	}
	info.Bands = 3
	if err := w.walkChunks(b[riffHeader+form:]); err != nil {
		return err
	}
	if w.short || w.images == 0 {
		return w.truncatedError()
	}
	w.countBands()
	return nil
}

// countBands comes behind what may tell of alpha.
func (w *webpWalk) countBands() {
	if w.info.Bands = 3; w.info.Alpha {
		w.info.Bands = 4
	}
}

func (w *webpWalk) truncatedError() error {
	if w.images == 0 {
		return cutShort("the WebP ends before the image data")
	}
	return cutShort("the WebP ends in the middle of the image data")
}

func (w *webpWalk) walkChunks(b []byte) error {
	for first := true; len(b) > 0; first = false {
		c, ok := nextRIFFChunk(b)
		if !ok {
			return w.truncatedError()
		}
		if err := w.readChunk(c, first); err != nil {
			return err
		}
		if !c.whole {
			return w.truncatedError()
		}
		b = c.rest
	}
	return nil
}

func (w *webpWalk) readChunk(c riffChunk, first bool) error {
	id := string(c.id)
	if first {
		switch id {
		case "VP8X":
			return w.readVP8X(c)
		case "VP8 ", "VP8L":
		default:
			return malformedError("the WebP does not start with an image")
		}
	} else if !w.extended {
		// Nothing may follow the image of a simple file, and decoders look
		// at nothing there.
		return nil
	}
	switch id {
	case "VP8 ", "VP8L":
		return w.readStill(c)
	case "ALPH":
		w.info.Alpha = true
	case "ANMF":
		if w.animated {
			return w.readFrame(c)
		}
	case "ANIM":
	case "VP8X":
		return malformedError("the WebP has more than one header")
	case "ICCP":
		w.info.Profile = true
		w.info.Normalized = w.info.Normalized || !profileFits(c.data, "RGB ")
		w.info.AncillaryBytes += int64(len(c.data)) + riffHeader
	case "EXIF":
		if w.hasEXIF && c.whole {
			w.hasEXIF = false
			w.info.Orientation = exifOrientation(bytes.TrimPrefix(c.data, []byte(exifPrefix)))
		}
		fallthrough
	default:
		w.info.AncillaryBytes += int64(len(c.data)) + riffHeader
	}
	return nil
}

// readVP8X reads a VP8X chunk (RFC 9649 §2.7).
func (w *webpWalk) readVP8X(c riffChunk) error {
	const (
		size                   = 10
		animation, exif, alpha = 0x02, 0x08, 0x10
		maxCanvas              = 1<<32 - 1
	)
	if len(c.data) < size {
		return w.tooSmall(c)
	}
	w.extended = true
	flags := c.data[0]
	w.animated = flags&animation != 0
	w.hasEXIF = flags&exif != 0
	w.info.Alpha = flags&alpha != 0
	w.info.Width, w.info.Height = uint24(c.data[4:])+1, uint24(c.data[7:])+1
	if w.info.Pixels() > maxCanvas {
		return malformedError("the WebP has an impossible canvas")
	}
	return nil
}

// tooSmall tells a chunk that was cut from one that is wrong.
func (w *webpWalk) tooSmall(c riffChunk) error {
	if !c.whole {
		return w.truncatedError()
	}
	return malformedError("the WebP has a chunk that is too small")
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// readStill takes the only image of a file without animation.
func (w *webpWalk) readStill(c riffChunk) error {
	if w.animated {
		return malformedError("the WebP has an image outside of the animation frames")
	}
	if w.images > 0 {
		return malformedError("the WebP has more than one image")
	}
	width, height, err := w.readImageHead(c)
	if err != nil {
		return err
	}
	if !w.extended {
		w.info.Width, w.info.Height = width, height
	} else if width != w.info.Width || height != w.info.Height {
		return malformedError("the WebP has an image that does not have the size of the canvas")
	}
	return nil
}

// readFrame takes one ANMF chunk (RFC 9649 §2.7.1.2): a place on the canvas, then
// the chunks of an image of just that size.
func (w *webpWalk) readFrame(c riffChunk) error {
	const header = 16
	if len(c.data) < header {
		return w.tooSmall(c)
	}
	x, y := 2*uint24(c.data), 2*uint24(c.data[3:])
	width, height := uint24(c.data[6:])+1, uint24(c.data[9:])+1
	if x+width > w.info.Width || y+height > w.info.Height {
		return malformedError("the WebP has a frame outside of its canvas")
	}
	if width != w.info.Width || height != w.info.Height {
		w.info.Alpha = true // the rest of the canvas may show through
	}
	before := w.images
	for b := c.data[header:]; len(b) > 0; {
		in, ok := nextRIFFChunk(b)
		if !ok || (!in.whole && !c.whole) {
			return w.tooSmall(c)
		}
		switch string(in.id) {
		case "ALPH":
			w.info.Alpha = true
		case "VP8 ", "VP8L":
			fw, fh, err := w.readImageHead(in)
			if err != nil {
				return err
			}
			if fw != width || fh != height {
				return malformedError("the WebP has a frame whose image has another size")
			}
		}
		if !in.whole {
			return malformedError("the WebP has a chunk that is larger than the frame around it")
		}
		b = in.rest
	}
	if !c.whole {
		return nil
	}
	if w.images != before+1 {
		return malformedError("the WebP has a frame with no image or more than one")
	}
	w.info.Frames = w.images
	return nil
}

// readImageHead reads the head of a VP8 or VP8L chunk: its size, and for the latter
// its alpha hint.
func (w *webpWalk) readImageHead(c riffChunk) (width, height int, err error) {
	const mask14 = 1<<14 - 1
	if string(c.id) == "VP8L" {
		// RFC 9649 §3.4: signature, 14 bits each, alpha, version.
		const size, signature, alpha = 5, 0x2F, 1 << 28
		if len(c.data) < size {
			return 0, 0, w.tooSmall(c)
		}
		bits := binary.LittleEndian.Uint32(c.data[1:])
		if c.data[0] != signature || bits>>29 != 0 {
			return 0, 0, malformedError("the WebP has a lossless image without its signature")
		}
		w.info.Lossless = true
		w.info.Alpha = w.info.Alpha || bits&alpha != 0
		w.images++
		return int(bits&mask14) + 1, int(bits>>14&mask14) + 1, nil
	}
	// RFC 6386 §9.1: frame tag, start code, 14 bits each below two of scale.
	const size, interframe = 10, 1
	if len(c.data) < size {
		return 0, 0, w.tooSmall(c)
	}
	if c.data[0]&interframe != 0 || string(c.data[3:6]) != "\x9d\x01\x2a" {
		return 0, 0, malformedError("the WebP has an image that is not a VP8 key frame")
	}
	width = int(binary.LittleEndian.Uint16(c.data[6:])) & mask14
	height = int(binary.LittleEndian.Uint16(c.data[8:])) & mask14
	if width == 0 || height == 0 {
		return 0, 0, malformedError("the WebP has no width or no height")
	}
	w.images++
	return width, height, nil
}
