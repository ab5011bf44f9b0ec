package container

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/transform"
)

// magics are the types that are known only to be refused by their name. An
// origin that answers with one of them is easier to mend when it is named.
var magics = [...]struct {
	at          int
	magic, name string
}{
	{0, "%PDF-", "a PDF document"},
	{0, "\x00\x00\x02\x00", "a CUR cursor"},
	{0, "\xff\x4f\xff\x51", "a JPEG 2000 image"},
	{4, "jP  \r\n\x87\n", "a JPEG 2000 image"},
	{0, "8BPS", "a Photoshop image"},
	{0, "\x76\x2f\x31\x01", "an OpenEXR image"},
	{0, "qoif", "a QOI image"},
	{0, "PK\x03\x04", "a ZIP archive"},
	{0, "PK\x05\x06", "a ZIP archive"},
	{0, "\x1f\x8b", "gzip-compressed data"},
	{0, "\x1aE\xdf\xa3", "a WebM or Matroska video"},
	{8, "AVI ", "an AVI video"},
	{8, "WAVE", "a WAVE sound"},
	{0, "OggS", "an Ogg stream"},
	{0, "ID3", "an MP3 sound"},
	{0, "MATLAB 5.0 MAT-file", "a MATLAB file"},
	{0, "GIF8", "a GIF of an unknown version"},
}

// readable says what a source can be.
var readable = "; supported are " + readableNames()

func readableNames() string {
	var names []string
	for _, f := range transform.Inputs {
		names = append(names, f.Title())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// refusalOf says by name what b is not.
func refusalOf(b []byte) error {
	if len(b) == 0 {
		return notRead("the source is empty")
	}
	for _, m := range magics {
		if hasMagic(b, m.at, m.magic) {
			return notRead("this is " + m.name + readable)
		}
	}
	if hasMagic(b, 4, "ftyp") {
		return notRead("this is " + mediaName(b) + readable)
	}
	if name := textName(b); name != "" {
		return notRead("this is " + name + readable)
	}
	return notRead("this is not an image of a known type" + readable)
}

// mediaName names a file of the ISO base media family by its major brand. Image
// sequences have that of any video.
func mediaName(b []byte) string {
	if len(b) < 12 {
		return "a media file"
	}
	if hasBrand(b, "avis") {
		return "an AVIF image sequence"
	}
	switch string(b[8:12]) {
	case "mif2":
		return "a HEIF image"
	case "jxl ":
		return "a JPEG XL image"
	case "jp2 ", "jpx ", "jpm ":
		return "a JPEG 2000 image"
	case "crx ":
		return "a Canon raw image"
	case "qt  ":
		return "a QuickTime video"
	case "M4A ", "M4B ":
		return "an MPEG-4 sound"
	}
	return "an MP4 video"
}

// textName names text by how it begins; it is empty for what is no text.
// HTML matters most: it is what a broken origin answers instead of an image.
func textName(b []byte) string {
	const enough = 1024
	head := b[:min(len(b), enough)]
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if !isText(head) {
		return ""
	}
	head = bytes.ToLower(bytes.TrimLeft(head, " \t\r\n\f"))
	starts := func(s string) bool { return hasMagic(head, 0, s) }
	holds := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	switch {
	case holds("<!doctype html"), holds("<html"), starts("<head"), starts("<body"), starts("<script"):
		return "an HTML page"
	case holds("<svg") && starts("<"):
		return "an SVG image"
	case starts("<?xml"):
		return "an XML document"
	case starts("{"), starts("["):
		return "JSON"
	}
	return "plain text"
}

// isText allows the last character to be cut.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < ' ' && !bytes.ContainsRune([]byte("\t\n\r\f\x1b"), r) {
			return false
		}
		b = b[n:]
	}
	return true
}
