package container

import (
	"encoding/binary"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// GIFFrames are the frames of a GIF, as its blocks describe them.
type GIFFrames struct {
	// Plays is how often the animation is shown, 0 for without end.
	Plays int
	// Opaque says that no frame leaves a pixel of the canvas transparent.
	Opaque bool
	Frames []GIFFrame
}

// GIFFrame is one frame and what the graphic control before it says (GIF89a §20, §23).
type GIFFrame struct {
	// Place is where it lies on the canvas, which it may exceed.
	Place transform.Rect
	// Delay is how long it is shown, in hundredths of a second.
	Delay      int
	Disposal   GIFDisposal
	Interlaced bool
	// Transparent is the index of the transparent colour, less than 0 without one.
	Transparent int
	// Colours is its colour table, its own or the global one, empty without either. Data is
	// from the size of the first LZW code up to the empty sub-block.
	Colours, Data Span
}

// Span is a part of a file, in bytes from its beginning.
type Span struct{ From, To int }

// GIFDisposal is what becomes of a frame when its time is over.
type GIFDisposal uint8

const (
	// KeepFrame leaves it.
	KeepFrame GIFDisposal = iota
	// ClearFrame makes its place transparent, whatever the background colour, as browsers do.
	ClearFrame
	// RestoreFrame brings back what was there before.
	RestoreFrame
)

// gifLister follows the blocks of a GIF and lists its frames.
type gifLister struct {
	gifWalk
	size   int // of the file
	global Span
	next   GIFFrame // what the graphic control says of the next one
	list   GIFFrames
}

// ListGIF lists up to so many frames of a GIF, for 0 all of them, with the canvas that
// Sniff said. b must be as a decoder takes it: see Decodable.
func ListGIF(b []byte, info transform.Info, most int) (GIFFrames, error) {
	canvas := transform.Info{}
	l := gifLister{gifWalk: gifWalk{info: &canvas}, size: len(b), next: GIFFrame{Transparent: -1}}
	l.list.Plays = 1
	if most == 0 {
		most = math.MaxInt
	}
	if err := l.readScreen(b); err != nil {
		return GIFFrames{}, err
	}
	const signature, screen, flags = 6, 7, 10
	if l.global = (Span{signature + screen, l.at()}); l.global.From == l.global.To || b[flags]&gifHasTable == 0 {
		l.global = Span{}
	}
	for len(l.list.Frames) < most {
		more, err := l.listBlock()
		if err != nil {
			return GIFFrames{}, err
		}
		if !more {
			break
		}
	}
	l.list.Opaque = l.list.coverCanvas(info)
	return l.list, nil
}

// gifHasTable is the flag of a colour table, in the screen's and a frame's descriptor.
const gifHasTable = 0x80

// at is the position of the walk in the file.
func (l *gifLister) at() int { return l.size - len(l.rest) }

// listBlock reads a block; false is the end.
func (l *gifLister) listBlock() (more bool, err error) {
	if len(l.rest) == 0 {
		return false, l.cutShort()
	}
	introducer := l.rest[0]
	l.rest = l.rest[1:]
	switch introducer {
	case gifTrailer:
		return false, nil
	case gifExtension:
		return true, l.listExtension()
	case gifImage:
		return true, l.listImage()
	case 0:
		return true, nil
	}
	return false, malformedError("the GIF has an unknown block")
}

func (l *gifLister) cutShort() error { return cutShort("the GIF ends in the middle of its blocks") }

// listExtension reads an extension, of which the graphic control and the loop count of
// Netscape are used.
func (l *gifLister) listExtension() error {
	if len(l.rest) == 0 {
		return l.cutShort()
	}
	label, data := l.rest[0], l.rest[1:]
	l.rest = data
	if !l.skipSubBlocks() {
		return l.cutShort()
	}
	data = data[:len(data)-len(l.rest)]
	const application = 0xFF
	switch {
	case label == gifGraphicControl && len(data) > 4 && data[0] >= 4:
		const transparent = 1
		l.next.Delay = int(binary.LittleEndian.Uint16(data[2:]))
		l.next.Disposal = gifDisposal(data[1] >> 2 & 7)
		l.next.Transparent = -1
		if data[1]&transparent != 0 {
			l.next.Transparent = int(data[4])
		}
	case label == application && (hasMagic(data, 0, "\x0bNETSCAPE2.0\x03\x01") ||
		hasMagic(data, 0, "\x0bANIMEXTS1.0\x03\x01")):
		const count = 14
		if len(data) < count+2 {
			return l.cutShort()
		}
		// It counts repetitions after the first showing, and 0 is without end.
		if l.list.Plays = int(binary.LittleEndian.Uint16(data[count:])); l.list.Plays > 0 {
			l.list.Plays++
		}
	}
	return nil
}

// gifDisposal: some encoders write 4 where the standard has 3 (GIF89a §23).
func gifDisposal(method byte) GIFDisposal {
	switch method {
	case 2:
		return ClearFrame
	case 3, 4:
		return RestoreFrame
	}
	return KeepFrame
}

func (l *gifLister) listImage() error {
	const descriptor, interlaced = 9, 0x40
	if len(l.rest) < descriptor {
		return l.cutShort()
	}
	d := l.rest[:descriptor]
	l.rest = l.rest[descriptor:]
	at := func(i int) int { return int(binary.LittleEndian.Uint16(d[i:])) }
	f := l.next
	l.next = GIFFrame{Transparent: -1}
	f.Place = transform.Rect{Left: at(0), Top: at(2), Width: at(4), Height: at(6)}
	f.Interlaced = d[8]&interlaced != 0
	f.Colours = l.global
	from := l.at()
	if !l.skipColours(d[8]) {
		return l.cutShort()
	}
	if d[8]&gifHasTable != 0 {
		f.Colours = Span{from, l.at()}
	}
	if f.Data.From = l.at(); len(l.rest) == 0 {
		return l.cutShort()
	}
	l.rest = l.rest[1:] // the size of the first LZW code
	if !l.skipSubBlocks() {
		return l.cutShort()
	}
	f.Data.To = l.at()
	l.list.Frames = append(l.list.Frames, f)
	return nil
}

// coverCanvas says whether no frame leaves a pixel of the canvas transparent. It follows
// whole frames, and not each pixel.
func (l GIFFrames) coverCanvas(info transform.Info) bool {
	holes := true
	for _, f := range l.Frames {
		before := holes
		if f.Place.Left == 0 && f.Place.Top == 0 && f.Place.Width >= info.Width && f.Place.Height >= info.Height &&
			f.Transparent < 0 {
			holes = false
		}
		if holes {
			return false
		}
		switch f.Disposal {
		case ClearFrame:
			holes = true
		case RestoreFrame:
			holes = before
		}
	}
	return true
}

// OneColourTable is the colour table of all frames, if they have one in common.
func (l GIFFrames) OneColourTable() (table Span, ok bool) {
	for i, f := range l.Frames {
		if f.Colours == (Span{}) || i > 0 && f.Colours != table {
			return Span{}, false
		}
		table = f.Colours
	}
	return table, len(l.Frames) > 0
}
