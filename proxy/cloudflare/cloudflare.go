package cloudflare

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// Config configures a Dialect.
type Config struct {
	// Path is where the targets are, with a slash at both ends: "/cdn-cgi/image/".
	Path string
	// Files says that sources without a scheme are files, whose names have no escapes and no query.
	Files bool
	// Rules bound what targets may ask for; nil for no bounds.
	Rules *signedurl.UnsignedRules
}

// Dialect reads targets. It is safe for concurrent use.
type Dialect struct{ cfg Config }

// New makes a Dialect.
func New(cfg Config) *Dialect { return &Dialect{cfg} }

// Parse reads what follows the path in a target, with its query, which is that of the source. Errors
// wrap those of signedurl: ErrMalformed, ErrUnknownOption, ErrBadArgument or ErrUnsigned.
func (d *Dialect) Parse(rest string) (signedurl.Request, error) {
	options, source, ok := strings.Cut(rest, "/")
	if !ok || source == "" || !strings.Contains(options, "=") {
		return signedurl.Request{}, fmt.Errorf("%w: an image URL of Cloudflare looks like "+
			"%swidth=300,format=auto/SOURCE", signedurl.ErrMalformed, d.cfg.Path)
	}
	p := &parser{brightness: 1, contrast: 1}
	for text := range strings.SplitSeq(options, ",") {
		if err := p.apply(text); err != nil {
			return signedurl.Request{}, err
		}
	}
	if err := p.finish(); err != nil {
		return signedurl.Request{}, err
	}
	var err error
	if p.r.Source, err = d.readSource(source); err != nil {
		return signedurl.Request{}, err
	}
	if p.r.Params, err = p.r.Params.Normalize(); err != nil {
		return signedurl.Request{}, fmt.Errorf("%w: %v", signedurl.ErrBadArgument, err)
	}
	if d.cfg.Rules == nil {
		return p.r, nil
	}
	return p.bounded(*d.cfg.Rules)
}

// OnError is where a browser may go instead of an error: to the source, where the target says so
// (onerror=redirect) and the source is on the same site; "" for nowhere.
func OnError(rest string) string {
	options, source, ok := strings.Cut(rest, "/")
	if !ok || isAbsolute(source) || strings.HasPrefix(source, "/") || strings.HasPrefix(source, `\`) {
		return ""
	}
	for text := range strings.SplitSeq(options, ",") {
		if text == "onerror=redirect" {
			return "/" + source
		}
	}
	return ""
}

// isAbsolute says whether a source has a scheme of HTTP, as it is or escaped.
func isAbsolute(source string) bool {
	lower := strings.ToLower(schemeOf(source))
	for _, prefix := range []string{"http:", "https:", "http%3a", "https%3a"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return false
}

// schemeOf is what may be the scheme of a source and its colon.
func schemeOf(source string) string { return source[:min(len(source), len("https%3a"))] }

// readSource reads a source: an absolute URL, or a path of the site.
func (d *Dialect) readSource(text string) (string, error) {
	wrong := fmt.Errorf("%w: the source URL contains control characters or is not UTF-8", signedurl.ErrMalformed)
	absolute := isAbsolute(text)
	if escaped := absolute && strings.Contains(schemeOf(text), "%"); escaped || !absolute && d.cfg.Files {
		if !absolute {
			text, _, _ = strings.Cut(text, "?")
		}
		plain, err := url.PathUnescape(text)
		if err != nil {
			return "", wrong
		}
		text = plain
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "", wrong
	}
	if !absolute {
		return "/" + strings.TrimLeft(text, "/"), nil
	}
	scheme, rest, _ := strings.Cut(text, ":")
	return scheme + "://" + strings.TrimLeft(rest, "/"), nil // proxies fold slashes
}

// bounded refuses what the rules do not list.
func (p *parser) bounded(rules signedurl.UnsignedRules) (signedurl.Request, error) {
	if p.unbounded != "" {
		return signedurl.Request{}, fmt.Errorf("%w: option %s has too many values to be used (--insecure)",
			signedurl.ErrUnsigned, p.unbounded)
	}
	base := p.r // fit, named gravity, anim, metadata and what follows from the format
	base.Source, base.Auto = "", false
	base.Params.Width, base.Params.Height = 0, 0
	base.Params.DPR = 0
	base.Params.Quality, base.Params.Format = 0, transform.FormatUnknown
	return rules.Bound(p.r, base)
}
