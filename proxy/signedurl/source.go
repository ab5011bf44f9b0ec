package signedurl

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/transform"
)

// readSource reads the end of a path into r.Source and gives the extension, "" for none.
func (d *Dialect) readSource(r *Request, s string) (ext string, err error) {
	if after, ok := strings.CutPrefix(s, hashPrefix); ok {
		r.SourceHash, ext, err = hashedSource(d.withoutName(after))
		return ext, err
	}
	if after, ok := strings.CutPrefix(s, plainPrefix); ok && after != "" {
		r.Source, ext, err = plainSource(after)
	} else if after, ok := strings.CutPrefix(s, encPrefix); ok && d.cfg.SourceKey != nil {
		r.Source, ext, err = d.encryptedSource(after)
	} else {
		r.Source, ext, err = base64Source(d.withoutName(s))
	}
	if err != nil {
		return "", err
	}
	if r.Source == "" {
		return "", fmt.Errorf("%w: the source is empty", ErrMalformed)
	}
	if !utf8.ValidString(r.Source) || strings.ContainsFunc(r.Source, isControl) {
		return "", fmt.Errorf("%w: the source URL contains control characters or is not UTF-8", ErrMalformed)
	}
	return ext, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// withoutName cuts off the name that stands behind a source for search
// engines, if there is one. Its extension is the source's.
func (d *Dialect) withoutName(s string) string {
	i := strings.LastIndexByte(s, '/')
	if !d.cfg.Filename || i < 0 {
		return s
	}
	return s[:i]
}

func (d *Dialect) encryptedSource(s string) (source, ext string, err error) {
	s, ext, ok := cutExtension(strings.ReplaceAll(d.withoutName(s), "/", ""), ".")
	if !ok {
		return "", "", fmt.Errorf("%w: the source has more than one extension", ErrMalformed)
	}
	source, err = decryptSource(d.cfg.SourceKey, strings.TrimRight(s, "="))
	return source, ext, err
}

func plainSource(s string) (source, ext string, err error) {
	s, ext, ok := cutExtension(s, "@")
	if !ok {
		return "", "", fmt.Errorf("%w: the source has more than one @; write %%40 for an @ in the source URL",
			ErrMalformed)
	}
	// A client may have signed folded slashes.
	source, err = url.PathUnescape(withSlashes(s))
	if err != nil {
		return "", "", fmt.Errorf("%w: invalid percent-encoding in the source; write %%25 for a %% in the source URL",
			ErrMalformed)
	}
	return source, ext, nil
}

func base64Source(s string) (source, ext string, err error) {
	// Clients cut long sources into segments; together they are one text.
	s, ext, ok := cutExtension(strings.ReplaceAll(s, "/", ""), ".")
	if !ok {
		return "", "", fmt.Errorf("%w: the source has more than one extension", ErrMalformed)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return "", "", fmt.Errorf("%w: %s is neither an option nor a source (plain/URL or base64url)", ErrMalformed,
			transform.Quote(s))
	}
	return string(b), ext, nil
}

// cutExtension cuts at the mark; a second mark is not ok.
func cutExtension(s, mark string) (rest, ext string, ok bool) {
	rest, ext, _ = strings.Cut(s, mark)
	return rest, ext, !strings.Contains(ext, mark)
}

// encodeSource is the inverse of both readers.
func encodeSource(source, ext string, plain bool) string {
	if plain {
		s := plainPrefix + escapePlain(source)
		if ext != "" {
			s += "@" + ext
		}
		return s
	}
	s := base64.RawURLEncoding.EncodeToString([]byte(source))
	if ext != "" {
		s += "." + ext
	}
	return s
}

// escapePlain escapes what would end or change a plain source, and what no
// request line holds.
func escapePlain(s string) string {
	escaped := percentEscape(s, "%?@#\"<>\\^`{|} ")
	if withSlashes(escaped) != escaped { // it has no more slashes
		escaped = strings.Replace(escaped, ":/", ":%2F", 1)
	}
	return escaped
}

// escapeArgument escapes what would end an argument, too.
func escapeArgument(s string) string {
	return percentEscape(s, ":/%?@#\"<>\\^`{|} ")
}

func percentEscape(s, special string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= 0x20 || c >= 0x7f || strings.IndexByte(special, c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hashedSource reads a hash with its extension, which follows a dot or an @.
func hashedSource(s string) (h SourceHash, ext string, err error) {
	mark := "."
	if !strings.Contains(s, mark) {
		mark = "@"
	}
	s, ext, ok := cutExtension(s, mark)
	if !ok {
		return h, "", fmt.Errorf("%w: the source has more than one extension", ErrMalformed)
	}
	h, err = ParseSourceHash(s)
	if err == nil && h == (SourceHash{}) {
		err = fmt.Errorf("%w: the hash of the source is zero", ErrMalformed)
	}
	return h, ext, err
}
