package vips

import (
	"image"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Whatever is asked of an image of next to no pixels, it comes out in the
// planned size.
func TestEveryOptionOfTinyPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep of seconds")
	}
	var all []string
	for _, o := range transform.Options() {
		if o.Example != "" {
			all = append(all, o.Example)
		}
	}
	all = append(all, "rs:fill:1:1/g:sm", "c:1:1:sm", "c:0.5:0.5:sm/rs:fill:2:9/g:sm", "bl:100", "sh:10", "pix:65535",
		"t:0", "t:255", "mb:1/f:jpg",
		"rc:0.5/pd:3/wm:1:re:5:5/lrot:90", "el:1/w:40/bl:3/rot:90/fl:1", "ph:1", "mk:circle/rc:1", "car:7", "car:0.1:1",
		"s:50:50/ex:1/exar:1", "w:1/h:1/rt:force/f:gif")
	for _, size := range []image.Point{{1, 1}, {1, 90}, {90, 1}, {2, 3}, {17, 16}} {
		r := image.Rectangle{Max: size}
		deep, glass := image.NewNRGBA64(r), image.NewNRGBA(r)
		for i := range glass.Pix {
			glass.Pix[i] = byte(37 * i)
		}
		for name, m := range map[string]image.Image{"colour": picturetest.Chart(size.X, size.Y), "alpha": glass,
			"grey": image.NewGray(r), "deep": deep} {
			b := picturetest.PNG(m)
			for _, options := range all {
				p := parse(t, options)
				if p.Format == transform.FormatUnknown {
					p.Format = transform.PNG
				}
				if t.Failed() {
					t.Fatalf("%s of %v, %s", options, size, name)
				}
				marked(t, b, p)
			}
		}
	}
}
