package transform

import "strings"

// Format is an image format that pictor reads and writes.
type Format uint8

// The formats, in the order in which they are listed to people. The zero
// value means "not said": the format of the source.
const (
	FormatUnknown Format = iota
	JPEG
	PNG
	WebP
	GIF
	AVIF
)

// Formats lists every format that pictor promises to read and to write.
var Formats = [...]Format{JPEG, PNG, WebP, GIF, AVIF}

var formatTable = [...]struct {
	name, ext, mime string
	alpha           bool
}{
	FormatUnknown: {name: "", ext: "", mime: "application/octet-stream"},
	JPEG:          {name: "jpeg", ext: "jpg", mime: "image/jpeg"},
	PNG:           {name: "png", ext: "png", mime: "image/png", alpha: true},
	WebP:          {name: "webp", ext: "webp", mime: "image/webp", alpha: true},
	GIF:           {name: "gif", ext: "gif", mime: "image/gif", alpha: true},
	AVIF:          {name: "avif", ext: "avif", mime: "image/avif", alpha: true},
}

// tableRow is total: a Format that is none of the constants reads as FormatUnknown.
func (f Format) tableRow() int {
	if int(f) >= len(formatTable) {
		return int(FormatUnknown)
	}
	return int(f)
}

// String is the format's name, "jpeg" for JPEG; empty for FormatUnknown.
func (f Format) String() string { return formatTable[f.tableRow()].name }

// Ext is the file extension without a dot, "jpg" for JPEG.
func (f Format) Ext() string { return formatTable[f.tableRow()].ext }

// MIME is the media type of the IANA registry, "image/jpeg" for JPEG.
func (f Format) MIME() string { return formatTable[f.tableRow()].mime }

// HasAlpha says whether the format can hold transparency.
func (f Format) HasAlpha() bool { return formatTable[f.tableRow()].alpha }

// ParseFormat reads an extension or a format name, in either case: "jpg" and
// "jpeg" are the same. It reports false for anything else, "" included.
func ParseFormat(s string) (Format, bool) {
	s = strings.ToLower(s)
	for _, f := range Formats {
		if s == f.Ext() || s == f.String() {
			return f, true
		}
	}
	return FormatUnknown, false
}
