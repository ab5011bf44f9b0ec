package container

import (
	"bytes"
	"encoding/binary"

	"github.com/pictor-proxy/pictor/transform"
)

// takeHEIF takes the first items of EXIF and XMP of an AVIF or HEIC (ISO/IEC 23008-12 annex A), and the profile of its
// image. Those of its parts, such as a gain map, are others.
func (found *Blocks) takeHEIF(b []byte) {
	a, meta, err := openHEIF(b)
	if err != nil || meta == nil || a.readMeta(meta) != nil {
		return
	}
	for _, item := range a.items {
		switch {
		case item.kind == "Exif" && found.EXIF == nil:
			found.EXIF = exifBehindOffset(a.metadataOf(item))
		case item.isXMP && found.XMP == nil:
			found.XMP = a.metadataOf(item)
		}
	}
	if primary := a.byID[a.primary]; primary != nil {
		found.Profile = primary.profile
	}
}

// metadataOf are the bytes of an item; nil where they are not all there, or more than mostProfile in several parts.
func (a *heif) metadataOf(item *heifItem) []byte {
	if len(item.spans) == 1 {
		b, _ := item.spans[0].bytesIn(a.holderOf(item))
		return b
	}
	if item.size() > mostProfile {
		return nil
	}
	var whole []byte
	for _, s := range item.spans {
		b, ok := s.bytesIn(a.holderOf(item))
		if !ok {
			return nil
		}
		whole = append(whole, b...)
	}
	return whole
}

// exifBehindOffset is the EXIF behind the number of bytes that lie before it. Some programs leave its JPEG prefix
// there.
func exifBehindOffset(b []byte) []byte {
	const number = 4
	if len(b) < number {
		return nil
	}
	rest := b[number:]
	if skip := binary.BigEndian.Uint32(b); uint64(skip) <= uint64(len(rest)) {
		rest = rest[skip:]
	}
	return bytes.TrimPrefix(rest, []byte(exifPrefix))
}

// takeJXL takes the profile of a JPEG XL, and its boxes of EXIF and XMP (ISO/IEC 18181-2 §9). Those that are
// compressed are left out.
func (found *Blocks) takeJXL(b []byte) {
	found.Profile = jxlProfile(b)
	if !hasMagic(b, 0, jxlSignature) {
		return
	}
	for rest := b; len(rest) > 0; {
		bx, next, ok := nextBox(rest)
		if !ok || !bx.whole {
			return
		}
		switch {
		case string(bx.kind) == "Exif" && found.EXIF == nil:
			found.EXIF = exifBehindOffset(bx.body)
		case string(bx.kind) == "xml " && found.XMP == nil:
			found.XMP = bx.body
		}
		rest = next
	}
}

// takeTIFF takes the fields of the first page; its EXIF is the file.
func (found *Blocks) takeTIFF(b []byte) {
	found.EXIF = b
	f, first, err := openTIFF(b)
	if err != nil {
		return
	}
	d, err := f.directory(first)
	if err != nil {
		return
	}
	found.XMP = d.field(tiffXMP).values
	found.IPTC = iptcOf(d.field(tiffIPTC).values)
	found.Profile = d.field(tiffICC).values
}

// What begins the application extensions of XMP (XMP specification part 3, §1.1.2) and of a profile in a GIF.
const gifXMP, gifProfile = "\xff\x0bXMP DataXMP", "\xff\x0bICCRGBG1012"

// takeGIF takes application extensions of a GIF, up to its trailer.
func (found *Blocks) takeGIF(b []byte) {
	w := gifWalk{info: &transform.Info{}}
	if w.readScreen(b) != nil {
		return
	}
	for len(w.rest) > 0 && w.rest[0] != gifTrailer {
		introducer, block := w.rest[0], w.rest[1:]
		w.rest = block
		switch {
		case introducer == gifExtension && w.readExtension() == nil:
			found.takeGIFExtension(block[:len(block)-len(w.rest)])
		case introducer == gifImage && w.readImage() == nil:
		default:
			return
		}
	}
}

// takeGIFExtension takes one from its label on, with the end of its sub-blocks.
func (found *Blocks) takeGIFExtension(block []byte) {
	if packet, ok := bytes.CutPrefix(block, []byte(gifXMP)); ok && found.XMP == nil {
		const trailer = 258 // leads a reader of sub-blocks to the end, from wherever in the packet it is
		found.XMP = packet[:max(0, len(packet)-trailer)]
		return
	}
	parts, ok := bytes.CutPrefix(block, []byte(gifProfile))
	if !ok || found.Profile != nil {
		return
	}
	for len(parts) > 0 && int(parts[0]) < len(parts) && len(found.Profile) < mostProfile {
		size := 1 + int(parts[0])
		found.Profile = append(found.Profile, parts[1:size]...)
		parts = parts[size:]
	}
}
