package proxy

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// wantsPicture says whether an error is for an img element, where a text would be a broken image.
func wantsPicture(r *http.Request) bool {
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" {
		return dest == "image"
	}
	return strings.HasPrefix(r.Header.Get("Accept"), "image/")
}

// The measures of a drawn error, in pixels and in characters of a line.
const (
	pictureWidth, pictureLine, pictureTop = 640, 24, 76
	pictureColumns, pictureLines          = 68, 8
)

// drawError draws the text of an error as an SVG.
func drawError(status int, code, text string) string {
	var b strings.Builder
	_, rest, _ := strings.Cut(text, ": ")
	lines := wrapText(rest, pictureColumns)
	lines = lines[:min(len(lines), pictureLines)]
	height := pictureTop + pictureLine*len(lines) + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" `+
		`font-family="system-ui, sans-serif" fill="#4a1f10">`, pictureWidth, height)
	fmt.Fprintf(&b, `<title>%s</title>`, escapeXML(text))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff4ee"/><rect width="6" height="%[2]d" fill="#c2410c"/>`,
		pictureWidth, height)
	fmt.Fprintf(&b, `<text x="28" y="44" font-size="22" font-weight="700">%d %s</text>`, status, escapeXML(code))
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="28" y="%d" font-size="16">%s</text>`, pictureTop+pictureLine*i, escapeXML(line))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// wrapText breaks a text into lines of at most so many characters, also within words that are longer, as URLs are.
func wrapText(text string, columns int) (lines []string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line := []rune(nil)
		for _, word := range strings.Fields(paragraph) {
			rest := []rune(word)
			if len(line) > 0 && len(line)+1+len(rest) > columns {
				lines, line = append(lines, string(line)), nil
			}
			for len(rest) > columns {
				lines, rest = append(lines, string(rest[:columns])), rest[columns:]
			}
			if len(line) > 0 {
				line = append(line, ' ')
			}
			line = append(line, rest...)
		}
		lines = append(lines, string(line))
	}
	return lines
}

// escapeXML is a text inside of an element. Characters that XML has not become U+FFFD.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder has no errors
	return b.String()
}
