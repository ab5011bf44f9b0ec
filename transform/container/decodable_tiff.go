package container

import (
	"cmp"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// reduceTIFF makes of a file one of one page for its decoder, with XMP and IPTC where they are needed: its
// directory lies behind the end, with the tags that a decoder needs. libvips would else read all directories, and
// libtiff all values.
func reduceTIFF(b []byte, info transform.Info, xmp, iptc bool) (patches []Patch, size int64, ok bool) {
	f, at, err := openTIFF(b)
	if err != nil {
		return nil, 0, false
	}
	for range info.Page {
		d, err := f.directory(at)
		if err != nil {
			return nil, 0, false
		}
		at = d.next
	}
	d, err := f.directory(at)
	if err != nil {
		return nil, 0, false
	}
	kept := slices.DeleteFunc(slices.Clone(d.fields), func(f tiffField) bool { return !tiffNeeds(f, info, xmp, iptc) })
	if d.plain && len(kept) == len(d.fields) && info.Frames == 1 && d.next == 0 {
		return nil, 0, false
	}
	slices.SortStableFunc(kept, func(a, b tiffField) int { return cmp.Compare(a.tag, b.tag) })
	patches, size = f.appendDirectory(kept)
	return patches, size, true
}

// maxTIFFField is the most bytes of values of one tag but those of tiffLists. Tables of JPEG have some hundred.
const maxTIFFField = 64 << 10

// The limits of metadata, as those of other formats.
const maxTIFFText, maxTIFFProfile = 1 << 20, 8 << 20

var tiffLists = []uint16{tiffStripOffsets, tiffStripCounts, tiffTileOffsets, tiffTileCounts}

// tiffNeeds says whether a decoder needs a field. Its values are in the file.
func tiffNeeds(f tiffField, info transform.Info, xmp, iptc bool) bool {
	switch {
	case f.values == nil:
		return false
	case f.tag == tiffICC:
		return len(f.values) <= maxTIFFProfile
	case f.tag == tiffXMP:
		return xmp && len(f.values) <= maxTIFFText
	case f.tag == tiffIPTC:
		// As it is it would stand in a JPEG without what has to be around it.
		return iptc && len(f.values) <= maxTIFFText
	case len(f.values) > maxTIFFField && !slices.Contains(tiffLists, f.tag):
		return false
	case f.tag == exifTagOrientation:
		return info.Orientation > 1
	}
	return slices.Contains(tiffPixelTags, f.tag)
}

// appendDirectory writes a directory behind the end, and its place into the header.
func (f *tiffFile) appendDirectory(fields []tiffField) (patches []Patch, size int64) {
	at := len(f.b) + len(f.b)&1
	dir := make([]byte, at-len(f.b))
	head := slices.Clone(f.b[:8])
	if f.big {
		head = slices.Clone(f.b[:16])
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
	return []Patch{{0, head}, {int64(len(f.b)), dir}}, int64(len(f.b) + len(dir))
}
