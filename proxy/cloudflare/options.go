package cloudflare

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// parser reads the options of one target.
type parser struct {
	r signedurl.Request
	// unbounded is the first option that has too many values for targets that have bounds.
	unbounded string
	// brightness and contrast multiply, 1 for no change.
	brightness, contrast float64
	pads                 bool
	flip                 string
}

// aliases are the short names.
var aliases = map[string]string{"w": "width", "h": "height", "q": "quality", "f": "format", "g": "gravity",
	"scq": "slow-connection-quality", "face-zoom": "zoom"}

// option is what an option does.
type option struct {
	set func(p *parser, value string) error
	// bounded says that it has few values, or values that rules list.
	bounded bool
}

// options are those that have a counterpart.
var options = map[string]option{
	"width":  {func(p *parser, v string) error { return sideTo(&p.r.Params.Width, v) }, true},
	"height": {func(p *parser, v string) error { return sideTo(&p.r.Params.Height, v) }, true},
	"dpr":    {func(p *parser, v string) error { return decimalTo(&p.r.Params.DPR, v, 0.1, 10) }, true},

	"fit": {(*parser).setFit, true}, "gravity": {(*parser).setGravity, true},
	"quality": {(*parser).setQuality, true}, "format": {(*parser).setFormat, true},
	"anim": {(*parser).setAnim, true}, "metadata": {(*parser).setMetadata, true},

	"background": {(*parser).setBackground, false}, "rotate": {(*parser).setRotate, false},
	"flip": {(*parser).setFlip, false}, "trim": {(*parser).setTrim, false},
	"trim.border.color": {(*parser).setTrimColor, false}, "trim.border.tolerance": {(*parser).setTrimTolerance, false},
	"blur":       {func(p *parser, v string) error { return decimalTo(&p.r.Params.Blur, v, 0, 250) }, false},
	"sharpen":    {func(p *parser, v string) error { return decimalTo(&p.r.Params.Sharpen, v, 0, 10) }, false},
	"brightness": {func(p *parser, v string) error { return decimalTo(&p.brightness, v, 0, 255) }, false},
	"contrast":   {func(p *parser, v string) error { return decimalTo(&p.contrast, v, 0, 255) }, false},
	"saturation": {(*parser).setSaturation, false}, "gamma": {(*parser).setGamma, true},

	// What these say changes nothing: there are no client hints, and Parse is not asked about errors.
	"slow-connection-quality": {func(_ *parser, v string) error { return qualityTo(new(int), v) }, true},
	"compression":             {func(_ *parser, v string) error { return wordIn(v, "fast") }, true},
	"onerror":                 {func(_ *parser, v string) error { return wordIn(v, "redirect") }, true},
	"upscale":                 {func(_ *parser, v string) error { return wordIn(v, "interpolate") }, true},
}

// missing are options of Cloudflare that have no counterpart.
var missing = map[string]bool{"zoom": true, "segment": true, "border": true, "draw": true, "wbreakpoints": true,
	"wmobile": true, "wdesktop": true, "trim.top": true, "trim.left": true, "trim.right": true, "trim.bottom": true,
	"trim.width": true, "trim.height": true, "trim.border.keep": true}

// apply applies one option.
func (p *parser) apply(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if long := aliases[name]; long != "" {
		name = long
	}
	o, known := options[name]
	switch {
	case missing[name]:
		return fmt.Errorf("%w: option %s of Cloudflare has no counterpart here", signedurl.ErrUnknownOption, name)
	case !known:
		return fmt.Errorf("%w: %s is no option of Cloudflare", signedurl.ErrUnknownOption, transform.Quote(name))
	case !ok || value == "":
		return fmt.Errorf("%w: option %s needs a value", signedurl.ErrBadArgument, name)
	}
	plain, err := url.PathUnescape(value)
	if err != nil {
		return fmt.Errorf("%w: invalid percent-encoding in option %s", signedurl.ErrBadArgument, name)
	}
	if err := o.set(p, plain); err != nil {
		return fmt.Errorf("%w: option %s: %v", signedurl.ErrBadArgument, name, err)
	}
	if !o.bounded {
		p.note(name)
	}
	return nil
}

// note notes an option that has too many values.
func (p *parser) note(name string) {
	if p.unbounded == "" {
		p.unbounded = name
	}
}

// finish sets what depends on several options.
func (p *parser) finish() error {
	if p.pads && !p.r.Params.Background.On {
		p.r.Params.Background = transform.Background{On: true, Color: transform.Color{255, 255, 255}}
	}
	if p.r.Params.Format == transform.WebP && p.r.Params.Quality == 100 {
		p.r.Params.WebP.Compression = transform.Lossless
	}
	// The mirrors come first there, and here after a turn.
	across := p.r.Params.Rotate%180 != 0
	p.r.Params.FlipHorizontal = strings.Contains(p.flip, map[bool]string{false: "h", true: "v"}[across])
	p.r.Params.FlipVertical = strings.Contains(p.flip, map[bool]string{false: "v", true: "h"}[across])
	return p.setTone()
}

// setTone sets brightness and contrast. Brightness is a factor there, and an addend after contrast here,
// which multiplies the distance from mid-grey.
func (p *parser) setTone() error {
	const mid = 127.5
	add := math.Round(mid * p.contrast * (p.brightness - 1))
	by := p.contrast * p.brightness
	if math.Abs(add) > 255 || by > 255 {
		return fmt.Errorf("%w: option brightness: %v with a contrast of %v is too much", signedurl.ErrBadArgument,
			p.brightness, p.contrast)
	}
	p.r.Params.Brightness = int(add)
	if by != 1 {
		p.r.Params.Contrast = transform.Factor{On: true, By: by}
	}
	return nil
}

func (p *parser) setFit(value string) error {
	params := &p.r.Params
	params.Mode, params.Enlarge = transform.Fit, false
	params.Extend, p.pads = transform.Extend{}, false
	switch value {
	case "scale-down":
	case "contain":
		params.Enlarge = true
	case "cover":
		params.Mode, params.Enlarge = transform.Fill, true
	case "crop":
		params.Mode = transform.Fill
	case "aspect-crop":
		params.Mode = transform.FillDown
	case "squeeze":
		params.Mode, params.Enlarge = transform.Force, true
	case "pad":
		params.Enlarge, params.Extend.On = true, true
		p.pads = true
	case "scale-up":
		return noCounterpart(value)
	default:
		return notOneOf(value, "scale-down, contain, cover, crop, aspect-crop, pad, squeeze")
	}
	return nil
}

func (p *parser) setGravity(value string) error {
	if anchor, ok := map[string]transform.Anchor{"auto": transform.Smart, "center": transform.Center,
		"left": transform.West, "right": transform.East, "top": transform.North, "bottom": transform.South}[value]; ok {
		p.r.Params.Gravity = transform.At(anchor)
		return nil
	}
	if value == "face" {
		return noCounterpart(value)
	}
	left, top, ok := strings.Cut(value, "x")
	g := transform.Gravity{Anchor: transform.FocalPoint}
	if !ok || decimalTo(&g.X, left, 0, 1) != nil || decimalTo(&g.Y, top, 0, 1) != nil {
		return notOneOf(value, "auto, left, right, top, bottom and 0.5x0.5")
	}
	p.r.Params.Gravity = g
	p.note("gravity")
	return nil
}

func (p *parser) setQuality(value string) error { return qualityTo(&p.r.Params.Quality, value) }

// qualityTo reads a quality, of which Cloudflare has names, too.
func qualityTo(to *int, value string) error {
	if n := map[string]int{"high": 90, "medium-high": 80, "medium-low": 65, "low": 50}[value]; n > 0 {
		*to = n
		return nil
	}
	return wholeTo(to, value, 1, 100)
}

func (p *parser) setFormat(value string) error {
	p.r.Auto, p.r.Params.Format = false, transform.FormatUnknown
	p.r.Params.JPEG = transform.JPEGOptions{}
	switch value {
	case "auto":
		p.r.Auto = true
	case "avif":
		p.r.Params.Format = transform.AVIF
	case "webp":
		p.r.Params.Format = transform.WebP
	case "png":
		p.r.Params.Format = transform.PNG
	case "jpeg":
		p.r.Params.Format, p.r.Params.JPEG.Progressive = transform.JPEG, true
	case "baseline-jpeg":
		p.r.Params.Format = transform.JPEG
	case "json":
		return noCounterpart(value)
	default:
		return notOneOf(value, "auto, avif, webp, jpeg, baseline-jpeg, png")
	}
	return nil
}

func (p *parser) setAnim(value string) error {
	p.r.Params.Still = value == "false"
	return wordIn(value, "true", "false")
}

func (p *parser) setMetadata(value string) error {
	p.r.Params.KeepMetadata, p.r.Params.DropCopyright = value == "keep", value == "none"
	return wordIn(value, "keep", "copyright", "none")
}

func (p *parser) setRotate(value string) error {
	if err := wordIn(value, "0", "90", "180", "270"); err != nil {
		return err
	}
	return wholeTo(&p.r.Params.Rotate, value, 0, 270)
}

func (p *parser) setFlip(value string) error {
	p.flip = value
	return wordIn(value, "h", "v", "hv")
}

func (p *parser) setSaturation(value string) error {
	p.r.Params.Saturation.On = true
	return decimalTo(&p.r.Params.Saturation.By, value, 0, 255)
}

// setGamma takes the two values that change nothing.
func (p *parser) setGamma(value string) error {
	var by float64
	if err := decimalTo(&by, value, 0, 255); err != nil || by == 0 || by == 1 {
		return err
	}
	return noCounterpart(value)
}

// setTrim: the sides in pixels that may be trimmed have no counterpart.
func (p *parser) setTrim(value string) error {
	if value != "border" {
		return noCounterpart(value)
	}
	p.trimBorder()
	return nil
}

// trimBorder is of a threshold as the native dialect's examples have it, unless there is one.
func (p *parser) trimBorder() {
	if !p.r.Params.Trim.On {
		p.r.Params.Trim.On, p.r.Params.Trim.Threshold = true, 10
	}
}

func (p *parser) setTrimColor(value string) error {
	background, err := readColor(value)
	p.trimBorder()
	p.r.Params.Trim.Given, p.r.Params.Trim.Color = true, background.Color
	return err
}

func (p *parser) setTrimTolerance(value string) error {
	p.trimBorder()
	return decimalTo(&p.r.Params.Trim.Threshold, value, 0, 255)
}

func (p *parser) setBackground(value string) (err error) {
	p.r.Params.Background, err = readColor(value)
	return err
}

func noCounterpart(value string) error {
	return fmt.Errorf("the value %s has no counterpart here", transform.Quote(value))
}

func notOneOf(value, list string) error {
	return fmt.Errorf("%s is not one of %s", transform.Quote(value), list)
}

func sideTo(to *int, value string) error { return wholeTo(to, value, 1, transform.MaxDimension) }

func wordIn(value string, words ...string) error {
	for _, word := range words {
		if value == word {
			return nil
		}
	}
	return notOneOf(value, strings.Join(words, ", "))
}

func wholeTo(to *int, value string, least, most int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most || strings.ContainsAny(value, "+-") {
		return fmt.Errorf("%s is not a whole number from %d to %d", transform.Quote(value), least, most)
	}
	*to = n
	return nil
}

func decimalTo(to *float64, value string, least, most float64) error {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v >= least && v <= most) || strings.Trim(value, "0123456789.") != "" {
		return fmt.Errorf("%s is not a number from %v to %v", transform.Quote(value), least, most)
	}
	*to = v
	return nil
}
