package container

import "github.com/pictor-proxy/pictor/transform"

// How many segments of a kind a decoder is given.
const (
	maxICCSegments = 255 // a byte counts them
	maxSegments    = 16
)

// jpeg keeps of the application segments before the first scan those that say
// what the samples are, and what is needed. Segments between scans are counted by
// Sniff.
func (l *lean) jpeg() bool {
	w := jpegWalk{b: l.in, at: 2, info: &transform.Info{}}
	l.keep(l.in[:2])
	var k jpegKept
	for {
		marker, ok := w.marker()
		start := w.at - 2
		if !ok || marker == jpegEOI {
			return false
		}
		if marker == jpegSOS {
			return l.begin(start)
		}
		segment, ok := w.segment()
		if !ok || segment == nil {
			return false
		}
		isMetadata := marker == jpegCOM || marker >= jpegAPP0 && marker <= jpegAPPF
		if !isMetadata || k.needs(l.needed, marker, segment) {
			l.keep(l.in[start:w.at])
		}
	}
}

// jpegKept counts what was kept.
type jpegKept struct{ jfif, adobe, exif, xmp, icc, iptc, iccBytes, texts, textBytes int }

// once is for segments of which a decoder looks at one.
func once(n *int) bool { *n++; return *n == 1 }

func (k *jpegKept) needs(needed Needed, marker byte, segment []byte) bool {
	switch {
	case marker == jpegAPP0:
		k.jfif++
		return hasMagic(segment, 0, "JFIF\x00") && k.jfif <= maxSegments
	case marker == jpegAPP14:
		k.adobe++
		return hasMagic(segment, 0, "Adobe") && k.adobe <= maxSegments
	case marker == jpegAPP0+2 && hasMagic(segment, 0, iccPrefix):
		k.icc++
		k.iccBytes += len(segment)
		return k.icc <= maxICCSegments && k.iccBytes <= maxProfileBytes
	case marker == jpegAPP1 && hasMagic(segment, 0, exifPrefix):
		return once(&k.exif) && needed.exif(segment[len(exifPrefix):])
	case marker == jpegAPP1 && hasMagic(segment, 0, xmpPrefix):
		return needed.xmp(len(segment)) && once(&k.xmp)
	case marker == 0xED:
		k.iptc++
		return (needed.Metadata || needed.Rights) && k.iptc <= maxSegments
	case marker == jpegCOM && needed.Metadata:
		k.texts++
		k.textBytes += len(segment)
		return k.texts <= maxTexts && k.textBytes <= maxTextBytes
	}
	return false
}
