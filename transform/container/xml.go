package container

import "bytes"

// xmlReader finds the tags of an XML document, in time linear to its length. It checks
// little and expands nothing: it serves to learn what a decoder will be given,
// not to decide whether that is well-formed.
type xmlReader struct {
	b  []byte
	at int
	// subset is what the document type declares inside of brackets.
	subset []byte
	// doctype is the name that the document type gives the root element.
	doctype []byte
	// lookups counts what was looked up in subset.
	lookups int
}

// xmlTag is a start-tag or an end-tag. Its slices are of the document.
type xmlTag struct {
	name, attributes []byte
	// from and end are where it begins and ends.
	from, end int
	// closes is an end-tag, empty an element without content.
	closes, empty bool
	// text is the character data before it.
	text []byte
}

// xmlAttribute is an attribute of a tag, its value without quotes and as it is written.
type xmlAttribute struct{ name, value []byte }

// next is the next tag. It reports false where none is whole any more.
func (x *xmlReader) next() (tag xmlTag, ok bool) {
	from := x.at
	for x.at < len(x.b) {
		open := bytes.IndexByte(x.b[x.at:], '<')
		if open < 0 {
			break
		}
		x.at += open
		rest := x.b[x.at:]
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			ok = x.skipPast(4, "-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			ok = x.skipPast(9, "]]>")
		case bytes.HasPrefix(rest, []byte("<?")):
			ok = x.skipPast(2, "?>")
		case bytes.HasPrefix(rest, []byte("<!")):
			ok = x.skipDeclaration()
		default:
			text := x.b[from:x.at]
			tag, ok = x.readTag()
			tag.text = text
			return tag, ok
		}
		if !ok {
			break
		}
	}
	x.at = len(x.b)
	return xmlTag{}, false
}

// skipPast goes past the next mark, which lies so many bytes away at least.
func (x *xmlReader) skipPast(n int, mark string) bool {
	at := bytes.Index(x.b[x.at+n:], []byte(mark))
	if at < 0 {
		return false
	}
	x.at += n + at + len(mark)
	return true
}

// skipDeclaration goes past a document type, and notes what it holds.
func (x *xmlReader) skipDeclaration() bool {
	const doctype = "<!DOCTYPE"
	begin := x.at
	if rest := x.b[begin:]; len(rest) > len(doctype) && bytes.EqualFold(rest[:len(doctype)], []byte(doctype)) {
		name := bytes.TrimLeft(rest[len(doctype):], xmlSpace)
		x.doctype = name[:nameLength(name)]
	}
	depth, subset := 0, 0
	for x.at++; x.at < len(x.b); {
		switch c := x.b[x.at]; {
		case c == '"' || c == '\'':
			if !x.skipPast(1, string(c)) {
				return false
			}
			continue
		case bytes.HasPrefix(x.b[x.at:], []byte("<!--")):
			if !x.skipPast(4, "-->") {
				return false
			}
			continue
		case bytes.HasPrefix(x.b[x.at:], []byte("<?")):
			if !x.skipPast(2, "?>") {
				return false
			}
			continue
		case c == '[' && depth == 0:
			depth, subset = 1, x.at+1
		case c == ']' && depth == 1:
			depth, x.subset = 0, x.b[subset:x.at]
		case c == '>' && depth == 0:
			x.at++
			return true
		}
		x.at++
	}
	return false
}

// readTag reads the tag that begins here.
func (x *xmlReader) readTag() (t xmlTag, ok bool) {
	t.from = x.at
	in := x.b[x.at+1:]
	if t.closes = len(in) > 0 && in[0] == '/'; t.closes {
		in = in[1:]
	}
	t.name = in[:nameLength(in)]
	begin := len(x.b) - len(in) + len(t.name)
	for at := begin; at < len(x.b); {
		mark := bytes.IndexAny(x.b[at:], `>"'`)
		if mark < 0 {
			return t, false
		}
		at += mark
		if x.b[at] == '>' {
			t.attributes, t.end = x.b[begin:at], at+1
			x.at = t.end
			if n := len(t.attributes); n > 0 && t.attributes[n-1] == '/' {
				t.attributes, t.empty = t.attributes[:n-1], true
			}
			return t, true
		}
		end := bytes.IndexByte(x.b[at+1:], x.b[at])
		if end < 0 {
			return t, false
		}
		at += end + 2
	}
	return t, false
}

// all yields the attributes, up to the first that is not written as one.
func (t xmlTag) all(yield func(xmlAttribute) bool) {
	in := t.attributes
	for {
		in = bytes.TrimLeft(in, xmlSpace)
		n := nameLength(in)
		a := xmlAttribute{name: in[:n]}
		if in = bytes.TrimLeft(in[n:], xmlSpace); n == 0 || len(in) == 0 || in[0] != '=' {
			return
		}
		in = bytes.TrimLeft(in[1:], xmlSpace)
		if len(in) == 0 || in[0] != '"' && in[0] != '\'' {
			return
		}
		end := bytes.IndexByte(in[1:], in[0])
		if end < 0 {
			return
		}
		a.value, in = in[1:1+end], in[end+2:]
		if !yield(a) {
			return
		}
	}
}

// localName is a name without the prefix of its namespace.
func localName(name []byte) []byte { return name[bytes.IndexByte(name, ':')+1:] }

// value is an attribute's, where it is a single entity of the document type that of the entity.
// The root element needs a few; each takes a search.
func (x *xmlReader) value(v []byte) []byte {
	const mostLookups = 8
	if len(v) < 3 || v[0] != '&' || v[len(v)-1] != ';' || x.lookups == mostLookups {
		return v
	}
	x.lookups++
	name := v[1 : len(v)-1]
	for rest := x.subset; ; {
		_, after, found := bytes.Cut(rest, []byte("<!ENTITY"))
		if !found {
			return v
		}
		rest = bytes.TrimLeft(after, xmlSpace)
		n := nameLength(rest)
		if !bytes.Equal(rest[:n], name) {
			continue
		}
		quoted := bytes.TrimLeft(rest[n:], xmlSpace)
		if len(quoted) == 0 || quoted[0] != '"' && quoted[0] != '\'' {
			return v
		}
		if end := bytes.IndexByte(quoted[1:], quoted[0]); end >= 0 {
			return quoted[1 : 1+end]
		}
		return v
	}
}

const xmlSpace = " \t\r\n"

// nameLength is how many bytes of b are a name: what a document may call an element is
// wider than what matters here, so all but marks and spaces count.
func nameLength(b []byte) int {
	if n := bytes.IndexAny(b, xmlSpace+`=<>"'/`); n >= 0 {
		return n
	}
	return len(b)
}
