package container

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// Strip gives a source's own bytes without the metadata that p does not
// keep, pixels untouched. ok is false where that is not possible here: for an AVIF
// with metadata, and for a source with rights where p keeps rights and nothing
// else.
func Strip(b []byte, info transform.Info, p transform.Params) (out []byte, ok bool) {
	if info.End > 0 {
		return nil, false // clients may insist on the end that is missing
	}
	if p.KeepMetadata || info.AncillaryBytes == 0 {
		return bytes.Clone(b), true
	}
	s := stripper{in: b, keepRights: !p.DropCopyright, profile: p.KeepProfile}
	switch info.Format {
	case transform.JPEG:
		ok = s.stripJPEG()
	case transform.PNG:
		ok = s.stripPNG()
	case transform.WebP:
		ok = s.stripWebP()
	case transform.GIF:
		ok = s.stripGIF()
	case transform.JXL:
		ok = s.stripJXL()
	}
	return s.out, ok
}

// StripWebP is Strip for results: libvips before 8.15 writes an EXIF of
// its own into a WebP even where it is told to strip, 200 bytes that a
// thumbnail need not carry. It changes b. Other formats come back as they are.
func StripWebP(b []byte) []byte {
	if !hasMagic(b, 8, "WEBP") {
		return b
	}
	// In place: what is written lies before what is still to be read.
	s := stripper{in: b, out: b[:0], profile: true}
	if !s.stripWebP() {
		return b // libvips writes none that cannot be read
	}
	return s.out
}

type stripper struct {
	in, out    []byte
	keepRights bool
	profile    bool
}

// mayDrop says whether a piece of metadata may go.
func (s *stripper) mayDrop(rights bool) bool { return !rights || !s.keepRights }

// stripJPEG drops comments, bytes behind the end, and application segments, except
// those of JFIF, of Adobe (which says what the channels mean) and of a profile.
func (s *stripper) stripJPEG() bool {
	w := jpegWalk{b: s.in, at: min(2, len(s.in)), info: &transform.Info{}}
	from := 0 // what lies before is copied
	for {
		marker, ok := w.nextMarker()
		if !ok {
			return false
		}
		start := w.at - 2
		if marker == jpegEOI {
			s.out = append(s.out, s.in[from:w.at]...)
			return true
		}
		segment, ok := w.readSegment()
		if !ok || segment == nil {
			return false
		}
		if marker != jpegCOM && (marker < jpegAPP0 || marker > jpegAPPF) {
			continue
		}
		keep, ok := s.jpegSegment(marker, segment)
		if !ok {
			return false
		}
		if !keep {
			s.out = append(s.out, s.in[from:start]...)
			from = w.at
		}
	}
}

func (s *stripper) jpegSegment(marker byte, segment []byte) (keep, ok bool) {
	switch {
	case marker == jpegAPP0, marker == jpegAPP14: // JFIF, Adobe
		return true, true
	case marker == jpegAPP0+2 && hasMagic(segment, 0, iccPrefix):
		return s.profile, true
	case marker == jpegAPP1 && hasMagic(segment, 0, exifPrefix):
		return false, s.mayDrop(exifRights(segment[len(exifPrefix):]))
	case marker == jpegAPP1 && hasMagic(segment, 0, xmpPrefix):
		return false, s.mayDrop(CopyrightXMP(segment[len(xmpPrefix):]) != nil)
	case marker == 0xED:
		return false, s.mayDrop(CopyrightIPTC(segment) != nil)
	}
	return false, true
}

// pngKept are the chunks that say what the pixels are (PNG 3rd edition §11).
var pngKept = []string{"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "cICP", "sBIT", "bKGD", "pHYs"}

func (s *stripper) stripPNG() bool {
	const overhead = 12
	if len(s.in) < len(pngSignature) {
		return false
	}
	s.out = append(s.out, pngSignature...)
	for rest := s.in[len(pngSignature):]; len(rest) >= overhead; {
		size := int64(binary.BigEndian.Uint32(rest)) + overhead
		if size > int64(len(rest)) {
			return false
		}
		name, data := string(rest[4:8]), rest[8:size-4]
		switch {
		case slices.Contains(pngKept, name), name == "iCCP" && s.profile:
			s.out = append(s.out, rest[:size]...)
		case !s.mayDrop(pngRights(name, data)):
			return false
		}
		if name == "IEND" {
			return true
		}
		rest = rest[size:]
	}
	return false
}

// pngRights says whether a chunk may tell whose the image is.
func pngRights(name string, data []byte) bool {
	keyword, _, _ := bytes.Cut(data, []byte{0})
	switch name {
	case "eXIf":
		return exifRights(data)
	case "tEXt", "zTXt", "iTXt":
		// Of what is compressed only the keyword can be told.
		return slices.Contains([]string{"Author", "Copyright", "XML:com.adobe.xmp"}, string(keyword)) ||
			hasMagic(keyword, 0, "Raw profile type")
	}
	return false
}

func (s *stripper) stripWebP() bool {
	const form = riffHeader + 4
	if len(s.in) < form {
		return false
	}
	size := max(form, int64(binary.LittleEndian.Uint32(s.in[4:]))+riffHeader)
	s.out = append(s.out, s.in[:form]...)
	for rest := s.in[form:min(size, int64(len(s.in)))]; len(rest) > 0; {
		c, ok := nextRIFFChunk(rest)
		if !ok || !c.whole {
			return false
		}
		whole := rest[:len(rest)-len(c.rest)]
		rest = c.rest
		switch string(c.id) {
		case "VP8X":
			const exif, xmp, icc, flags = 0x08, 0x04, 0x20, riffHeader
			if len(whole) <= flags {
				return false
			}
			whole = bytes.Clone(whole)
			whole[flags] &^= exif | xmp
			if !s.profile {
				whole[flags] &^= icc
			}
			if whole[flags] != 0 { // else the file is a simple one
				s.out = append(s.out, whole...)
			}
		case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF":
			s.out = append(s.out, whole...)
		case "ICCP":
			if s.profile {
				s.out = append(s.out, whole...)
			}
		case "EXIF":
			if !s.mayDrop(exifRights(bytes.TrimPrefix(c.data, []byte(exifPrefix)))) {
				return false
			}
		case "XMP ":
			if !s.mayDrop(CopyrightXMP(c.data) != nil) {
				return false
			}
		}
	}
	binary.LittleEndian.PutUint32(s.out[4:], uint32(len(s.out)-riffHeader))
	return true
}

// stripGIF drops comments and application blocks but the one that says how often
// an animation is shown.
func (s *stripper) stripGIF() bool {
	w := gifWalk{info: &transform.Info{}}
	if w.readScreen(s.in) != nil {
		return false
	}
	s.out = append(s.out, s.in[:len(s.in)-len(w.rest)]...)
	for len(w.rest) > 0 {
		block := w.rest
		w.rest = w.rest[1:]
		keep := true
		switch block[0] {
		case gifTrailer:
			s.out = append(s.out, gifTrailer)
			return true
		case gifExtension:
			if w.readExtension() != nil {
				return false
			}
			keep = block[1] == gifGraphicControl || hasMagic(block, 3, "NETSCAPE2.0") ||
				hasMagic(block, 3, "ANIMEXTS1.0")
			if hasMagic(block, 3, "XMP DataXMP") && s.keepRights {
				return false // its packet is not in sub-blocks as others are
			}
		case gifImage:
			if w.readImage() != nil {
				return false
			}
		}
		if keep {
			s.out = append(s.out, block[:len(block)-len(w.rest)]...)
		}
	}
	return false
}
