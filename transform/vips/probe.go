package vips

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"slices"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// probeSide is the side of the image that Probe tries formats with.
const probeSide = 16

// Probe tries each format: a small image is saved and loaded
// again, or a sample is loaded where the format is only read. bimg's matrix says
// what libvips was built with, which for HEIF is not enough: its codecs are
// plug-ins that may not be installed.
func (e *Engine) Probe() transform.Capabilities {
	c := transform.Capabilities{Version: Version()}
	var first bytes.Buffer
	if err := png.Encode(&first, image.NewGray(image.Rect(0, 0, probeSide, probeSide))); err != nil {
		return c // writing to memory does not fail
	}
	samples := map[transform.Format][]byte{transform.TIFF: tinyTIFF(), transform.BMP: tinyBMP()}
	for _, f := range transform.Outputs {
		if body, ok := e.convertsFormat(first.Bytes(), transform.PNG, f); ok {
			c.Save = append(c.Save, f)
			samples[f] = body
		}
	}
	for _, f := range transform.Inputs {
		if body := samples[f]; body == nil {
			continue
		}
		if _, ok := e.convertsFormat(samples[f], f, transform.PNG); ok {
			c.Load = append(c.Load, f)
		}
	}
	if e.drawsSVG() {
		c.Load = append(c.Load, transform.SVG)
	}
	if e.readsSample(transform.HEIC) {
		c.Load = append(c.Load, transform.HEIC)
	}
	slices.Sort(c.Load)
	return c
}

// bimgTypes are those that bimg knows of. The others are tried all the same.
var bimgTypes = map[transform.Format]bimg.ImageType{
	transform.JPEG: bimg.JPEG, transform.PNG: bimg.PNG, transform.WebP: bimg.WEBP,
	transform.GIF: bimg.GIF, transform.AVIF: bimg.AVIF, transform.HEIC: bimg.HEIF,
	transform.TIFF: bimg.TIFF,
}

// convertsFormat turns an image of probeSide from one format into another.
func (e *Engine) convertsFormat(body []byte, from, to transform.Format) ([]byte, bool) {
	if t, known := bimgTypes[from]; known && !bimg.IsImageTypeSupportedByVips(t).Load {
		return nil, false
	}
	if t, known := bimgTypes[to]; known && !bimg.IsImageTypeSupportedByVips(t).Save {
		return nil, false
	}
	info, err := container.Sniff(body)
	if err != nil {
		return nil, false
	}
	return e.convertsSource(body, info, to)
}

// convertsSource turns an image of which info is known into another format.
func (e *Engine) convertsSource(body []byte, info transform.Info, to transform.Format) ([]byte, bool) {
	// A worker may make no memory files.
	src, err := memfile.NewPrivate(body)
	if err != nil {
		return nil, false
	}
	defer src.Close()
	job := transform.Job{Source: src, Info: info, Outputs: []transform.Params{{Format: to}}}
	var out []byte
	err = e.Transform(context.Background(), job, func(_ int, p transform.Picture) { out = p.Body })
	return out, err == nil
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
