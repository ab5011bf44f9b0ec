package thumbor

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// filterCall is one filter with its arguments, as they are in the path.
type filterCall struct {
	name string
	args []string
}

// readFilters reads the filters' segment. thumbor decodes the segment after cutting it
// out; imagor does not.
func (p *parser) readFilters() []filterCall {
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
func cutCalls(body string) (calls []filterCall, rest string, ok bool) {
	for {
		open := strings.IndexAny(body, "(/")
		if open < 0 || body[open] != '(' {
			break
		}
		end := closingBracket(body, open)
		if end < 0 {
			return nil, "", false // not closed: it is no list of filters
		}
		name, _ := strings.CutPrefix(body[:open], ":")
		calls = append(calls, filterCall{name, splitArguments(body[open+1 : end])})
		body = body[end+1:]
		if !strings.HasPrefix(body, ":") {
			break
		}
	}
	rest, ok = strings.CutPrefix(body, "/")
	return calls, rest, ok
}

// closingBracket gives the index of the bracket that closes the one at open, or -1.
func closingBracket(s string, open int) int {
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

// splitArguments splits at commas, and takes blanks and quotes away.
func splitArguments(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	args := strings.Split(s, ",")
	for i, a := range args {
		args[i] = strings.Trim(strings.TrimSpace(a), "'\"")
	}
	return args
}

// argumentAt is the i-th argument, "" where there are fewer.
func (c filterCall) argumentAt(i int) string {
	if i >= len(c.args) {
		return ""
	}
	return c.args[i]
}

// numberAt reads the i-th argument as a number within bounds.
func (c filterCall) numberAt(i int, least, most float64) (float64, bool) {
	return parseWithin(c.argumentAt(i), least, most)
}

// parseWithin reads a number within bounds; NaN is within none.
func parseWithin(s string, least, most float64) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v >= least && v <= most
}

// wholeAt reads the i-th argument as a whole number within bounds.
func (c filterCall) wholeAt(i, least, most int) (int, bool) {
	v, err := strconv.Atoi(c.argumentAt(i))
	return v, err == nil && v >= least && v <= most
}

// percentAt reads the i-th argument as a whole number from -100 to 100.
func (c filterCall) percentAt(i int) (int, bool) { return c.wholeAt(i, -100, 100) }

// applyFilter applies a filter, and ignores one that is unknown.
func (p *parser) applyFilter(c filterCall) {
	if f, ok := sharedFilters[c.name]; ok {
		f(p, c)
		return
	}
	if p.flavor == Imagor {
		if f, ok := imagorFilters[c.name]; ok {
			f(p, c)
		}
	}
}

// sharedFilters are the filters that thumbor and imagor have, each with the meaning of
// the dialect's flavor.
var sharedFilters = map[string]func(*parser, filterCall){
	"quality": func(p *parser, c filterCall) {
		if v, ok := c.wholeAt(0, 0, 100); ok {
			p.r.Params.Quality = v
		}
	},
	"format": func(p *parser, c filterCall) {
		if f, ok := transform.ParseOutput(c.argumentAt(0)); ok {
			p.r.Params.Format = f
		}
	},
	"max_bytes": func(p *parser, c filterCall) {
		if v, ok := c.wholeAt(0, 0, 1<<30); ok {
			p.r.Params.MaxBytes = v
		}
	},
	"max_age": func(p *parser, c filterCall) {
		if v, ok := c.wholeAt(0, 0, math.MaxInt32); ok {
			p.r.MaxAge, p.r.HasMaxAge = int64(v), true
		}
	},
	"blur":             (*parser).setBlur,
	"sharpen":          (*parser).setSharpen,
	"brightness":       (*parser).setBrightness,
	"contrast":         (*parser).setContrast,
	"saturation":       (*parser).setSaturation,
	"rgb":              (*parser).setShift,
	"grayscale":        func(p *parser, _ filterCall) { p.r.Params.Saturation = transform.Factor{On: true} },
	"rotate":           (*parser).setLateRotate,
	"round_corner":     (*parser).setRoundCorner,
	"background_color": (*parser).setBackground,
	"fill":             (*parser).setCanvas,
	"focal":            (*parser).addFocalPoint,
	"proportion":       (*parser).setZoom,
	"stretch":          func(p *parser, _ filterCall) { p.r.Params.Mode = transform.Force },
	"upscale":          func(p *parser, _ filterCall) { p.upscale = true },
	"no_upscale":       func(p *parser, _ filterCall) { p.noUpscale = true },
	"strip_exif":       func(p *parser, _ filterCall) { p.r.Params.DropCopyright = true },
	"strip_icc":        func(*parser, filterCall) {}, // colours are in sRGB anyway
	"cover":            (*parser).setStill,
}

// imagorFilters are filters that only imagor has.
var imagorFilters = map[string]func(*parser, filterCall){
	"attachment": func(p *parser, c filterCall) { p.r.Attachment, p.r.Filename = true, c.argumentAt(0) },
	"expire": func(p *parser, c filterCall) {
		if ms, err := strconv.ParseInt(c.argumentAt(0), 10, 64); err == nil && ms > 0 {
			p.r.Expires = ms / 1000
		}
	},
	"lossless": func(p *parser, _ filterCall) {
		p.r.Params.WebP.Compression, p.r.Params.AVIF.Lossless = transform.Lossless, true
	},
	"max_frames": (*parser).setMaxFrames,
	"page":       (*parser).setPage,
	"orient": func(p *parser, c filterCall) {
		if v, ok := c.wholeAt(0, 0, 270); ok && v%90 == 0 {
			p.r.Params.Rotate = (360 - v) % 360 // theirs are anti-clockwise
		}
	},
	"pixelate": func(p *parser, c filterCall) {
		p.r.Params.Pixelate = 10
		if v, ok := c.wholeAt(0, 1, transform.MaxDimension); ok {
			p.r.Params.Pixelate = v
		}
	},
	"raw": func(p *parser, _ filterCall) { p.r.Params.Raw = true },
	"strip_metadata": func(p *parser, _ filterCall) {
		p.r.Params.DropCopyright = true
	},
	"trim": func(p *parser, c filterCall) {
		p.r.Params.Trim = transform.Trim{On: true, Threshold: trimThreshold(c.argumentAt(0)),
			Corner: c.argumentAt(1) == "bottom-right"}
	},
}

// maxBlur is thumbor's largest radius.
const maxBlur = 150

// setBlur: thumbor has a radius and a sigma, by default the radius; imagor takes the
// last argument as the sigma.
func (p *parser) setBlur(c filterCall) {
	i := len(c.args) - 1
	if i < 0 || i > 1 {
		return
	}
	v, ok := c.numberAt(i, 0, maxBlur)
	if ok && v == 0 && i == 1 {
		v, ok = c.numberAt(0, 0, maxBlur)
	}
	if ok {
		p.r.Params.Blur = v
	}
}

// setSharpen: thumbor has amount, radius and luminance-only, of which pictor uses the
// radius; imagor has a sigma.
func (p *parser) setSharpen(c filterCall) {
	i := 0
	if p.flavor == Thumbor {
		if len(c.args) != 3 {
			return
		}
		i = 1
	}
	if v, ok := c.numberAt(i, 0, 1000); ok {
		p.r.Params.Sharpen = math.Min(v, 10)
	}
}

func (p *parser) setBrightness(c filterCall) {
	if v, ok := c.percentAt(0); ok {
		p.r.Params.Brightness = v * 255 / 100
	}
}

// setContrast: thumbor squares its factor; imagor has the curve of image editors.
func (p *parser) setContrast(c filterCall) {
	v, ok := c.percentAt(0)
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

// setSaturation: thumbor's is a factor, imagor's a percentage more or less.
func (p *parser) setSaturation(c filterCall) {
	v, ok := c.numberAt(0, 0, 255)
	if p.flavor == Imagor {
		v, ok = c.numberAt(0, -100, 100)
		v = 1 + v/100
	}
	if ok {
		p.r.Params.Saturation = transform.Factor{On: true, By: v}
	}
}

func (p *parser) setShift(c filterCall) {
	var shift [3]int
	for i := range shift {
		v, ok := c.percentAt(i)
		if !ok {
			return
		}
		shift[i] = v * 255 / 100
	}
	p.r.Params.Shift = shift
}

// setLateRotate rotates anti-clockwise, after the image has its size.
func (p *parser) setLateRotate(c filterCall) {
	if v, ok := c.wholeAt(0, -3600, 3600); ok && v%90 == 0 {
		p.r.Params.LateRotate = ((-v)%360 + 360) % 360
	}
}

// setRoundCorner: thumbor has a radius, or two as a|b, and a colour in three numbers;
// imagor has one or two radii and a colour. pictor has one radius, and corners are
// transparent where the format has transparency.
func (p *parser) setRoundCorner(c filterCall) {
	first, _, _ := strings.Cut(c.argumentAt(0), "|")
	v, sound := parseWithin(first, 0, transform.MaxDimension)
	if !sound {
		return
	}
	colour, ok := transform.Color{}, false
	if p.flavor == Thumbor {
		ok = true
		for i := range colour {
			n, isNumber := c.wholeAt(i+1, 0, 255)
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

func (p *parser) setBackground(c filterCall) {
	if colour, ok := parseColor(c.argumentAt(0)); ok {
		p.r.Params.Background = transform.Background{On: true, Color: colour}
	}
}

// setCanvas extends an image that fits in to a canvas of the whole size.
func (p *parser) setCanvas(c filterCall) {
	colour, ok := parseColor(c.argumentAt(0))
	if ok {
		p.r.Params.Background = transform.Background{On: true, Color: colour}
	}
	if p.fitIn && (ok || strings.EqualFold(c.argumentAt(0), "transparent") ||
		strings.EqualFold(c.argumentAt(0), "none")) {
		p.r.Params.Extend.On = true
	}
}

// addFocalPoint adds a region LxT:RxB, with imagor also a point X,Y. Numbers are pixels
// of the source, with imagor also shares of its sides.
func (p *parser) addFocalPoint(c filterCall) {
	m := cropForm.FindStringSubmatch(c.argumentAt(0))
	var f [4]float64
	switch {
	case m != nil:
		for i := range f {
			f[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
	case p.flavor == Imagor && len(c.args) == 2:
		x, okX := c.numberAt(0, 0, transform.MaxDimension)
		y, okY := c.numberAt(1, 0, transform.MaxDimension)
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

// setZoom: thumbor has a share; imagor has a percentage, or a share of at most 1.
func (p *parser) setZoom(c filterCall) {
	v, ok := c.numberAt(0, 0, 100)
	if p.flavor == Imagor && v > 1 {
		v /= 100
	}
	if ok && v > 0 && v <= 1 {
		p.r.Params.ZoomX, p.r.Params.ZoomY = v, v
	}
}

// colourNames are the colours of CSS 1, which both peers know by name, and some more.
var colourNames = map[string]transform.Color{
	"black": {0, 0, 0}, "silver": {192, 192, 192}, "gray": {128, 128, 128}, "grey": {128, 128, 128},
	"white":  {255, 255, 255},
	"maroon": {128, 0, 0}, "red": {255, 0, 0}, "purple": {128, 0, 128}, "fuchsia": {255, 0, 255},
	"magenta": {255, 0, 255},
	"green":   {0, 128, 0}, "lime": {0, 255, 0}, "olive": {128, 128, 0}, "yellow": {255, 255, 0}, "navy": {0, 0, 128},
	"blue": {0, 0, 255},
	"teal": {0, 128, 128}, "aqua": {0, 255, 255}, "cyan": {0, 255, 255}, "orange": {255, 165, 0},
	"pink": {255, 192, 203}, "brown": {165, 42, 42},
}

func parseColor(s string) (transform.Color, bool) {
	if c, ok := colourNames[strings.ToLower(s)]; ok {
		return c, true
	}
	c, err := transform.ParseColor(strings.TrimPrefix(s, "#"))
	return c, err == nil
}
