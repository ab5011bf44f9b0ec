package imaginary

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// params are the parameters of one operation. The first error of a read stays, and what is read after it is nothing.
type params struct {
	values map[string]string
	err    error
}

func (p *params) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", signedurl.ErrBadArgument, fmt.Sprintf(format, args...))
	}
}

// text is a parameter as it is; "" where it is missing.
func (p *params) text(name string) string {
	s := p.values[name]
	if !isText(s) {
		p.fail("%s contains control characters, or is not UTF-8", name)
		return ""
	}
	return s
}

// isText says that a text is UTF-8 without control characters.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// number is a parameter as a number without a sign; 0 where it is missing. Negative ones lose their sign.
func (p *params) number(name string, most float64) float64 {
	s := p.text(name)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if v = math.Abs(v); err != nil || !(v <= most) {
		p.fail("%s is %s: set it to a number of at most %v", name, transform.Quote(s), most)
		return 0
	}
	return v
}

// whole is number, rounded.
func (p *params) whole(name string, most int) int {
	return int(math.Floor(p.number(name, float64(most)) + 0.5))
}

// toggle is a parameter as a switch; false where it is missing or empty.
func (p *params) toggle(name string) bool {
	s := p.text(name)
	if s == "" {
		return false
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		p.fail("%s is %s: set it to true or false", name, transform.Quote(s))
	}
	return v
}

// oneOf is a parameter in lower case, one of words or "".
func (p *params) oneOf(name string, words ...string) string {
	s := strings.ToLower(p.text(name))
	for _, w := range append(words, "") {
		if s == w {
			return s
		}
	}
	p.fail("%s %s is not supported; use %s", name, transform.Quote(s), strings.Join(words, ", "))
	return ""
}

// size is the width and height that are asked for; 0 for none.
func (p *params) size() (width, height int) {
	width, height = p.whole("width", transform.MaxDimension), p.whole("height", transform.MaxDimension)
	ratio := strings.Split(strings.TrimSpace(p.text("aspectratio")), ":")
	if ratio[0] == "" || (width == 0) == (height == 0) {
		return width, height
	}
	var sides [2]int
	for i := range sides {
		if len(ratio) > 1 {
			sides[i], _ = strconv.Atoi(ratio[i])
		}
		if sides[i] < 1 || sides[i] > transform.MaxDimension {
			p.fail("aspectratio is %s: write it like 16:9", transform.Quote(strings.Join(ratio, ":")))
			return width, height
		}
	}
	// The division comes first and drops what is left, as its peer's does.
	if width != 0 {
		height = width / sides[0] * sides[1]
	} else {
		width = height / sides[1] * sides[0]
	}
	if max(width, height) > transform.MaxDimension {
		p.fail("aspectratio makes a side of more than %d", transform.MaxDimension)
	}
	return width, height
}

// colour is a parameter of three numbers; false where it is missing.
func (p *params) colour(name string) (c transform.Color, ok bool) {
	s := p.text(name)
	if s == "" {
		return c, false
	}
	parts := strings.Split(s, ",")
	for i, part := range parts {
		v, err := strconv.ParseUint(strings.TrimSpace(part), 10, 8)
		if err != nil || len(parts) != len(c) {
			p.fail("%s is %s: write it like 255,200,150", name, transform.Quote(s))
			return c, false
		}
		c[i] = uint8(v)
	}
	return c, true
}

// anchors are the values of gravity.
var anchors = map[string]transform.Anchor{"": transform.Center, "centre": transform.Center, "center": transform.Center,
	"north": transform.North, "south": transform.South, "east": transform.East, "west": transform.West,
	"smart": transform.Smart}

func (p *params) anchor() transform.Anchor {
	return anchors[p.oneOf("gravity", "centre", "center", "north", "south", "east", "west", "smart")]
}

// autoFormat has the format negotiated.
const autoFormat = "auto"

// applyOutput reads what is about the result of an operation and not its pixels.
func (p *params) applyOutput(r *signedurl.Request) {
	q := &r.Params
	if quality := p.whole("quality", 100); quality > 0 {
		q.Quality = quality
	}
	if effort := p.whole("compression", 9); effort > 0 {
		q.PNG.Effort = effort
	}
	if p.toggle("interlace") {
		q.JPEG.Progressive, q.PNG.Interlaced = true, true
	}
	if p.toggle("palette") {
		q.PNG.Palette = true
	}
	if p.toggle("stripmeta") {
		q.DropCopyright = true
	}
	if p.oneOf("colorspace", "srgb", "bw") == "bw" {
		q.Saturation = transform.Factor{On: true}
	}
	if c, ok := p.colour("background"); ok {
		q.Background = transform.Background{On: true, Color: c}
	}
	name := p.text("type")
	if name == "" {
		return
	}
	if r.Auto = name == autoFormat; r.Auto {
		q.Format = transform.FormatUnknown
		return
	}
	f, ok := transform.ParseOutput(name)
	if !ok {
		p.fail("type %s is not one of %s and auto", transform.Quote(name), transform.FormatNames(transform.Outputs))
	}
	q.Format = f
}
