package container

import (
	"bytes"
	"encoding/binary"
)

// Flags of a VP8X chunk that announce metadata.
const webpICC, webpEXIF, webpXMP = 0x20, 0x08, 0x04

// webpView builds the view of a WebP. start is the header of the container with the
// VP8X chunk, first and last are where the image begins and ends.
type webpView struct {
	*decodableView
	start       []byte
	announced   byte // the flags of the source
	seen        byte
	first, last int
	frames      int
	// behind are chunks that are needed and follow the beginning of the image.
	behind []Patch
}

const (
	webpForm  = riffHeader + 4
	webpFlag  = webpForm + riffHeader
	webpStart = webpFlag + 10 // the end of a VP8X chunk
)

// reduceWebP keeps the chunks of the image, its profile, and EXIF and XMP that are
// needed, before and behind it. A simple file has nothing else.
func (l *decodableView) reduceWebP() bool {
	if !hasMagic(l.in, webpForm, "VP8X") || len(l.in) < webpStart {
		return false
	}
	end := min(int64(len(l.in)), l.Size)
	if len(l.Patches) == 0 {
		// What follows the container is none of its chunks.
		end = min(end, riffHeader+int64(binary.LittleEndian.Uint32(l.in[4:])))
	}
	header, ok := nextRIFFChunk(l.in[webpForm:end])
	if !ok || !header.whole {
		return false
	}
	w := webpView{decodableView: l, start: bytes.Clone(l.in[:webpStart]), announced: l.in[webpFlag]}
	l.keepInHead(w.start[:webpStart:webpStart])
	w.start[webpFlag] &^= webpICC | webpEXIF | webpXMP
	binary.LittleEndian.PutUint32(w.start[webpForm+4:], webpStart-webpFlag) // it may be longer
	for at := int(end) - len(header.rest); int64(at) < end; {
		c, ok := nextRIFFChunk(l.in[at:end])
		if !ok {
			break
		}
		next := int(end) - len(c.rest)
		w.addChunk(c, at, next)
		at = next
	}
	if w.first == 0 {
		return false
	}
	return w.endAfterImage(end)
}

// addChunk keeps the chunk from at to next if a decoder needs it: the first of its
// kind, where the header announces the kind.
func (w *webpView) addChunk(c riffChunk, at, next int) {
	whole := w.in[at:next]
	if n := int64(len(whole)) - riffHeader; !c.whole && n == int64(binary.LittleEndian.Uint32(whole[4:])) {
		c.whole = true // but for the byte that makes it even
		whole = append(bytes.Clone(whole), 0)
	}
	bit, needed := byte(0), false
	switch string(c.id) {
	case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF":
		if w.needed.Frames > 0 && w.frames == w.needed.Frames {
			return
		}
		if w.first == 0 {
			w.first = at
		}
		w.last = next
		if string(c.id) == "ANMF" {
			w.frames++
		}
	case "ICCP":
		bit, needed = webpICC, len(c.data) <= maxProfileBytes
	case "EXIF":
		bit, needed = webpEXIF, w.needed.needsEXIF(bytes.TrimPrefix(c.data, []byte(exifPrefix)))
	case "XMP ":
		bit, needed = webpXMP, w.needed.needsXMP(len(c.data))
	}
	first := w.announced&^w.seen&bit != 0
	w.seen |= bit
	if !first || !needed || !c.whole {
		return
	}
	w.start[webpFlag] |= bit
	if w.first == 0 {
		w.keepInHead(whole)
	} else {
		w.behind = append(w.behind, Patch{int64(at), whole})
	}
}

// endAfterImage ends the file behind the image and the needed chunks that follow
// it. Chunks between parts of the image stay.
func (w *webpView) endAfterImage(end int64) bool {
	var tail []byte
	for _, c := range w.behind {
		if c.At >= int64(w.last) {
			tail = append(tail, c.Bytes...)
		}
	}
	ends := int64(w.last) < end || len(tail) > 0 || len(w.Patches) == 0 && end < w.Size
	if ends {
		w.decodableView.cutAfter(w.last, tail)
	}
	return w.placeHead() || ends
}

// placeHead puts the head before the first chunk of the image. The size of the
// container is written anew, so that the one of a repair is gone.
func (w *webpView) placeHead() bool {
	size := w.Size - int64(w.first-w.headSize) - riffHeader
	binary.LittleEndian.PutUint32(w.start[4:], uint32(size))
	if len(w.Patches) > 0 && w.Patches[0].At == 4 {
		w.Patches = w.Patches[1:]
	}
	if w.decodableView.replaceHead(w.first) {
		return true
	}
	changed := !bytes.Equal(w.start, w.in[:len(w.start)])
	if changed {
		w.Patches = append([]Patch{{0, w.start}}, w.Patches...)
	}
	return changed
}
