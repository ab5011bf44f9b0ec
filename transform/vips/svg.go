package vips

import (
	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// openDrawable takes an SVG with its root element as it was sniffed in place of the source: what librsvg draws
// then has that size.
func (d *decodable) openDrawable() error {
	defer d.source.Release()
	b, ok := container.DrawableSVG(d.b, d.info)
	d.b = nil
	if !ok {
		return errBroken
	}
	drawable, err := memfile.NewPrivate(b)
	if err != nil {
		return err
	}
	d.b, err = drawable.Bytes()
	d.close = func() { drawable.Close() }
	return err
}

// probeSVG is an SVG of probeSide.
const probeSVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><path d="M0 0L9 9"/></svg>`

// drawsSVG says whether libvips has librsvg.
func (e *Engine) drawsSVG() bool {
	if !bimg.IsImageTypeSupportedByVips(bimg.SVG).Load {
		return false
	}
	info, err := container.Sniff([]byte(probeSVG))
	if err != nil {
		return false
	}
	_, ok := e.convertsSource([]byte(probeSVG), info, transform.PNG)
	return ok
}
