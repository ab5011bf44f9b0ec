package container

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
)

// pngSmall are chunks that say what the samples are or how they are shown. They
// are of a few bytes; those of a palette are the longest.
var pngSmall = []string{"tRNS", "gAMA", "cHRM", "sRGB", "cICP", "sBIT", "bKGD", "pHYs"}

const maxPNGSmall = 768

// reducePNG drops the chunks before the image data that libpng does not use, and
// all chunks behind it.
func (l *decodableView) reducePNG() bool {
	const overhead, headerEnd = 12, len(pngSignature) + 13 + 12
	l.keepInHead(l.in[:headerEnd])
	seen := map[[4]byte]int{}
	var texts textBudget
	at := headerEnd
	for ; at+overhead <= len(l.in) && string(l.in[at+4:at+8]) != "IDAT"; at = l.pngNext(at) {
		chunk := l.in[at:l.pngNext(at)]
		id := [4]byte(chunk[4:8])
		if seen[id]++; seen[id] > maxTexts {
			continue // no name is made of it, as there may be a million
		}
		name := string(id[:])
		if seen[id] <= pngMost(name) && l.pngNeeds(name, chunk[8:len(chunk)-4], &texts) {
			l.keepInHead(chunk)
		}
	}
	if at+overhead > len(l.in) {
		return false // there is no data: the decoder may say so
	}
	changed := l.replaceHead(at)
	for at+overhead <= len(l.in) && string(l.in[at+4:at+8]) == "IDAT" {
		at = l.pngNext(at)
	}
	if at >= len(l.in) || l.Size <= int64(at) || hasMagic(l.in, at+4, "IEND") || l.patchedUpTo() > at {
		return changed // it ends here, or was given an end
	}
	l.cutAfter(at, pngIEND)
	return true
}

// pngNext is what follows the chunk at at, or the end.
func (l *decodableView) pngNext(at int) int {
	return int(min(int64(at)+int64(be32At(l.in, at))+12, int64(len(l.in))))
}

// maxPNGTries is how many chunks of a kind are kept that change pixels: libpng
// takes the first that it can use.
const maxPNGTries = 8

// pngMost is how many chunks of a name are kept at most. Of most names libpng takes
// the first chunk. It refuses a file for a second PLTE, and for a critical chunk
// that it does not know.
func pngMost(name string) int {
	switch {
	case pngIsText(name):
		return maxTexts
	case pngIsCritical(name):
		return 2
	case name == "tRNS", name == "iCCP":
		return maxPNGTries
	}
	return 1
}

// pngIsCritical says whether a decoder has to know a chunk (PNG 3rd edition §5.4).
func pngIsCritical(name string) bool { return name[0]&0x20 == 0 }

func pngIsText(name string) bool { return name == "tEXt" || name == "zTXt" || name == "iTXt" }

func (l *decodableView) pngNeeds(name string, data []byte, texts *textBudget) bool {
	switch {
	case !isChunkName([]byte(name)):
		return false // Sniff saw that the image is whole without it
	case pngIsCritical(name):
		return true
	case name == "sRGB" && l.hiddenProfile:
		// libpng before 1.6.45 uses the first of sRGB and iCCP. By PNG 3rd edition
		// §4.3 the profile counts, whatever their order.
		return false
	case slices.Contains(pngSmall, name):
		return len(data) <= maxPNGSmall
	case name == "iCCP":
		_, packed, _ := bytes.Cut(data, []byte{0})
		// A decoder ignores a profile that cannot be read, but libpng 1.6.48 also those behind it.
		return pngProfile(data) != nil && inflatedSize(packed[1:], maxProfileBytes) <= maxProfileBytes
	case name == "eXIf":
		return l.needed.needsEXIF(data)
	case pngIsText(name):
		return l.pngNeedsText(name, data, texts)
	}
	return false
}

// textBudget counts the texts that were kept.
type textBudget struct {
	bytes int
	xmp   bool
}

// pngNeedsText says whether a text is kept: XMP where it is needed, other texts
// where all metadata is (PNG 3rd edition §11.3.3).
func (l *decodableView) pngNeedsText(name string, data []byte, texts *textBudget) bool {
	isXMP := name == "iTXt" && hasMagic(data, 0, "XML:com.adobe.xmp\x00")
	most := maxTextBytes - texts.bytes
	switch {
	case isXMP && texts.xmp, isXMP && !l.needed.needsXMP(0), !isXMP && !l.needed.Metadata:
		return false
	case isXMP:
		most = maxXMPBytes
	}
	size := len(data)
	_, rest, ok := bytes.Cut(data, []byte{0})
	switch {
	case !ok:
		return false
	case name == "zTXt" && len(rest) > 1:
		size += inflatedSize(rest[1:], most)
	case name == "iTXt" && len(rest) > 2 && rest[0] != 0:
		// Flag and method, then language and translated keyword.
		_, rest, _ = bytes.Cut(rest[2:], []byte{0})
		_, rest, _ = bytes.Cut(rest, []byte{0})
		size += inflatedSize(rest, most)
	}
	if size > most {
		return false
	}
	if isXMP {
		texts.xmp = true
	} else {
		texts.bytes += size
	}
	return true
}

// inflatedSize is the size of a zlib stream inflated. It stops above most, and at
// the place where a stream is broken.
func inflatedSize(packed []byte, most int) int {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0
	}
	defer z.Close()
	n, _ := io.Copy(io.Discard, io.LimitReader(z, int64(most)+1))
	return int(n)
}
