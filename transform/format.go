package transform

import "strings"

// Format is an image format that pictor reads or writes.
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
	JXL
	HEIC
	SVG
	TIFF
	BMP
	ICO
)

// formatRow describes a format.
type formatRow struct {
	name, ext, mime string
	// title is the name in sentences.
	title string
	alpha bool
	// animated says that pictor reads and writes its animations.
	animated bool
	// read and written say whether pictor reads and writes it, and everywhere that every
	// installation must be able to: a libvips without it is not complete.
	read, written, everywhere bool
}

var formatTable = [...]formatRow{
	FormatUnknown: {mime: "application/octet-stream"},
	JPEG: {name: "jpeg", ext: "jpg", mime: "image/jpeg", title: "JPEG",
		read: true, written: true, everywhere: true},
	PNG: {name: "png", ext: "png", mime: "image/png", title: "PNG", alpha: true,
		read: true, written: true, everywhere: true},
	WebP: {name: "webp", ext: "webp", mime: "image/webp", title: "WebP", alpha: true, animated: true,
		read: true, written: true, everywhere: true},
	GIF: {name: "gif", ext: "gif", mime: "image/gif", title: "GIF", alpha: true, animated: true,
		read: true, written: true, everywhere: true},
	AVIF: {name: "avif", ext: "avif", mime: "image/avif", title: "AVIF", alpha: true,
		read: true, written: true, everywhere: true},
	JXL:  {name: "jxl", ext: "jxl", mime: "image/jxl", title: "JPEG XL", alpha: true, read: true, written: true},
	HEIC: {name: "heic", ext: "heic", mime: "image/heic", title: "HEIC", alpha: true, read: true},
	SVG:  {name: "svg", ext: "svg", mime: "image/svg+xml", title: "SVG", alpha: true, read: true},
	TIFF: {name: "tiff", ext: "tiff", mime: "image/tiff", title: "TIFF", alpha: true, read: true},
	BMP:  {name: "bmp", ext: "bmp", mime: "image/bmp", title: "BMP", alpha: true, read: true},
	ICO: {name: "ico", ext: "ico", mime: "image/vnd.microsoft.icon", title: "ICO", alpha: true,
		read: true, written: true},
}

// The formats of sources and of results, in the order in which they are listed to people.
var (
	Inputs  = formatsWhere(func(r formatRow) bool { return r.read })
	Outputs = formatsWhere(func(r formatRow) bool { return r.written })
)

func formatsWhere(is func(formatRow) bool) (list []Format) {
	for i, row := range formatTable {
		if is(row) {
			list = append(list, Format(i))
		}
	}
	return list
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

// Title is the format's name in sentences, "JPEG XL" for JXL.
func (f Format) Title() string { return formatTable[f.tableRow()].title }

// Ext is the file extension without a dot, "jpg" for JPEG.
func (f Format) Ext() string { return formatTable[f.tableRow()].ext }

// MIME is the media type of the IANA registry, "image/jpeg" for JPEG.
func (f Format) MIME() string { return formatTable[f.tableRow()].mime }

// IsHEIF says whether the format's container is HEIF, whose decoder turns and crops an
// image by what the container says, and makes colour of grey.
func (f Format) IsHEIF() bool { return f == AVIF || f == HEIC }

// HasAlpha says whether the format can hold transparency.
func (f Format) HasAlpha() bool { return formatTable[f.tableRow()].alpha }

// Animates says whether pictor reads and writes animations of the format.
func (f Format) Animates() bool { return formatTable[f.tableRow()].animated }

// FormatOfMIME is the format with a media type, as MIME has it.
func FormatOfMIME(mime string) (Format, bool) {
	for i, row := range formatTable {
		if Format(i) != FormatUnknown && row.mime == mime {
			return Format(i), true
		}
	}
	return FormatUnknown, false
}

// ParseOutput is ParseFormat for the format of a result: one of Outputs.
func ParseOutput(s string) (Format, bool) {
	f, ok := ParseFormat(s)
	return f, ok && formatTable[f].written
}

// ParseFormat reads an extension or a format name, in either case: "jpg" and
// "jpeg" are the same. It reports false for anything else, "" included, and for formats
// that pictor neither reads nor writes.
func ParseFormat(s string) (Format, bool) {
	s = strings.ToLower(s)
	for i, row := range formatTable {
		if (row.read || row.written) && (s == row.ext || s == row.name) {
			return Format(i), true
		}
	}
	return FormatUnknown, false
}
