package vips

import (
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
