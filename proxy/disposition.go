package proxy

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// contentDisposition is the header that tells browsers whether to show or to save an image,
// and its file name (RFC 6266). The name comes from the URL or the source, the extension
// from the content type.
func contentDisposition(u urlFacts, contentType string) string {
	kind := "inline"
	if u.attachment {
		kind = "attachment"
	}
	name := u.name
	if contentType == transform.SVG.MIME() {
		kind = "attachment" // a browser that opened it would run what it holds
	}
	if f, ok := transform.FormatOfMIME(contentType); ok {
		name += "." + f.Ext()
	}
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f || r == '"' || r == '\\' || r == '%' || r == '/' {
			return '_'
		}
		return r
	}, name)
	v := fmt.Sprintf(`%s; filename="%s"`, kind, plain)
	if plain != name {
		v += "; filename*=UTF-8''" + extValue(name)
	}
	return v
}

// noName is the name of an image whose source has none.
const noName = "picture"

// sourceName is the last part of the path of a source, without its extension.
func sourceName(source string) string {
	if u, err := url.Parse(source); err == nil {
		source = u.Path
	}
	name := path.Base(source)
	name = strings.TrimSuffix(name, path.Ext(name))
	if name == "" || name == "." || name == "/" {
		return noName
	}
	const most = 200
	return strings.ToValidUTF8(name[:min(len(name), most)], "")
}

// extValue encodes a text by RFC 8187: percent-encoding for all bytes but attr-char.
func extValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("!#$&+-.^_`|~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
