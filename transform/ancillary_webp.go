package transform

import (
	"bytes"
	"encoding/binary"
)

// webp keeps the chunks of the image, its profile, and EXIF and XMP that are
// needed, before and behind it. A simple file has nothing else.
func (l *lean) webp() bool {
	const form, header = riffHeader + 4, riffHeader + 10
	if !hasMagic(l.in, form, "VP8X") || len(l.in) < form+header {
		return false
	}
	start := bytes.Clone(l.in[:form+header])
	l.keep(start[: form+header : form+header])
	const icc, exif, xmp, flags = 0x20, 0x08, 0x04, form + riffHeader
	start[flags] &^= icc | exif | xmp
	var tail []byte
	first, last := 0, 0
	end := min(int64(len(l.in)), l.Size)
	for at := form + header; int64(at) < end; {
		c, ok := nextRIFFChunk(l.in[at:end])
		if !ok {
			break
		}
		next := int(end) - len(c.rest)
		whole := l.in[at:next]
		if n := int64(len(whole)) - riffHeader; !c.whole && n == int64(binary.LittleEndian.Uint32(whole[4:])) {
			c.whole = true // but for the byte that makes it even
			whole = append(bytes.Clone(whole), 0)
		}
		bit, needed := byte(0), false
		switch string(c.id) {
		case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF":
			if first == 0 {
				first = at
			}
			last = next
		case "ICCP":
			bit, needed = icc, len(c.data) <= maxProfileBytes
		case "EXIF":
			bit, needed = exif, l.needed.exif(bytes.TrimPrefix(c.data, []byte(exifPrefix)))
		case "XMP ":
			bit, needed = xmp, l.needed.xmp(len(c.data))
		}
		if needed && start[flags]&bit == 0 && c.whole {
			start[flags] |= bit
			if first == 0 {
				l.keep(whole)
			} else {
				tail = append(tail, whole...)
			}
		}
		at = next
	}
	if first == 0 {
		return false
	}
	ends := last < int(end) || len(tail) > 0
	if ends {
		l.finish(last, tail)
	}
	return l.webpBegins(start, first) || ends
}

// webpBegins puts the head before the first chunk of the image. The size of the
// container is written anew, so that the one of a repair is gone.
func (l *lean) webpBegins(start []byte, first int) bool {
	size := l.Size - int64(first-l.headSize) - riffHeader
	binary.LittleEndian.PutUint32(start[4:], uint32(size))
	if len(l.Patches) > 0 && l.Patches[0].At == 4 {
		l.Patches = l.Patches[1:]
	}
	if l.begin(first) {
		return true
	}
	changed := !bytes.Equal(start, l.in[:len(start)])
	if changed {
		l.Patches = append([]Patch{{0, start}}, l.Patches...)
	}
	return changed
}
