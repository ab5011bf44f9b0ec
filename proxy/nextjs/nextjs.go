package nextjs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// DefaultPath is where Next.js has these URLs (images.path).
const DefaultPath = "/_next/image"

// DefaultWidths are the widths of Next.js (images.deviceSizes and images.imageSizes), in pixels. 16 is
// one of them until Next.js 15.
func DefaultWidths() (device, image []int) {
	return []int{640, 750, 828, 1080, 1200, 1920, 2048, 3840}, []int{16, 32, 48, 64, 96, 128, 256, 384}
}

// Config configures a Dialect.
type Config struct {
	// Path is where the targets are, DefaultPath or another one.
	Path string
	// Base is the folder that sources without a scheme are in, with a slash at its end; "" leaves
	// them without one.
	Base string
	// Widths, in pixels, and Qualities, 1 to 100, are those that targets may ask for.
	Widths, Qualities []int
	// Formats are negotiated, the preferred one first (images.formats).
	Formats []transform.Format
	// Attachment has browsers save an image that is opened by itself (images.contentDispositionType).
	Attachment bool
	// MinAge is the least time for which a result is fresh (images.minimumCacheTTL); 0 leaves it to
	// the server.
	MinAge time.Duration
	// SVG takes sources that are an SVG (images.dangerouslyAllowSVG). Results are pixels all the same.
	SVG bool
}

// Dialect reads targets. It is safe for concurrent use.
type Dialect struct{ cfg Config }

// New makes a Dialect. It refuses a configuration under which no target could be served.
func New(cfg Config) (*Dialect, error) {
	switch {
	case len(cfg.Widths) == 0:
		return nil, errors.New("there are no widths")
	case len(cfg.Qualities) == 0:
		return nil, errors.New("there are no qualities")
	}
	for _, width := range cfg.Widths {
		if width < 1 || width > transform.MaxDimension {
			return nil, fmt.Errorf("width %d is not 1 to %d", width, transform.MaxDimension)
		}
	}
	for _, quality := range cfg.Qualities {
		if quality < 1 || quality > 100 {
			return nil, fmt.Errorf("quality %d is not 1 to 100", quality)
		}
	}
	return &Dialect{cfg}, nil
}

// Refusal is what Next.js says of a source that its patterns do not match.
const Refusal = `"url" parameter is not allowed`

// Statuses are those of Next.js for codes of errors that have another one elsewhere.
func Statuses() map[string]int {
	return map[string]int{
		"bad-argument": http.StatusBadRequest, "bad-source": http.StatusBadRequest,
		"source-not-allowed": http.StatusBadRequest, "unsupported-type": http.StatusBadRequest,
		"source-too-large": http.StatusRequestEntityTooLarge,
	}
}

// SetHeader gives a response the headers of Next.js. status is hit, miss or stale.
func SetHeader(h http.Header, status string) {
	h["X-Nextjs-Cache"] = []string{strings.ToUpper(status)}
	control := h.Get("Cache-Control")
	if strings.HasPrefix(control, "public, max-age=") && !strings.ContainsAny(control[len("public, "):], ", ") {
		h["Cache-Control"] = []string{control + ", must-revalidate"}
	}
}

// maxURL is the length of the longest url parameter, in UTF-16 units as in JavaScript.
const maxURL = 3072

// parameters are those of a query, each as often as it is there. Others have no meaning.
type parameters struct{ url, w, q []string }

// readParameters reads a query as forms are: a plus is a blank.
func readParameters(query string) (p parameters, err error) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		var list *[]string
		switch name {
		case "url":
			list = &p.url
		case "w":
			list = &p.w
		case "q":
			list = &p.q
		default:
			continue
		}
		plain, err := url.QueryUnescape(value)
		if err != nil || !utf8.ValidString(plain) {
			return p, refuse("%q parameter is invalid", name)
		}
		*list = append(*list, plain)
	}
	return p, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", signedurl.ErrBadArgument, fmt.Sprintf(format, args...))
}

// one is the value of a parameter that must be there once.
func one(label string, values []string) (string, error) {
	switch {
	case len(values) > 1:
		return "", refuse("%s cannot be an array", label)
	case len(values) == 0 || values[0] == "":
		return "", refuse("%s is required", label)
	}
	return values[0], nil
}

// Parse reads what follows the path in a target, with its query. Errors wrap
// signedurl.ErrBadArgument and have the sentences of Next.js, or signedurl.ErrMalformed.
func (d *Dialect) Parse(rest string) (r signedurl.Request, err error) {
	path, query, _ := strings.Cut(rest, "?")
	if path != "" && path != "/" {
		return r, fmt.Errorf("%w: an image URL of Next.js looks like %s?url=SOURCE&w=WIDTH&q=QUALITY",
			signedurl.ErrMalformed, d.cfg.Path)
	}
	p, err := readParameters(query)
	if err != nil {
		return r, err
	}
	source, err := d.readSource(p.url)
	if err != nil {
		return r, err
	}
	width, err := readNumber(`"w" parameter (width)`, "must be an integer greater than 0", p.w, d.cfg.Widths, 0)
	if err != nil {
		return r, err
	}
	quality, err := readNumber(`"q" parameter (quality)`, "must be an integer between 1 and 100", p.q,
		d.cfg.Qualities, 100)
	if err != nil {
		return r, err
	}
	r = signedurl.Request{Source: source, Auto: true, SavedAs: signedurl.SavedAs{Attachment: d.cfg.Attachment},
		Terms: signedurl.Terms{MinAge: int64(d.cfg.MinAge / time.Second)}}
	if !d.cfg.SVG {
		r.Terms.Refused = transform.FormatSetOf([]transform.Format{transform.SVG})
	}
	r.Params.Width = width
	d.setQuality(&r.Params, quality)
	if r.Params, err = r.Params.Normalize(); err != nil {
		return signedurl.Request{}, refuse("%v", err)
	}
	return r, nil
}

// setQuality sets the quality of each format. Next.js' is that of WebP and JPEG; its AVIF has five
// eighths of it, which look alike.
func (d *Dialect) setQuality(p *transform.Params, quality int) {
	if !slices.Contains(d.cfg.Formats, transform.AVIF) {
		p.Quality = quality
		return
	}
	for _, f := range transform.Outputs {
		p.FormatQuality[f] = uint8(quality)
	}
	p.FormatQuality[transform.AVIF] = uint8(max((quality*5+4)/8, 1))
}

// readNumber reads a number that must be in a list. most is the largest that any list may have; 0 for
// no such bound.
func readNumber(label, form string, values []string, list []int, most int) (int, error) {
	text, err := one(label, values)
	if err != nil {
		return 0, err
	}
	if strings.Trim(text, "0123456789") != "" || strings.Trim(text, "0") == "" {
		return 0, refuse("%s %s", label, form)
	}
	n, err := strconv.Atoi(text)
	switch {
	case most > 0 && (err != nil || n > most):
		return 0, refuse("%s %s", label, form)
	case err != nil || !slices.Contains(list, n):
		return 0, refuse("%s of %.20s is not allowed", label, text)
	}
	return n, nil
}

// recursive is a path of the image optimizer itself.
var recursive = regexp.MustCompile(`/_next/image($|/)`)

// readSource reads the source of an image.
func (d *Dialect) readSource(values []string) (string, error) {
	text, err := one(`"url" parameter`, values)
	switch {
	case err != nil:
		return "", err
	case len(text) > maxURL && len(utf16.Encode([]rune(text))) > maxURL:
		return "", refuse(`"url" parameter is too long`)
	case strings.HasPrefix(text, "//"):
		return "", refuse(`"url" parameter cannot be a protocol-relative URL (//)`)
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "", refuse(`"url" parameter is invalid`)
	case text[0] == '/':
		return d.readLocal(text)
	}
	scheme, _, ok := strings.Cut(text, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", refuse(`"url" parameter is invalid`)
	}
	return text, nil
}

// readLocal reads a source of the site itself, "/photo.jpg".
func (d *Dialect) readLocal(text string) (string, error) {
	path, _, _ := strings.Cut(text, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return "", refuse(`"url" parameter is invalid`)
	}
	if own, ok := strings.CutPrefix(plain, strings.TrimSuffix(d.cfg.Path, "/")); recursive.MatchString(plain) ||
		ok && (own == "" || own[0] == '/') {
		return "", refuse(`"url" parameter cannot be recursive`)
	}
	if strings.HasPrefix(d.cfg.Base, "local:") {
		text = plain // a file has no escapes and no query
	}
	if d.cfg.Base == "" {
		return text, nil
	}
	return d.cfg.Base + strings.TrimLeft(text, "/"), nil
}
