package container

import (
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// Needed is the metadata that results need of a source. Decoders read, inflate and
// parse all that a file holds, needed or not: a PNG of 1 MB may hold a gigabyte of
// text.
type Needed struct {
	// Metadata is EXIF, XMP, IPTC and texts. Rights are the parts of these that
	// say whose the image is.
	Metadata, Rights bool
	// Frames is how many frames of an animation are used, from the first on; 0 for all.
	// Decoders list all frames of a file, libwebp in a time that grows with their square.
	Frames int
}

// NeededBy says what outputs need.
func NeededBy(outputs ...transform.Params) (n Needed) {
	all := false
	for _, p := range outputs {
		n.Metadata = n.Metadata || p.KeepMetadata
		n.Rights = n.Rights || !p.KeepMetadata && !p.DropCopyright
		last := p.LastFrame()
		all = all || last == 0
		n.Frames = max(n.Frames, last)
	}
	if all {
		n.Frames = 0
	}
	return n
}

// The limits of what a decoder is given, by kind, in bytes of memory after they
// are inflated. Larger pieces are left out.
const (
	maxProfileBytes = 8 << 20
	maxEXIFBytes    = 1 << 20
	maxXMPBytes     = 1 << 20
	maxTextBytes    = 1 << 20 // all texts of a PNG or JPEG together
	maxTexts        = 256
)

// KeepsProfile says whether a profile is small enough for a decoder.
func KeepsProfile(profile []byte) bool { return len(profile) <= maxProfileBytes }

// needsEXIF says whether a block is needed.
func (n Needed) needsEXIF(block []byte) bool {
	return len(block) <= maxEXIFBytes && (n.Metadata || n.Rights && exifRights(block)) && exifBounded(block)
}

// needsXMP says whether a packet of such a size is needed.
func (n Needed) needsXMP(size int) bool { return size <= maxXMPBytes && (n.Metadata || n.Rights) }

// Decodable gives the view of a source for its decoder: marks that are missing are
// repaired, metadata that is not needed is left out. info is what Sniff said of the
// source. ok is false where the decoder can take the source as it is.
//
// b is only read, in time linear to its length and to what may be inflated. The
// patches refer to it.
func Decodable(b []byte, info transform.Info, needed Needed) (r Repair, ok bool) {
	if info.Format == transform.ICO {
		return reduceIcon(b, info, needed)
	}
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

// withoutUnneeded is r, extended by patches that leave metadata out.
func (r Repair) withoutUnneeded(b []byte, info transform.Info, needed Needed) (Repair, bool) {
	l := decodableView{in: b, needed: needed, hiddenProfile: info.HiddenProfile, Repair: r}
	if l.needed.Frames >= info.Frames {
		l.needed.Frames = 0
	}
	l.Patches = slices.Clone(r.Patches)
	changed := false
	switch info.Format {
	case transform.JPEG:
		changed = l.reduceJPEG()
	case transform.PNG:
		changed = l.reducePNG()
	case transform.WebP:
		changed = l.reduceWebP()
	case transform.AVIF, transform.HEIC:
		changed = l.reduceHEIF()
	case transform.GIF:
		changed = l.reduceGIF()
	case transform.JXL:
		changed = l.reduceJXL()
	case transform.TIFF:
		rights := needed.Rights && !needed.Metadata
		if patches, size, ok := reduceTIFF(b, info, needed.needsXMP(0), rights); ok {
			l.Patches, l.Size = patches, size
			changed = true
		}
	}
	if !changed {
		return r, len(r.Patches) > 0
	}
	return l.Repair, true
}

// decodableView builds the view of a source for its decoder. The parts of the
// beginning that stay are written directly before the image data, so that the data
// need not move.
type decodableView struct {
	in     []byte
	needed Needed
	// hiddenProfile is Info's.
	hiddenProfile bool
	Repair
	// head are the parts that stay, mostly slices of in. They are copied into the
	// view only.
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

// replaceHead puts the head in the place of all bytes before at. It reports whether
// anything changes.
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

// cutAfter ends the file at a place, and appends a tail.
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

// reduceIcon is the view of the chosen image of an ICO alone, a PNG.
func reduceIcon(b []byte, info transform.Info, needed Needed) (r Repair, ok bool) {
	one, err := chooseIcon(b)
	if err != nil || !one.png {
		return r, false
	}
	info.Format = transform.PNG
	r, ok = Decodable(one.data, info, needed)
	if !ok {
		r = Repair{Size: int64(len(one.data))}
	}
	at := int64(one.at)
	r.From += at
	r.Size += at
	for i := range r.Patches {
		r.Patches[i].At += at
	}
	return r, true
}
