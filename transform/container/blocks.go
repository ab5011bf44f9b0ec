package container

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// Blocks are metadata of an image as they stand in its file; nil where there are none.
type Blocks struct {
	EXIF, XMP []byte
	// IPTC is a record of datasets (IIM 4.2).
	IPTC []byte
	// Profile is an ICC profile, or its beginning.
	Profile []byte
}

// FindBlocks finds the metadata of a source that Sniff has taken. The blocks are parts of b, but for profiles, and for
// what an AVIF or HEIC has in several parts: they have at most 1 MiB.
func FindBlocks(b []byte, f transform.Format) (found Blocks) {
	switch f {
	case transform.JPEG:
		w := jpegWalk{b: b, at: min(2, len(b)), info: &transform.Info{}}
		for {
			marker, ok := w.nextMarker()
			segment, whole := []byte(nil), false
			if ok && marker != jpegSOS && marker != jpegEOI {
				segment, whole = w.readSegment()
			}
			if !whole {
				return found
			}
			found.takeSegment(marker, segment)
		}
	case transform.PNG:
		found.takePNG(b)
	case transform.WebP:
		found.takeWebP(b)
	case transform.TIFF:
		found.takeTIFF(b)
	case transform.GIF:
		found.takeGIF(b)
	case transform.AVIF, transform.HEIC:
		found.takeHEIF(b)
	case transform.JXL:
		found.takeJXL(b)
	}
	return found
}

func (found *Blocks) takeSegment(marker byte, segment []byte) {
	switch {
	case marker == jpegAPP1 && hasMagic(segment, 0, exifPrefix) && found.EXIF == nil:
		found.EXIF = segment[len(exifPrefix):]
	case marker == jpegAPP1 && hasMagic(segment, 0, xmpPrefix) && found.XMP == nil:
		found.XMP = segment[len(xmpPrefix):]
	case marker == jpegAPP2 && hasMagic(segment, 0, iccSegment):
		found.takeProfile(segment[len(iccSegment):])
	case marker == 0xED && found.IPTC == nil:
		found.IPTC = iptcOf(segment)
	}
}

// takePNG takes chunks before the image data and behind it. A packet that is compressed is left out.
func (found *Blocks) takePNG(b []byte) {
	const overhead, keyword = 12, "XML:com.adobe.xmp\x00"
	for rest := b[min(len(pngSignature), len(b)):]; len(rest) >= overhead; {
		size := int64(binary.BigEndian.Uint32(rest)) + overhead
		if size > int64(len(rest)) {
			return
		}
		data := rest[8 : size-4]
		switch string(rest[4:8]) {
		case "eXIf":
			found.EXIF = data
		case "iCCP":
			found.Profile = inflateProfile(data, mostProfile)
		case "iTXt":
			// Compression flag and method, language and translated keyword (PNG 3rd edition §11.3.3.4).
			text, ok := bytes.CutPrefix(data, []byte(keyword+"\x00\x00"))
			_, text, language := bytes.Cut(text, []byte{0})
			_, text, translated := bytes.Cut(text, []byte{0})
			if ok && language && translated {
				found.XMP = text
			}
		}
		rest = rest[size:]
	}
}

func (found *Blocks) takeWebP(b []byte) {
	const form = riffHeader + 4
	for rest := b[min(form, len(b)):]; len(rest) > 0; {
		c, ok := nextRIFFChunk(rest)
		if !ok || !c.whole {
			return
		}
		switch string(c.id) {
		case "EXIF":
			found.EXIF = bytes.TrimPrefix(c.data, []byte(exifPrefix))
		case "XMP ":
			found.XMP = c.data
		case "ICCP":
			found.Profile = c.data
		}
		rest = c.rest
	}
}

// EXIFDirectory is one of the directories of an EXIF block that have tags of their own.
type EXIFDirectory int

// The directories (EXIF 2.32 §4.6.3).
const (
	EXIFImage EXIFDirectory = iota
	EXIFPhoto
	EXIFGPS
)

// exifPointers lead from the first directory to others.
var exifPointers = map[uint16]EXIFDirectory{0x8769: EXIFPhoto, 0x8825: EXIFGPS}

// What EXIFTags reads at most: entries of a directory, and characters and numbers of a value.
const maxTagsRead, maxTagText, maxTagNumbers = 512, 1 << 10, 16

// EXIFTags calls yield with the tags of an EXIF block whose values are text or numbers: text without what follows its
// end, numbers in decimal digits, several with blanks between. What cannot be read, or is too long, is left out. It
// follows each pointer once, and none from a directory but the first.
func EXIFTags(b []byte, yield func(dir EXIFDirectory, tag uint16, value string)) {
	order, first, ok := exifStart(b)
	if !ok {
		return
	}
	readDirectory(b, order, first, func(tag uint16, entry []byte) {
		if dir, ok := exifPointers[tag]; ok {
			readDirectory(b, order, uint64(order.Uint32(entry[6:])), func(tag uint16, entry []byte) {
				if value := exifValue(b, order, entry); value != "" {
					yield(dir, tag, value)
				}
			})
			return
		}
		if value := exifValue(b, order, entry); value != "" {
			yield(EXIFImage, tag, value)
		}
	})
}

func readDirectory(b []byte, order binary.ByteOrder, at uint64, visit func(tag uint16, entry []byte)) {
	const size = 12
	if at < 8 || at+2 > uint64(len(b)) {
		return
	}
	entries := b[at+2:]
	for n := min(int(order.Uint16(b[at:])), maxTagsRead); n > 0 && len(entries) >= size; n-- {
		visit(order.Uint16(entries), entries[2:size])
		entries = entries[size:]
	}
}

// exifValue is the value of an entry whose tag is cut off; "" for none.
func exifValue(b []byte, order binary.ByteOrder, entry []byte) string {
	kind, count := order.Uint16(entry), uint64(order.Uint32(entry[2:]))
	if int(kind) >= len(exifTypes) || exifTypes[kind] == 0 || count == 0 {
		return ""
	}
	values, size := entry[6:], exifTypes[kind]*count
	if size > 4 {
		at := uint64(order.Uint32(values))
		if at+size > uint64(len(b)) {
			return ""
		}
		values = b[at:]
	}
	values = values[:size]
	if kind == 2 {
		text, _, _ := bytes.Cut(values, []byte{0})
		if len(text) > maxTagText {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	if kind == 7 || count > maxTagNumbers {
		return "" // bytes whose meaning the tag alone knows
	}
	var numbers []string
	for i := range count {
		n, ok := exifNumber(order, kind, values[i*exifTypes[kind]:])
		if !ok {
			return ""
		}
		numbers = append(numbers, n)
	}
	return strings.Join(numbers, " ")
}

// exifNumber reads one number of a type (TIFF 6.0, section 2).
func exifNumber(order binary.ByteOrder, kind uint16, b []byte) (string, bool) {
	ratio := func(a, b float64) (string, bool) {
		return strconv.FormatFloat(a/b, 'g', 10, 64), b != 0
	}
	switch kind {
	case 1:
		return strconv.Itoa(int(b[0])), true
	case 6:
		return strconv.Itoa(int(int8(b[0]))), true
	case 3:
		return strconv.Itoa(int(order.Uint16(b))), true
	case 8:
		return strconv.Itoa(int(int16(order.Uint16(b)))), true
	case 4:
		return strconv.FormatUint(uint64(order.Uint32(b)), 10), true
	case 9:
		return strconv.Itoa(int(int32(order.Uint32(b)))), true
	case 5:
		return ratio(float64(order.Uint32(b)), float64(order.Uint32(b[4:])))
	case 10:
		return ratio(float64(int32(order.Uint32(b))), float64(int32(order.Uint32(b[4:]))))
	case 11:
		return finite(float64(math.Float32frombits(order.Uint32(b))))
	}
	return finite(math.Float64frombits(order.Uint64(b)))
}

func finite(v float64) (string, bool) {
	return strconv.FormatFloat(v, 'g', 10, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
}

// IPTCDatasets calls yield with the number and the text of each dataset of the application record (2:n) of a record.
func IPTCDatasets(b []byte, yield func(number byte, text string)) {
	for record := range iptcDatasets(b) {
		if record[1] == 2 && len(record)-5 <= maxTagText {
			yield(record[2], string(record[5:]))
		}
	}
}
