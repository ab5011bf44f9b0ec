package container

import (
	"cmp"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// reduceTIFF gives the decoder a file of one page: a directory of the tags that it needs, behind the end. libvips
// would else read all directories, and libtiff all values.
func (l *decodableView) reduceTIFF(info transform.Info) bool {
	f, at, err := openTIFF(l.in)
	if err != nil {
		return false
	}
	for range info.Page {
		d, err := f.directory(at)
		if err != nil {
			return false
		}
		at = d.next
	}
	d, err := f.directory(at)
	if err != nil {
		return false
	}
	kept := slices.DeleteFunc(slices.Clone(d.fields), func(f tiffField) bool { return !l.tiffNeeds(f, info) })
	if d.plain && len(kept) == len(d.fields) && info.Frames == 1 && d.next == 0 {
		return false
	}
	slices.SortStableFunc(kept, func(a, b tiffField) int { return cmp.Compare(a.tag, b.tag) })
	l.appendDirectory(f, kept)
	return true
}

// maxTIFFField is the most bytes of values of one tag but those of tiffLists. Tables of JPEG have some hundred.
const maxTIFFField = 64 << 10

var tiffLists = []uint16{tiffStripOffsets, tiffStripCounts, tiffTileOffsets, tiffTileCounts}

// tiffNeeds says whether a decoder needs a field. Its values are in the file.
func (l *decodableView) tiffNeeds(f tiffField, info transform.Info) bool {
	switch {
	case f.values == nil:
		return false
	case f.tag == tiffICC:
		return len(f.values) <= maxProfileBytes
	case f.tag == tiffXMP:
		return l.needed.needsXMP(len(f.values))
	case f.tag == tiffIPTC:
		// As it is it would stand in a JPEG without what has to be around it.
		return l.needed.Rights && !l.needed.Metadata && len(f.values) <= maxXMPBytes
	case len(f.values) > maxTIFFField && !slices.Contains(tiffLists, f.tag):
		return false
	case f.tag == exifTagOrientation:
		return info.Orientation > 1
	}
	return slices.Contains(tiffPixelTags, f.tag)
}

// appendDirectory writes a directory behind the end, and its place into the header.
func (l *decodableView) appendDirectory(f *tiffFile, fields []tiffField) {
	at := len(l.in) + len(l.in)&1
	dir := make([]byte, at-len(l.in))
	head := slices.Clone(l.in[:8])
	if f.big {
		head = slices.Clone(l.in[:16])
		f.order.PutUint64(head[8:], uint64(at))
		dir = append(dir, make([]byte, 8)...)
		f.order.PutUint64(dir[len(dir)-8:], uint64(len(fields)))
	} else {
		f.order.PutUint32(head[4:], uint32(at))
		dir = append(dir, make([]byte, 2)...)
		f.order.PutUint16(dir[len(dir)-2:], uint16(len(fields)))
	}
	for _, field := range fields {
		dir = append(dir, field.entry...)
	}
	dir = append(dir, make([]byte, 8)...) // there is no next one
	l.Patches = []Patch{{0, head}, {int64(len(l.in)), dir}}
	l.Size = int64(len(l.in) + len(dir))
}
