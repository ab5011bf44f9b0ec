package origin

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"strings"
)

// Identity is a source in the one spelling that all of its spellings have in
// common: those that RFC 3986 §6.2.2 and §6.2.3 call equivalent. It is for
// comparing; what is fetched is the source as it was given. One that Check
// refuses stays as it is.
func (f *Fetcher) Identity(source string) string {
	at, err := f.parseSource(source)
	if err != nil {
		return source
	}
	return at.identity()
}

// canonicalURL is the identity of a URL that parseURL has read.
func canonicalURL(u *url.URL) string {
	port := ":80"
	if u.Scheme == "https" {
		port = ":443"
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	id := u.Scheme + "://" + strings.TrimSuffix(u.Host, port) + plainEscapes(path)
	if u.RawQuery != "" || u.ForceQuery {
		id += "?" + plainEscapes(u.RawQuery)
	}
	return id
}

// Prefix is what the identities of all sources begin with whose URLs begin with
// text, which is scheme://host/, s3://bucket/ or local:/// at least. Errors are ErrBadSource
// and ErrSourceNotAllowed where no identity can begin so.
func (f *Fetcher) Prefix(text string) (string, error) {
	switch scheme := schemeOf(text); scheme {
	case "http", "https":
		return prefixURL(text)
	case "s3", "gs", "abs":
		return f.accounts.prefixObject(scheme, text[len(scheme)+1:])
	case "local":
		return f.prefixLocal(text[len("local:"):])
	}
	_, err := f.parseSource(text)
	return "", err
}

func prefixURL(text string) (string, error) {
	_, rest, ok := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#\\")
	switch n := len(text); {
	case !ok || end < 0 || rest[end] != '/':
		return "", fmt.Errorf("%w: it must begin with scheme://host/", ErrBadSource)
	case strings.Contains(rest, "#"):
		return "", fmt.Errorf("%w: it must not contain a #, as fragments are not part of a source", ErrBadSource)
	case text[n-1] == '%' || text[n-2] == '%' && isHex(text[n-1]):
		return "", fmt.Errorf("%w: it must not end in the middle of a percent-encoded byte", ErrBadSource)
	}
	// The last segment is not whole: .. may become ..a.jpg.
	tail := ""
	if !strings.Contains(rest, "?") {
		cut := strings.LastIndexByte(text, '/') + 1
		text, tail = text[:cut], text[cut:]
	}
	u, err := parseURL(text, url.Parse)
	if err != nil {
		return "", err
	}
	return canonicalURL(u) + plainEscapes(percentEncode(tail, inPath)), nil
}

func (f *Fetcher) prefixLocal(rest string) (string, error) {
	if f.cfg.Local == nil {
		return "", errNoRoot
	}
	name, ok := strings.CutPrefix(rest, "///")
	folder := name[:strings.LastIndexByte(name, '/')+1]
	whole := strings.TrimSuffix(folder, "/")
	if !ok || strings.ContainsAny(name, "\\\x00") || folder != "" && (whole == "." || !fs.ValidPath(whole)) {
		return "", fmt.Errorf("%w: a local source begins with local:/// and has no . and .. segments", ErrBadSource)
	}
	return "local:///" + name, nil
}

// HostName is a host, with its port if it has one, as identities have it but
// for ports that go without saying there. An IPv6 address without a port needs
// no brackets. The error is ErrBadSource for a text that is no host.
func (f *Fetcher) HostName(text string) (string, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		text = "[" + text + "]"
	}
	if strings.ContainsAny(text, "/?#@\\") {
		return "", fmt.Errorf("%w: it must be a host only", ErrBadSource)
	}
	u, err := parseURL("http://"+text+"/", url.Parse)
	if err != nil {
		return "", err
	}
	if name := u.Hostname(); !strings.Contains(name, ":") && !isName(name) {
		return "", fmt.Errorf("%w: it is not a valid domain name", ErrBadSource)
	}
	return u.Host, nil
}

// isName says that DNS can hold a name (RFC 1035 §2.3.4), which with an
// underscore is none of a host but is used for some.
func isName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(name) <= 253
}

// plainEscapes writes percent-encoded bytes in the one way that there is for
// each (RFC 3986 §6.2.2.1 and §6.2.2.2).
func plainEscapes(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			b.WriteByte(s[i])
			continue
		}
		escape := strings.ToUpper(s[i : i+3])
		if c := hexDigit(escape[1])<<4 | hexDigit(escape[2]); isUnreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(escape)
		}
		i += 2
	}
	return b.String()
}

// hexDigit is a digit's value; letters are in upper case.
func hexDigit(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}

// isUnreserved is RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	l := c | 0x20
	return 'a' <= l && l <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// withoutDots removes the segments . and .. of an encoded path (RFC 3986
// §5.2.4), also where their dots are encoded, as browsers do
// (https://url.spec.whatwg.org/#single-dot-path-segment). Empty segments are
// segments like others.
func withoutDots(path string) string {
	if !strings.Contains(path, "/.") && !strings.Contains(path, "/%2") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	for i, segment := range segments {
		dots := strings.NewReplacer("%2e", ".", "%2E", ".").Replace(segment)
		switch {
		case dots == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case dots != "." && dots != "..":
			kept = append(kept, segment)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "") // a path that ends in dots is a folder's
		}
	}
	return "/" + strings.Join(kept, "/")
}
