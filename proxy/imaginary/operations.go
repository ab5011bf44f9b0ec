package imaginary

import (
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

const (
	pipelineName   = "pipeline"
	autorotateName = "autorotate"
	// infoName tells of a source, whatever its parameters are.
	infoName = "info"
)

// operations are those with a size, a place or an effect, by their names. Each sets what it makes of an image as a step
// of a chain. There is no watermark and no watermarkimage, which draw what the server does not have.
var operations = map[string]func(*chain, *params){
	"resize":    resize,
	"fit":       fit,
	"crop":      func(c *chain, p *params) { c.crop(p, p.anchor()) },
	"smartcrop": func(c *chain, p *params) { c.crop(p, transform.Smart) },
	"enlarge":   enlarge,
	"extract":   extract,
	"zoom":      zoom,
	"thumbnail": func(c *chain, p *params) { c.needs(p, "width", "height"); c.scale(p) },
	"rotate":    func(c *chain, p *params) { c.needs(p, "rotate"); c.scale(p) },
	"flip":      (*chain).scale,
	"flop":      (*chain).scale,
	"convert":   func(c *chain, p *params) { c.needs(p, "type"); c.scale(p) },
	"blur":      func(c *chain, p *params) { c.needs(p, "sigma", "minampl"); c.scale(p) },
}

// step is one of those that an image is made in, in their order. A chain of operations is one image where its steps are
// in this order, each once.
type step int

const (
	start step = iota
	turned
	mirrored
	cut
	resized
	blurred
	turnedAtTheEnd
)

// chain is operations that become one request.
type chain struct {
	request signedurl.Request
	at      step
	// upright says that EXIF orientation was applied.
	upright bool
	// name is that of the operation.
	name string
	err  error
}

func (c *chain) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s: %s", signedurl.ErrBadArgument, c.name, fmt.Sprintf(format, args...))
	}
}

// needs refuses an operation that has none of these parameters.
func (c *chain) needs(p *params, names ...string) {
	for _, name := range names {
		if v := p.values[name]; v != "" && v != "0" {
			return
		}
	}
	c.fail("the parameter %s is missing", names[0])
}

// enter begins a step.
func (c *chain) enter(s step) {
	if c.at >= s {
		c.fail("an image is made in the order rotate, flip, extract, resize, blur, rotate, each once; " +
			"this order is not supported")
	}
	c.at = s
}

// apply adds an operation.
func (c *chain) apply(name string, p *params) error {
	c.name = name
	if name == autorotateName {
		c.orient(true)
		return c.err
	}
	operation, ok := operations[name]
	if !ok {
		return fmt.Errorf("%w: there is no operation %s", signedurl.ErrUnknownOption, transform.Quote(name))
	}
	c.orient(!p.toggle("norotation"))
	c.turn(p.whole("rotate", maxAngle))
	// The peer's flip is left to right.
	c.mirror(p.toggle("flip") || name == "flip", p.toggle("flop") || name == "flop")
	operation(c, p)
	if sigma := p.number("sigma", 1000); sigma > 0 {
		c.enter(blurred)
		c.request.Params.Blur = sigma
	}
	p.applyOutput(&c.request)
	if c.err == nil {
		c.err = p.err
	}
	return c.err
}

// orient applies EXIF orientation, or leaves it: once for the whole chain, by its first operation.
func (c *chain) orient(upright bool) {
	switch {
	case c.upright:
	case upright && c.request.Params.IgnoreOrientation && c.at > start:
		c.fail("an image is made upright first, or not at all")
	default:
		c.request.Params.IgnoreOrientation, c.upright = !upright, upright
	}
}

// maxAngle is of rotate.
const maxAngle = 1 << 20

// turn rotates by an angle, rounded down to quarter turns, of which there are three at most.
func (c *chain) turn(angle int) {
	if angle = min(angle/90*90, 270); angle == 0 {
		return
	}
	if c.at < turned {
		c.enter(turned)
		c.request.Params.Rotate = angle
		return
	}
	c.enter(turnedAtTheEnd)
	c.request.Params.LateRotate = angle
}

// mirror flips, also behind a resize that keeps the middle.
func (c *chain) mirror(horizontal, vertical bool) {
	if !horizontal && !vertical {
		return
	}
	q := &c.request.Params
	commutes := q.Crop == (transform.Crop{}) && q.Gravity == (transform.Gravity{}) && q.LateRotate == 0
	if c.at < mirrored || !commutes {
		c.enter(mirrored)
	}
	q.FlipHorizontal, q.FlipVertical = q.FlipHorizontal != horizontal, q.FlipVertical != vertical
}

// resizeTo begins the step of a size.
func (c *chain) resizeTo(mode transform.ResizeMode, width, height int, enlarges bool) {
	c.enter(resized)
	q := &c.request.Params
	q.Mode, q.Enlarge = mode, enlarges
	q.Width, q.Height = width, height
}

// scale is what operations do with a size that are not about it: the image takes it on as it is, whatever its shape.
func (c *chain) scale(p *params) {
	width, height := p.size()
	turns := p.whole("rotate", maxAngle) >= 90
	switch {
	case width == 0 && height == 0:
	case p.toggle("embed"), turns && !p.toggle("force"):
		c.resizeTo(transform.Fit, width, height, false)
	case width == 0 || height == 0:
		c.resizeTo(transform.Fit, width, height, true)
	default:
		c.resizeTo(transform.Force, width, height, true)
	}
}

func resize(c *chain, p *params) {
	c.needs(p, "width", "height")
	width, height := p.size()
	switch both := width != 0 && height != 0; {
	case p.toggle("force") && both:
		c.resizeTo(transform.Force, width, height, true)
	case p.values["nocrop"] != "" && !p.toggle("nocrop"):
		c.crop(p, p.anchor())
	default:
		c.resizeTo(transform.Fit, width, height, p.toggle("force"))
		c.embed(p, both)
	}
}

// embed lays the image on a canvas of one colour. The peer makes canvases of what is at the edges, too, and does so by
// itself: there is none here where extend does not ask for one.
func (c *chain) embed(p *params, both bool) {
	q := &c.request.Params
	q.Extend.On = both
	switch p.oneOf("extend", "white", "black", "background") {
	case "white":
		q.Background = transform.Background{On: true, Color: transform.Color{255, 255, 255}}
	case "black":
		q.Background = transform.Background{On: true}
	case "background":
	default:
		q.Extend.On = false
	}
}

func fit(c *chain, p *params) {
	c.needs(p, "width")
	c.needs(p, "height")
	width, height := p.size()
	c.resizeTo(transform.Fit, width, height, p.toggle("force"))
}

// crop fills a box, or with one side cuts that much of the image.
func (c *chain) crop(p *params, anchor transform.Anchor) {
	c.needs(p, "width", "height")
	width, height := p.size()
	both := width != 0 && height != 0
	q := &c.request.Params
	switch {
	case both && p.toggle("force"):
		c.resizeTo(transform.Force, width, height, true)
	case both:
		c.resizeTo(transform.Fill, width, height, false)
		q.Gravity = transform.At(anchor)
	default:
		c.enter(cut)
		q.Crop = transform.Crop{Width: float64(width), Height: float64(height)}
		q.Crop.Own, q.Crop.Gravity = true, transform.At(anchor)
	}
}

func enlarge(c *chain, p *params) {
	c.needs(p, "width")
	c.needs(p, "height")
	width, height := p.size()
	mode := transform.Fill
	switch {
	case p.toggle("force"):
		mode = transform.Force
	case p.toggle("nocrop"):
		mode = transform.Fit
	}
	c.resizeTo(mode, width, height, true)
	if mode == transform.Fill {
		c.request.Params.Gravity = transform.At(p.anchor())
	}
}

func extract(c *chain, p *params) {
	c.needs(p, "areawidth")
	c.needs(p, "areaheight")
	c.refuseSize(p)
	c.enter(cut)
	most := transform.MaxDimension
	c.request.Params.Crop = transform.Crop{
		Width: float64(p.whole("areawidth", most)), Height: float64(p.whole("areaheight", most)), Own: true,
		Gravity: transform.Gravity{Anchor: transform.NorthWest, X: float64(p.whole("left", most)),
			Y: float64(p.whole("top", most))},
	}
}

// refuseSize refuses a size that the peer would bring the image to before it cuts.
func (c *chain) refuseSize(p *params) {
	if p.values["width"] != "" || p.values["height"] != "" {
		c.fail("width and height are not supported; add an operation that resizes (/pipeline)")
	}
}

// maxFactor is of a zoom.
const maxFactor = 99

func zoom(c *chain, p *params) {
	c.needs(p, "factor")
	c.refuseSize(p)
	if p.whole("top", transform.MaxDimension)+p.whole("left", transform.MaxDimension) > 0 {
		c.fail("an area of the zoomed image is not supported; add an operation that extracts before it (/pipeline)")
	}
	c.enter(resized)
	by := float64(p.whole("factor", maxFactor)) + 1
	q := &c.request.Params
	q.ZoomX, q.ZoomY = by, by
	q.Enlarge = true
}
