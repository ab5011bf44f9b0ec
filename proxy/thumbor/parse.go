package thumbor

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// Parse reads a path that Verify has checked. Errors wrap signedurl.ErrMalformed or
// signedurl.ErrBadArgument; filters that are not understood are no errors.
//
// As imagor does, it reads an unsafe path decoded that makes no sense as it is
// (cshum/imagor#258). A hash says which spelling is meant.
func (d *Dialect) Parse(v Verified) (signedurl.Request, error) {
	r, err := d.ParseUnsigned(v.rest)
	if !v.unsafe || d.cfg.Flavor != Imagor || err == nil && isURL(r.Source) {
		return r, err
	}
	if decoded, wrong := url.QueryUnescape(v.rest); wrong == nil {
		if other, wrong := d.ParseUnsigned(decoded); wrong == nil && isURL(other.Source) {
			return other, nil
		}
	}
	return r, err
}

// isText says that a text is UTF-8 without control characters.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// isURL says whether a source could be one: "filters:fill(red)/a.png" could not.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Opaque == ""
}

// ParseUnsigned reads a path without regard to a hash: for tools, and for requests that
// give no image. A request for an image is read by Verify and Parse.
func (d *Dialect) ParseUnsigned(rest string) (signedurl.Request, error) {
	if !isText(rest) { // a decoded path may hold anything
		return signedurl.Request{}, fmt.Errorf("%w: the path contains control characters or is not UTF-8",
			signedurl.ErrMalformed)
	}
	p := parser{flavor: d.cfg.Flavor, rest: rest}
	p.readGeometry()
	filters := p.readFilters()
	if err := p.readImage(); err != nil {
		return signedurl.Request{}, err
	}
	for _, f := range filters {
		p.applyFilter(f)
	}
	p.resolveSize()
	params, err := p.r.Params.Normalize()
	if err != nil {
		return signedurl.Request{}, fmt.Errorf("%w: %v", signedurl.ErrBadArgument, err)
	}
	p.r.Params = params
	return p.r, nil
}

type parser struct {
	flavor Flavor
	rest   string
	r      signedurl.Request

	fitIn, sized       bool
	upscale, noUpscale bool
	focal              [][4]float64
	halign, valign     string
	smart              bool
}

// The segments, in the order in which they may stand.
var (
	trimForm    = regexp.MustCompile(`^trim(?::(top-left|bottom-right))?(?::(\d+(?:\.\d+)?))?$`)
	cropForm    = regexp.MustCompile(`^(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)$`)
	fitForm     = regexp.MustCompile(`^(adaptive-)?(full-)?fit-in$`)
	sizeForm    = regexp.MustCompile(`^(-)?(\d+|orig)?x(-)?(\d+|orig)?$`)
	paddingForm = regexp.MustCompile(`^(\d+)x(\d+)(?::(\d+)x(\d+))?$`)
)

// nextSegment moves behind the next segment if take accepts it.
func (p *parser) nextSegment(take func(segment string) bool) bool {
	segment, rest, ok := strings.Cut(p.rest, "/")
	if !ok || !take(segment) {
		return false
	}
	p.rest = rest
	return true
}

// oneOf accepts a segment that is one of words.
func oneOf(words ...string) func(string) bool {
	return func(s string) bool {
		for _, w := range words {
			if s == w {
				return true
			}
		}
		return false
	}
}

// storeOneOf accepts a segment that is one of words, and stores it.
func storeOneOf(to *string, words ...string) func(string) bool {
	return func(s string) bool {
		ok := oneOf(words...)(s)
		if ok {
			*to = s
		}
		return ok
	}
}

// readGeometry reads all segments before the filters.
func (p *parser) readGeometry() {
	params := &p.r.Params
	p.nextSegment(oneOf("debug"))
	if p.nextSegment(oneOf("meta")) {
		p.r.Meta.Form = []string{Thumbor: "thumbor", Imagor: "imagor"}[p.flavor]
	}
	p.nextSegment(p.readTrim)
	p.nextSegment(p.readCrop)
	p.nextSegment(func(s string) bool {
		m := fitForm.FindStringSubmatch(s)
		if m == nil {
			return false
		}
		p.fitIn, params.Adaptive = true, m[1] != ""
		if m[2] != "" {
			params.Mode = transform.Cover
		}
		return true
	})
	if !p.fitIn {
		params.Mode = transform.Fill
		if p.nextSegment(oneOf("stretch")) {
			params.Mode = transform.Force
		}
	}
	p.nextSegment(p.readSize)
	if p.flavor == Imagor {
		p.nextSegment(p.readPadding)
	}
	p.nextSegment(storeOneOf(&p.halign, "left", "center", "right"))
	p.nextSegment(storeOneOf(&p.valign, "top", "middle", "bottom"))
	p.smart = p.nextSegment(oneOf("smart"))
}

func (p *parser) readTrim(s string) bool {
	m := trimForm.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	t := &p.r.Params.Trim
	t.On, t.Corner = true, m[1] == "bottom-right"
	t.Threshold = trimThreshold(m[2])
	return true
}

// trimThreshold converts a distance in the cube of colours, 0 to 442, into one of each
// channel, at least 1: the border of a JPEG is never quite of one colour.
func trimThreshold(s string) float64 {
	v, ok := parseWithin(s, 0, math.Inf(1))
	if !ok {
		v = 0
	}
	return math.Max(1, math.Min(255, math.Round(v/math.Sqrt(3))))
}

func (p *parser) readCrop(s string) bool {
	m := cropForm.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	var v [4]float64
	for i := range v {
		v[i], _ = strconv.ParseFloat(m[i+1], 64) // the form has checked it
		v[i] = math.Min(v[i], transform.MaxDimension)
	}
	if v[2] <= v[0] || v[3] <= v[1] {
		return true // of no area: none
	}
	p.r.Params.Crop = transform.Crop{Width: v[2] - v[0], Height: v[3] - v[1], Own: true,
		Gravity: transform.Gravity{Anchor: transform.NorthWest, X: v[0], Y: v[1]}}
	return true
}

func (p *parser) readSize(s string) bool {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	side := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil { // nothing, or orig: the source's
			return 0
		}
		return min(n, transform.MaxDimension)
	}
	params := &p.r.Params
	params.FlipHorizontal, params.FlipVertical = m[1] != "", m[3] != ""
	params.Width, params.Height = side(m[2]), side(m[4])
	p.sized = params.Width > 0 || params.Height > 0
	return true
}

func (p *parser) readPadding(s string) bool {
	m := paddingForm.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	n := func(i, other int) int {
		if m[i] == "" {
			i = other
		}
		v, _ := strconv.Atoi(m[i]) // too many digits: all of them
		return min(v, transform.MaxDimension)
	}
	p.r.Params.Padding = transform.Padding{Left: n(1, 1), Top: n(2, 2), Right: n(3, 1), Bottom: n(4, 2)}
	return true
}

// readImage reads the source: the rest of the path.
func (p *parser) readImage() error {
	s := p.rest
	if encoded, ok := strings.CutPrefix(s, "b64:"); ok && p.flavor == Imagor {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil {
			return fmt.Errorf("%w: the source after b64: is not base64url", signedurl.ErrMalformed)
		}
		s = string(b)
	} else if decoded, err := url.PathUnescape(s); err == nil {
		s = decoded
	}
	if s == "" || !isText(s) {
		return fmt.Errorf("%w: the source is missing after the options, or its URL contains control characters or "+
			"is not UTF-8", signedurl.ErrMalformed)
	}
	// Proxies fold the slashes behind a scheme.
	for _, scheme := range []string{"http", "https"} {
		if after, ok := strings.CutPrefix(s, scheme+":/"); ok && !strings.HasPrefix(after, "/") {
			s = scheme + "://" + after
		}
	}
	if !strings.Contains(s, "://") {
		s = []string{Thumbor: "http://", Imagor: "https://"}[p.flavor] + strings.TrimLeft(s, "/")
	}
	p.r.Source = s
	return nil
}

// resolveSize sets mode, enlargement and gravity, which depend on several segments.
func (p *parser) resolveSize() {
	params := &p.r.Params
	scaled := p.sized || params.ZoomX > 0
	switch {
	case !scaled && !params.Extend.On:
		if params.Mode != transform.Force {
			params.Mode = transform.Fit
		}
		params.Adaptive = false
	case p.fitIn:
		params.Enlarge = p.upscale
	default:
		params.Enlarge = p.sized && !p.noUpscale
		if params.Width == 0 || params.Height == 0 {
			if params.Mode != transform.Force {
				params.Mode = transform.Fit // with one side there is nothing to fill
			}
		}
	}
	if params.Mode != transform.Fill || p.fitIn {
		return // nothing is cut off, so nothing is to be chosen
	}
	params.Gravity = transform.At(anchorOf(p.halign, p.valign))
	switch {
	case len(p.focal) > 0:
		params.Gravity = p.focalCentre()
	case p.smart:
		params.Gravity = transform.At(transform.Smart)
	}
}

// focalCentre is the centre of all focal points and regions.
func (p *parser) focalCentre() transform.Gravity {
	var x, y float64
	for _, f := range p.focal {
		x, y = x+(f[0]+f[2])/2, y+(f[1]+f[3])/2
	}
	n := float64(len(p.focal))
	return transform.Gravity{Anchor: transform.FocalPoint, X: x / n, Y: y / n}
}

func anchorOf(h, v string) transform.Anchor {
	anchors := map[[2]string]transform.Anchor{
		{"left", "top"}: transform.NorthWest, {"", "top"}: transform.North, {"right", "top"}: transform.NorthEast,
		{"left", ""}: transform.West, {"right", ""}: transform.East,
		{"left", "bottom"}: transform.SouthWest, {"", "bottom"}: transform.South,
		{"right", "bottom"}: transform.SouthEast,
	}
	if h == "center" {
		h = ""
	}
	if v == "middle" {
		v = ""
	}
	return anchors[[2]string{h, v}]
}
