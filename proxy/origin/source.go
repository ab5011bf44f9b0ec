package origin

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// location is where a source is: at a URL of http or https, in a bucket, in a file of the folder of local
// sources, or among Config.Images. One of these is set.
type location struct {
	url         *url.URL
	object      Object
	file, image string
}

// imageScheme is that of Config.Images.
const imageScheme = "fallback"

// identity is the one spelling of all sources that are there.
func (l location) identity() string {
	switch {
	case l.url != nil:
		return canonicalURL(l.url)
	case l.object != (Object{}):
		return l.object.identity()
	case l.image != "":
		return imageScheme + "://" + l.image
	}
	return "local:///" + l.file
}

// parseSource reads a source, after it was rewritten.
func (f *Fetcher) parseSource(source string) (location, error) {
	resolved, in := f.rewriter.resolve(source)
	at, err := f.parseResolved(resolved)
	if err == nil && in != (folder{}) && !strings.HasPrefix(at.identity(), in.identity) {
		err = errOutside
	}
	return at, err
}

// parseResolved is parseSource of a source that needs no rewrite.
func (f *Fetcher) parseResolved(source string) (at location, err error) {
	switch scheme := schemeOf(source); scheme {
	case "http", "https":
		at.url, err = parseURL(source, url.Parse)
	case "s3", "gs", "abs":
		at.object, err = f.accounts.readObject(scheme, source[len(scheme)+1:])
	case "local":
		at.file, err = f.localName(source[len("local:"):])
	case imageScheme:
		at.image = strings.TrimPrefix(source[len(imageScheme):], "://")
		if _, ok := f.cfg.Images[at.image]; !ok {
			err = errScheme
		}
	case "":
		err = errNoScheme
	case "swift": // one of imgproxy's
		err = errSwift
	default:
		err = errScheme
	}
	return at, err
}

const served = "sources are http://, https://, with --accounts s3://, gs:// and abs://, and with --local-root local:///"

var (
	errNoScheme = fmt.Errorf("%w: the source has no scheme: it must be a full URL such as https://example.com/a.jpg, "+
		"unless --base-url is set", ErrBadSource)
	errSwift  = fmt.Errorf("%w: Swift containers are not supported; %s", ErrSourceNotAllowed, served)
	errScheme = fmt.Errorf("%w: the scheme of the source is not supported; %s", ErrSourceNotAllowed, served)
	errNoRoot = fmt.Errorf("%w: local:/// sources need --local-root", ErrSourceNotAllowed)
	errNotURL = fmt.Errorf("%w: the source is not a valid URL", ErrBadSource)
)

// schemeOf gives the text before the first colon (RFC 3986 §3.1), in lower case.
// A dot is allowed in one, but none is known that has it: example.com:80 is a
// host whose scheme was forgotten.
func schemeOf(source string) string {
	end := strings.IndexByte(source, ':')
	for i := range max(end, 0) {
		c := source[i] | 0x20
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 || !strings.Contains("0123456789+-", source[i:i+1])) {
			return ""
		}
	}
	return strings.ToLower(source[:max(end, 0)])
}

// localName is the name that a local source has in the folder. It is taken as
// it is: what was percent-encoded in the outer URL is decoded by now.
func (f *Fetcher) localName(rest string) (string, error) {
	if f.cfg.Local == nil {
		return "", errNoRoot
	}
	name, ok := strings.CutPrefix(rest, "///")
	if !ok || !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("%w: a local source must look like local:///path/to/file, without . and .. segments",
			ErrBadSource)
	}
	return name, nil
}

// parseURL reads what people call a URL: spaces, letters of any script and
// lone percent signs are encoded as a browser would, and dot segments removed;
// what is encoded stays as it is otherwise. The fragment is dropped. read is
// url.Parse, or URL.Parse of a base.
func parseURL(s string, read func(string) (*url.URL, error)) (*url.URL, error) {
	s, _, _ = strings.Cut(s, "#")
	path, query, asks := strings.Cut(s, "?")
	if path = percentEncode(path, inPath); asks {
		path += "?" + percentEncode(query, inQuery)
	}
	u, err := read(path)
	if err != nil {
		return nil, errNotURL
	}
	u.Fragment, u.RawFragment = "", ""
	if given := u.EscapedPath(); withoutDots(given) != given {
		// The request has the encoded path.
		u.RawPath = withoutDots(given)
		if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
			return nil, errNotURL
		}
	}
	return u, canonicalHost(u)
}

// Characters of ASCII that are encoded besides control characters and spaces. A query
// may be signed by the origin, so only those are that no request line can hold.
const (
	inPath  = "\"<>\\^`{|}"
	inQuery = "\"<>"
)

// percentEncode percent-encodes control characters, spaces, all that is not ASCII,
// the special characters, and percent signs that encode nothing.
func percentEncode(s, special string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		lone := c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]))
		if lone || c <= ' ' || c >= 0x7f || strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// canonicalHost brings the host of a URL to the one form that it is looked up
// and compared in: ASCII, lower case, an address as RFC 5952 writes it. It accepts
// addresses that are not public: the guard refuses them, behind DNS.
func canonicalHost(u *url.URL) error {
	host, port := u.Hostname(), u.Port()
	switch {
	case u.User != nil:
		return fmt.Errorf("%w: the source must not contain a user name or a password", ErrBadSource)
	case host == "":
		return fmt.Errorf("%w: the source has no host", ErrBadSource)
	case strings.Contains(host, "%"):
		return fmt.Errorf("%w: the IPv6 address of the source must not have a zone", ErrBadSource)
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%w: the port of the source must be 1 to 65535", ErrBadSource)
		}
		port = strconv.FormatUint(n, 10)
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return fmt.Errorf("%w: the host of the source is not a valid domain name", ErrBadSource)
		}
		host = ascii
	}
	host = strings.ToLower(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	} else if endsInNumber(host) || strings.Contains(host, ":") {
		return fmt.Errorf("%w: the host of the source is a number but not a valid IP address", ErrBadSource)
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	return nil
}

// endsInNumber says that a host ends in a number: some resolvers take 127.1,
// 0x7f000001 and 2130706433 for addresses, so those are no names
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
