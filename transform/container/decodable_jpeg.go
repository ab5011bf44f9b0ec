package container

import "github.com/pictor-proxy/pictor/transform"

// How many segments of a kind a decoder is given.
const (
	maxICCSegments = 255 // a byte counts them
	maxSegments    = 16
)

// reduceJPEG drops application segments before the first scan, but those that say
// what the samples are and metadata that is needed. Sniff bounds how many segments
// are between scans.
func (l *decodableView) reduceJPEG() bool {
	w := jpegWalk{b: l.in, at: 2, info: &transform.Info{}}
	l.keepInHead(l.in[:2])
	var k jpegKept
	for {
		marker, ok := w.nextMarker()
		start := w.at - 2
		if !ok || marker == jpegEOI {
			return false
		}
		if marker == jpegSOS {
			return l.replaceHead(start)
		}
		segment, ok := w.readSegment()
		if !ok || segment == nil {
			return false
		}
		isMetadata := marker == jpegCOM || marker >= jpegAPP0 && marker <= jpegAPPF
		if !isMetadata || k.needsSegment(l.needed, marker, segment) {
			l.keepInHead(l.in[start:w.at])
		}
	}
}

// jpegKept counts the segments that were kept, by kind.
type jpegKept struct{ jfif, adobe, exif, xmp, icc, iptc, iccBytes, texts, textBytes int }

// isFirst counts n up. It is for segments of which a decoder reads the first.
func isFirst(n *int) bool { *n++; return *n == 1 }

func (k *jpegKept) needsSegment(needed Needed, marker byte, segment []byte) bool {
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
		return isFirst(&k.exif) && needed.needsEXIF(segment[len(exifPrefix):])
	case marker == jpegAPP1 && hasMagic(segment, 0, xmpPrefix):
		return needed.needsXMP(len(segment)) && isFirst(&k.xmp)
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
