package container

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// heifIgnored is the type of an item that no reader knows.
const heifIgnored = "skip"

// reduceHEIF gives items that are not needed an unknown type and the length of one
// byte. Nothing can be taken out of an AVIF, because its tables count places from
// its start.
func (l *decodableView) reduceHEIF() bool {
	a, meta, err := openHEIF(l.in)
	if err != nil || meta == nil || a.readMeta(meta) != nil {
		return false
	}
	var exif, xmp bool
	for _, item := range a.items {
		switch {
		case item.kind == "" || heifIsImage(item.kind):
			continue
		case item.kind == "Exif" && !exif && l.heifNeedsEXIF(a, item):
			exif = true
			continue
		case item.isXMP && !xmp && l.needed.needsXMP(int(min(item.size(), maxXMPBytes+1))):
			xmp = true
			continue
		}
		l.ignoreItem(a, item)
	}
	slices.SortFunc(l.Patches, func(a, b Patch) int { return int(a.At - b.At) })
	return len(l.Patches) > 0
}

// heifIsImage tells items that are decoded, or needed to decode others.
func heifIsImage(kind string) bool {
	return slices.Contains([]string{"av01", "grid", "iovl", "iden", "tmap", "hvc1"}, kind)
}

func (l *decodableView) heifNeedsEXIF(a *heif, item *heifItem) bool {
	const offset = 4 // of the TIFF header
	n := item.size()
	if n > maxEXIFBytes+offset || n < offset {
		return false
	}
	data := a.itemData(item)
	block := data.peek(make([]byte, n))
	return len(block) > offset && l.needed.needsEXIF(bytes.TrimPrefix(block[offset:], []byte(exifPrefix)))
}

func (l *decodableView) ignoreItem(a *heif, item *heifItem) {
	l.Patches = append(l.Patches, Patch{int64(item.kindAt), []byte(heifIgnored)})
	for i, s := range item.spans {
		if s.size > 1 && a.lengthSize > 0 {
			one := binary.BigEndian.AppendUint64(nil, 1)[8-a.lengthSize:]
			l.Patches = append(l.Patches, Patch{int64(item.sizesAt[i]), one})
		}
	}
}
