package container

import (
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// Needed is what results need of a source besides its pixels and what says how
// they are shown. Decoders read, inflate and parse whatever a file holds, also
// what no result has: a PNG of 1 MB may hold a gigabyte of text.
type Needed struct {
	// Metadata is EXIF, XMP, IPTC and texts, Rights what of these tells whose
	// the image is.
	Metadata, Rights bool
}

// NeededBy says what outputs need.
func NeededBy(outputs ...transform.Params) (n Needed) {
	for _, p := range outputs {
		n.Metadata = n.Metadata || p.KeepMetadata
		n.Rights = n.Rights || !p.KeepMetadata && !p.DropCopyright
	}
	return n
}

// What a decoder is given at most of each kind, in bytes as they lie in memory
// afterwards: inflated. What is larger is left out.
const (
	maxProfileBytes = 8 << 20
	maxEXIFBytes    = 1 << 20
	maxXMPBytes     = 1 << 20
	maxTextBytes    = 1 << 20 // all texts of a PNG or JPEG together
	maxTexts        = 256
)

// needsEXIF says whether a block is needed.
func (n Needed) needsEXIF(block []byte) bool {
	return len(block) <= maxEXIFBytes && (n.Metadata || n.Rights && exifRights(block)) && exifBounded(block)
}

// needsXMP says whether a packet of such a size is needed.
func (n Needed) needsXMP(size int) bool { return size <= maxXMPBytes && (n.Metadata || n.Rights) }

// Decodable says what of a source a decoder is given: the source as Sniff told
// of it, repaired where marks are missing, without metadata that is not needed.
// ok is false where that is the source as it is.
//
// b is only read, in time linear to its length and to what may be inflated. The
// patches refer to it.
func Decodable(b []byte, info transform.Info, needed Needed) (r Repair, ok bool) {
	r, ok = NewRepair(b, info)
	if !ok {
		if info.End > 0 {
			return r, false
		}
		r.Size = int64(len(b))
	}
	return r.withoutUnneeded(b, info, needed)
}

// DecodablePNG is Decodable for a PNG whose checksums a decoder refused.
func DecodablePNG(b []byte, info transform.Info, needed Needed) (Repair, bool) {
	r, ok := NewPNGRepair(b, info)
	if !ok {
		return r, false
	}
	return r.withoutUnneeded(b, info, needed)
}

// withoutUnneeded is a repair that leaves out what is not needed, too.
func (r Repair) withoutUnneeded(b []byte, info transform.Info, needed Needed) (Repair, bool) {
	l := decodableView{in: b, needed: needed, hiddenProfile: info.HiddenProfile, Repair: r}
	l.Patches = slices.Clone(r.Patches)
	changed := false
	switch info.Format {
	case transform.JPEG:
		changed = l.reduceJPEG()
	case transform.PNG:
		changed = l.reducePNG()
	case transform.WebP:
		changed = l.reduceWebP()
	case transform.AVIF:
		changed = l.reduceAVIF()
	}
	if !changed {
		return r, len(r.Patches) > 0
	}
	return l.Repair, true
}

// decodableView is a source on its way to a decoder. What stays of its beginning is
// written directly before the image data, so that the data need not move.
type decodableView struct {
	in     []byte
	needed Needed
	// hiddenProfile is Info's.
	hiddenProfile bool
	Repair
	// head is what stays, mostly parts of in: nothing is copied but into the
	// decoder's view.
	head     [][]byte
	headSize int
}

func (l *decodableView) keepInHead(b []byte) {
	l.headSize += len(b)
	if n := len(l.head); n > 0 {
		// Parts that lie side by side are one.
		if last := l.head[n-1]; len(b) > 0 && cap(last) > len(last) && &last[:len(last)+1][len(last)] == &b[0] {
			l.head[n-1] = last[:len(last)+len(b)]
			return
		}
	}
	l.head = append(l.head, b)
}

// replaceHead makes the head take the place of what is before at. It reports
// whether anything changes.
func (l *decodableView) replaceHead(at int) bool {
	if l.headSize >= at {
		return false
	}
	l.From = int64(at - l.headSize)
	var patches []Patch
	place := l.From
	for _, part := range l.head {
		patches = append(patches, Patch{place, part})
		place += int64(len(part))
	}
	l.Patches = append(patches, l.Patches...)
	return true
}

// cutAfter ends the file at a place, with a tail.
func (l *decodableView) cutAfter(at int, tail []byte) {
	for n := len(l.Patches); n > 0 && l.Patches[n-1].At >= int64(at); n-- {
		l.Patches = l.Patches[:n-1]
	}
	if len(tail) > 0 {
		l.Patches = append(l.Patches, Patch{int64(at), tail})
	}
	l.Size = int64(at + len(tail))
}

// patchedUpTo is the end of the last patch.
func (l *decodableView) patchedUpTo() int {
	if len(l.Patches) == 0 {
		return 0
	}
	last := l.Patches[len(l.Patches)-1]
	return int(last.At) + len(last.Bytes)
}
