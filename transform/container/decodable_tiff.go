package container

import (
	"cmp"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// reduceTIFF makes of a file one of the page for its decoder, or of those that are stacked, with XMP and IPTC where
// they are needed: their directories lie behind the end, with the tags that a decoder needs. libvips would else read
// all directories, and libtiff all values.
func reduceTIFF(b []byte, info transform.Info, xmp, iptc bool) (patches []Patch, size int64, ok bool) {
	list, err := tiffPages(b, info.Page, max(info.Stacked, 1))
	if err != nil {
		return nil, 0, false
	}
	var pages [][]tiffField
	for _, d := range list {
		kept := slices.DeleteFunc(slices.Clone(d.fields), func(f tiffField) bool {
			return !tiffNeeds(f, info, xmp && len(pages) == 0, iptc && len(pages) == 0)
		})
		if d.plain && len(kept) == len(d.fields) && info.Frames == 1 && d.next == 0 {
			return nil, 0, false
		}
		slices.SortStableFunc(kept, func(a, b tiffField) int { return cmp.Compare(a.tag, b.tag) })
		pages = append(pages, kept)
	}
	patches, size = list[0].appendDirectories(pages)
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

// appendDirectories writes directories of pages behind the end, and the place of the first one into the header.
func (f *tiffFile) appendDirectories(pages [][]tiffField) (patches []Patch, size int64) {
	_, numberSize, placeSize := f.sizes()
	at := len(f.b) + len(f.b)&1
	head := slices.Clone(f.b[:2*placeSize])
	f.putNumber(head[placeSize:], at)
	tail := make([]byte, at-len(f.b))
	for i, fields := range pages {
		tail = append(tail, make([]byte, numberSize)...)
		f.putNumber(tail[len(tail)-int(numberSize):], len(fields))
		for _, field := range fields {
			tail = append(tail, field.entry...)
		}
		tail = append(tail, make([]byte, placeSize)...)
		if i < len(pages)-1 {
			f.putNumber(tail[len(tail)-int(placeSize):], len(f.b)+len(tail))
		}
	}
	return []Patch{{0, head}, {int64(len(f.b)), tail}}, int64(len(f.b) + len(tail))
}
