package container

import (
	"encoding/binary"

	"github.com/pictor-proxy/pictor/transform"
)

// WebPFrames are the frames of an animated WebP, as its chunks describe them.
type WebPFrames struct {
	// Plays is how often the animation is shown, 0 for without end.
	Plays int
	// Opaque says that no frame leaves a pixel of the canvas transparent.
	Opaque bool
	Frames []WebPFrame
	// Profile, EXIF and XMP are the chunks of metadata, with their headers and without the byte
	// that makes them even. They are empty where the header does not announce them.
	Profile, EXIF, XMP Span
}

// WebPFrame is one frame (RFC 9649 §2.7.1.2).
type WebPFrame struct {
	// Place is where it lies on the canvas.
	Place transform.Rect
	// Delay is how long it is shown, in milliseconds.
	Delay int
	// Cleared says that its place becomes transparent when its time is over, whatever the
	// background colour, as browsers do.
	Cleared bool
	// Blended says that it is laid over what is there, else it takes its place.
	Blended bool
	// Alpha says that it may have transparent pixels.
	Alpha bool
	// Image are the chunks of its image, from the alpha on where that is a chunk of its own.
	// Decoders take them for a file.
	Image Span
}

// webpLister follows the chunks of an animated WebP and lists its frames.
type webpLister struct {
	info      transform.Info
	most      int
	announced byte // metadata that the header names and that was not seen
	animated  bool // ANIM was there
	list      WebPFrames
}

// ListWebP lists up to so many frames of an animated WebP, for 0 all of them, with the canvas that
// Sniff said. b must be as a decoder takes it: see Decodable.
func ListWebP(b []byte, info transform.Info, most int) (WebPFrames, error) {
	if len(b) < webpStart || !hasMagic(b, webpForm, "VP8X") {
		return WebPFrames{}, malformedError("the WebP has no header of an animation")
	}
	l := webpLister{info: info, most: most, announced: b[webpFlag]}
	end := int(min(int64(len(b)), riffHeader+int64(binary.LittleEndian.Uint32(b[4:]))))
	for at := webpForm; at < end; {
		c, ok := nextRIFFChunk(b[at:end])
		if !ok {
			break
		}
		if err := l.addChunk(c, at); err != nil {
			return WebPFrames{}, err
		}
		at = end - len(c.rest)
	}
	l.list.Opaque = l.list.coverCanvas(info)
	return l.list, nil
}

func (l *webpLister) addChunk(c riffChunk, at int) error {
	whole := Span{at, at + riffHeader + len(c.data)}
	switch string(c.id) {
	case "ANIM":
		const loops = 4
		if len(c.data) < loops+2 {
			return malformedError("the WebP has a chunk that is too small")
		}
		if !l.animated {
			l.list.Plays = int(binary.LittleEndian.Uint16(c.data[loops:]))
		}
		l.animated = true
	case "ANMF":
		if !l.animated {
			return malformedError("the WebP has frames before the chunk that announces them")
		}
		if l.most == 0 || len(l.list.Frames) < l.most {
			return l.addFrame(c.data, at+riffHeader)
		}
	case "ICCP":
		l.keepMetadata(webpICC, &l.list.Profile, whole)
	case "EXIF":
		l.keepMetadata(webpEXIF, &l.list.EXIF, whole)
	case "XMP ":
		l.keepMetadata(webpXMP, &l.list.XMP, whole)
	}
	return nil
}

// keepMetadata keeps the first chunk of a kind that is announced.
func (l *webpLister) keepMetadata(kind byte, to *Span, chunk Span) {
	if l.announced&kind != 0 {
		*to = chunk
	}
	l.announced &^= kind
}

// addFrame reads the data of an ANMF chunk, which begin at a place of the file.
func (l *webpLister) addFrame(data []byte, at int) error {
	const header, delay, flags = 16, 12, 15
	const clear, alone = 1, 2
	if len(data) < header {
		return malformedError("the WebP has a chunk that is too small")
	}
	f := WebPFrame{
		Place: transform.Rect{Left: 2 * uint24(data), Top: 2 * uint24(data[3:]),
			Width: uint24(data[6:]) + 1, Height: uint24(data[9:]) + 1},
		Delay:   uint24(data[delay:]),
		Cleared: data[flags]&clear != 0, Blended: data[flags]&alone == 0,
	}
	if f.Place.Left+f.Place.Width > l.info.Width || f.Place.Top+f.Place.Height > l.info.Height {
		return malformedError("the WebP has a frame outside of its canvas")
	}
	if err := f.findImage(data[header:], at+header); err != nil {
		return err
	}
	l.list.Frames = append(l.list.Frames, f)
	return nil
}

// findImage finds the chunks of the image in those of a frame. Alpha comes before it, once, and only
// where the image has none itself, as decoders want it.
func (f *WebPFrame) findImage(b []byte, at int) error {
	for separate, rest := false, b; len(rest) > 0; {
		c, ok := nextRIFFChunk(rest)
		if !ok {
			break
		}
		from := at + len(b) - len(rest)
		switch id := string(c.id); {
		case id == "ALPH" && separate, id == "VP8L" && separate:
			return malformedError("the WebP has a frame with more than one alpha")
		case id == "ALPH":
			separate = true
			f.Alpha, f.Image.From = true, from
		case id == "VP8 ", id == "VP8L":
			const alpha = 1 << 28 // behind the signature
			if id == "VP8L" && len(c.data) > 4 && binary.LittleEndian.Uint32(c.data[1:])&alpha != 0 {
				f.Alpha = true
			}
			if !separate {
				f.Image.From = from
			}
			f.Image.To = from + riffHeader + len(c.data)
			return nil
		}
		rest = c.rest
	}
	return malformedError("the WebP has a frame with no image")
}

// coverCanvas says whether no frame leaves a pixel of the canvas transparent. It follows
// whole frames, and not each pixel.
func (l WebPFrames) coverCanvas(info transform.Info) bool {
	holes := true
	for i, f := range l.Frames {
		covers := f.Place.Width == info.Width && f.Place.Height == info.Height
		if f.Alpha && (!f.Blended || i == 0) {
			holes = true
		} else if covers && !f.Alpha {
			holes = false
		}
		if holes {
			return false
		}
		holes = f.Cleared
	}
	return true
}
