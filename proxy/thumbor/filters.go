package thumbor

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// call is one filter with its arguments, as they stand.
type call struct {
	name string
	args []string
}

// filters takes the filters' segment. thumbor decodes what it has cut out as
// filters; imagor reads them as they stand.
func (p *parser) filters() []call {
	body, ok := strings.CutPrefix(p.rest, "filters:")
	if !ok {
		return nil
	}
	calls, rest, ok := cutCalls(body)
	if !ok {
		return nil
	}
	p.rest = rest
	if decoded, err := url.PathUnescape(body[:len(body)-len(rest)]); err == nil && p.flavor == Thumbor {
		if again, _, ok := cutCalls(decoded); ok {
			return again
		}
	}
	return calls
}

// cutCalls takes filters and the slash behind them. They end at the bracket that
// closes the last one, as arguments may hold slashes; brackets inside of
// arguments are paired.
func cutCalls(body string) (calls []call, rest string, ok bool) {
	for {
		open := strings.IndexAny(body, "(/")
		if open < 0 || body[open] != '(' {
			break
		}
		end := closing(body, open)
		if end < 0 {
			return nil, "", false // not closed: it is no list of filters
		}
		name, _ := strings.CutPrefix(body[:open], ":")
		calls = append(calls, call{name, arguments(body[open+1 : end])})
		body = body[end+1:]
		if !strings.HasPrefix(body, ":") {
			break
		}
	}
	rest, ok = strings.CutPrefix(body, "/")
	return calls, rest, ok
}

// closing finds the bracket that closes the one at open.
func closing(s string, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// arguments splits at commas, and takes blanks and quotes away.
func arguments(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	args := strings.Split(s, ",")
	for i, a := range args {
		args[i] = strings.Trim(strings.TrimSpace(a), "'\"")
	}
	return args
}

// at is an argument, or nothing where there are not so many.
func (c call) at(i int) string {
	if i >= len(c.args) {
		return ""
	}
	return c.args[i]
}

// number reads an argument within bounds.
func (c call) number(i int, least, most float64) (float64, bool) { return within(c.at(i), least, most) }

// within reads a number within bounds, which "NaN" is not.
func within(s string, least, most float64) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v >= least && v <= most
}

// whole is number of a whole one.
func (c call) whole(i, least, most int) (int, bool) {
	v, err := strconv.Atoi(c.at(i))
	return v, err == nil && v >= least && v <= most
}

// percent is a whole number from -100 to 100.
func (c call) percent(i int) (int, bool) { return c.whole(i, -100, 100) }

// filter does one; what it does not understand it leaves.
func (p *parser) filter(c call) {
	if f, ok := both[c.name]; ok {
		f(p, c)
		return
	}
	if p.flavor == Imagor {
		if f, ok := imagorOnly[c.name]; ok {
			f(p, c)
		}
	}
}

// both are the filters that both peers know, each with the flavor's meaning.
var both = map[string]func(*parser, call){
	"quality": func(p *parser, c call) {
		if v, ok := c.whole(0, 0, 100); ok {
			p.r.Params.Quality = v
		}
	},
	"format": func(p *parser, c call) {
		if f, ok := transform.ParseFormat(c.at(0)); ok {
			p.r.Params.Format = f
		}
	},
	"max_bytes": func(p *parser, c call) {
		if v, ok := c.whole(0, 0, 1<<30); ok {
			p.r.Params.MaxBytes = v
		}
	},
	"max_age": func(p *parser, c call) {
		if v, ok := c.whole(0, 0, math.MaxInt32); ok {
			p.r.MaxAge, p.r.HasMaxAge = int64(v), true
		}
	},
	"blur":             (*parser).blur,
	"sharpen":          (*parser).sharpen,
	"brightness":       (*parser).brightness,
	"contrast":         (*parser).contrast,
	"saturation":       (*parser).saturation,
	"rgb":              (*parser).rgb,
	"grayscale":        func(p *parser, _ call) { p.r.Params.Saturation = transform.Factor{On: true} },
	"rotate":           (*parser).rotate,
	"round_corner":     (*parser).roundCorner,
	"background_color": (*parser).background,
	"fill":             (*parser).fill,
	"focal":            (*parser).focalPoint,
	"proportion":       (*parser).proportion,
	"stretch":          func(p *parser, _ call) { p.r.Params.Mode = transform.Force },
	"upscale":          func(p *parser, _ call) { p.upscale = true },
	"no_upscale":       func(p *parser, _ call) { p.noUpscale = true },
	"strip_exif":       func(p *parser, _ call) { p.r.Params.DropCopyright = true },
	"strip_icc":        func(*parser, call) {}, // colours are in sRGB anyway
}

// imagorOnly are those that imagor has besides.
var imagorOnly = map[string]func(*parser, call){
	"attachment": func(p *parser, c call) { p.r.Attachment, p.r.Filename = true, c.at(0) },
	"expire": func(p *parser, c call) {
		if ms, err := strconv.ParseInt(c.at(0), 10, 64); err == nil && ms > 0 {
			p.r.Expires = ms / 1000
		}
	},
	"lossless": func(p *parser, _ call) {
		p.r.Params.WebP.Compression, p.r.Params.AVIF.Lossless = transform.Lossless, true
	},
	"orient": func(p *parser, c call) {
		if v, ok := c.whole(0, 0, 270); ok && v%90 == 0 {
			p.r.Params.Rotate = (360 - v) % 360 // theirs are anti-clockwise
		}
	},
	"pixelate": func(p *parser, c call) {
		p.r.Params.Pixelate = 10
		if v, ok := c.whole(0, 1, transform.MaxDimension); ok {
			p.r.Params.Pixelate = v
		}
	},
	"raw": func(p *parser, _ call) { p.r.Params.Raw = true },
	"strip_metadata": func(p *parser, _ call) {
		p.r.Params.DropCopyright = true
	},
	"trim": func(p *parser, c call) {
		p.r.Params.Trim = transform.Trim{On: true, Threshold: tolerance(c.at(0)), Corner: c.at(1) == "bottom-right"}
	},
}

// maxBlur is thumbor's largest radius.
const maxBlur = 150

// blur: thumbor has a radius, and a sigma that is the radius where there is
// none; imagor has the sigma, last of what is given.
func (p *parser) blur(c call) {
	i := len(c.args) - 1
	if i < 0 || i > 1 {
		return
	}
	v, ok := c.number(i, 0, maxBlur)
	if ok && v == 0 && i == 1 {
		v, ok = c.number(0, 0, maxBlur)
	}
	if ok {
		p.r.Params.Blur = v
	}
}

// sharpen: thumbor has amount, radius and luminance-only, of which the radius
// is what there is here; imagor a sigma.
func (p *parser) sharpen(c call) {
	i := 0
	if p.flavor == Thumbor {
		if len(c.args) != 3 {
			return
		}
		i = 1
	}
	if v, ok := c.number(i, 0, 1000); ok {
		p.r.Params.Sharpen = math.Min(v, 10)
	}
}

func (p *parser) brightness(c call) {
	if v, ok := c.percent(0); ok {
		p.r.Params.Brightness = v * 255 / 100
	}
}

// contrast: thumbor squares its factor; imagor has the curve that editors of
// pictures share.
func (p *parser) contrast(c call) {
	v, ok := c.percent(0)
	if !ok {
		return
	}
	f := math.Pow(1+float64(v)/100, 2)
	if p.flavor == Imagor {
		a := float64(v) * 255 / 100
		f = 259 * (a + 255) / (255 * (259 - a))
	}
	p.r.Params.Contrast = transform.Factor{On: true, By: f}
}

// saturation: thumbor's is a factor, imagor's a percentage more or less.
func (p *parser) saturation(c call) {
	v, ok := c.number(0, 0, 255)
	if p.flavor == Imagor {
		v, ok = c.number(0, -100, 100)
		v = 1 + v/100
	}
	if ok {
		p.r.Params.Saturation = transform.Factor{On: true, By: v}
	}
}

func (p *parser) rgb(c call) {
	var shift [3]int
	for i := range shift {
		v, ok := c.percent(i)
		if !ok {
			return
		}
		shift[i] = v * 255 / 100
	}
	p.r.Params.Shift = shift
}

// rotate is anti-clockwise, when the size has been met.
func (p *parser) rotate(c call) {
	if v, ok := c.whole(0, -3600, 3600); ok && v%90 == 0 {
		p.r.Params.LateRotate = ((-v)%360 + 360) % 360
	}
}

// roundCorner: thumbor has a radius, or two as a|b, and a colour in three
// numbers; imagor one or two radii and a colour. There is one radius here, and
// corners are transparent where the format can.
func (p *parser) roundCorner(c call) {
	first, _, _ := strings.Cut(c.at(0), "|")
	v, sound := within(first, 0, transform.MaxDimension)
	if !sound {
		return
	}
	colour, ok := transform.Color{}, false
	if p.flavor == Thumbor {
		ok = true
		for i := range colour {
			n, isNumber := c.whole(i+1, 0, 255)
			ok = ok && isNumber
			colour[i] = uint8(n)
		}
		if !ok {
			return // it needs its colour
		}
	} else if len(c.args) > 1 {
		colour, ok = parseColor(c.args[len(c.args)-1])
	}
	p.r.Params.Radius = v
	if ok {
		p.r.Params.Background = transform.Background{On: true, Color: colour}
	}
}

func (p *parser) background(c call) {
	if colour, ok := parseColor(c.at(0)); ok {
		p.r.Params.Background = transform.Background{On: true, Color: colour}
	}
}

// fill lays a picture that fits in on a canvas of the whole size.
func (p *parser) fill(c call) {
	colour, ok := parseColor(c.at(0))
	if ok {
		p.r.Params.Background = transform.Background{On: true, Color: colour}
	}
	if p.fitIn && (ok || strings.EqualFold(c.at(0), "transparent") || strings.EqualFold(c.at(0), "none")) {
		p.r.Params.Extend.On = true
	}
}

// focalPoint: a region LxT:RxB, of imagor also a point X,Y; in pixels of the
// source, of imagor also in shares.
func (p *parser) focalPoint(c call) {
	m := cropForm.FindStringSubmatch(c.at(0))
	var f [4]float64
	switch {
	case m != nil:
		for i := range f {
			f[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
	case p.flavor == Imagor && len(c.args) == 2:
		x, okX := c.number(0, 0, transform.MaxDimension)
		y, okY := c.number(1, 0, transform.MaxDimension)
		if !okX || !okY {
			return
		}
		f = [4]float64{x, y, x, y}
	default:
		return
	}
	for i := range f {
		f[i] = math.Min(f[i], transform.MaxDimension)
	}
	p.focal = append(p.focal, f)
}

// proportion: thumbor has a share, imagor a percentage, of which one up to 1
// is a share, too.
func (p *parser) proportion(c call) {
	v, ok := c.number(0, 0, 100)
	if p.flavor == Imagor && v > 1 {
		v /= 100
	}
	if ok && v > 0 && v <= 1 {
		p.r.Params.ZoomX, p.r.Params.ZoomY = v, v
	}
}

// names are the colours of CSS 1, which both peers know by name, and some more.
var names = map[string]transform.Color{
	"black": {0, 0, 0}, "silver": {192, 192, 192}, "gray": {128, 128, 128}, "grey": {128, 128, 128}, "white": {255, 255, 255},
	"maroon": {128, 0, 0}, "red": {255, 0, 0}, "purple": {128, 0, 128}, "fuchsia": {255, 0, 255}, "magenta": {255, 0, 255},
	"green": {0, 128, 0}, "lime": {0, 255, 0}, "olive": {128, 128, 0}, "yellow": {255, 255, 0}, "navy": {0, 0, 128}, "blue": {0, 0, 255},
	"teal": {0, 128, 128}, "aqua": {0, 255, 255}, "cyan": {0, 255, 255}, "orange": {255, 165, 0}, "pink": {255, 192, 203}, "brown": {165, 42, 42},
}

func parseColor(s string) (transform.Color, bool) {
	if c, ok := names[strings.ToLower(s)]; ok {
		return c, true
	}
	c, err := transform.ParseColor(strings.TrimPrefix(s, "#"))
	return c, err == nil
}
