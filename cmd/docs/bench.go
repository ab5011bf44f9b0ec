//go:build cgo

package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/vips"
)

// bench makes the pictures, of the playground's sample.
type bench struct {
	engine *vips.Engine
	sample *memfile.Source
	info   transform.Info
	// bordered is the sample inside of a border, to be trimmed.
	bordered     *memfile.Source
	borderedInfo transform.Info
	mark         *memfile.Source
	markInfo     transform.Info
}

func newBench(root string) (*bench, error) {
	b := &bench{engine: vips.New()}
	file, err := os.ReadFile(filepath.Join(root, "proxy/playground/samples/dunes.jpg"))
	if err != nil {
		return nil, err
	}
	if b.sample, b.info, err = openImage(file); err != nil {
		return nil, err
	}
	if b.mark, b.markInfo, err = openImage(drawRing()); err != nil {
		return nil, err
	}
	framed, err := b.drawExample("sample", "w:400/pd:30:60/bg:ffffff/f:png")
	if err != nil {
		return nil, err
	}
	b.bordered, b.borderedInfo, err = openImage(framed)
	return b, err
}

func (b *bench) close() {
	b.sample.Close()
	b.bordered.Close()
	b.mark.Close()
}

func openImage(file []byte) (*memfile.Source, transform.Info, error) {
	info, err := container.Sniff(file)
	if err != nil {
		return nil, info, err
	}
	s, err := memfile.New()
	if err != nil {
		return nil, info, err
	}
	if _, err := s.Write(file); err != nil {
		return nil, info, err
	}
	return s, info, s.Seal()
}

// drawExample is what options make of the sample that suits the option of a name.
func (b *bench) drawExample(name, options string) ([]byte, error) {
	req, err := signedurl.ParseUnsigned("/" + options + "/plain/x")
	if err != nil {
		return nil, err
	}
	p := req.Params
	job := transform.Job{Source: b.sample, Info: b.info, Outputs: []transform.Params{p}, Watermark: b.mark,
		WatermarkInfo: b.markInfo}
	if name == "trim" {
		job.Source, job.Info = b.bordered, b.borderedInfo
	}
	if p.Trim.On {
		if job.Info.Content, err = b.engine.FindTrim(context.Background(), job); err != nil {
			return nil, err
		}
	}
	var out []byte
	err = b.engine.Transform(context.Background(), job, func(_ int, pic transform.Picture) { out = pic.Body })
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("nothing was made")
	}
	return out, err
}

// drawRing is the watermark: a white ring with a dot.
func drawRing() []byte {
	const side = 120
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			d := math.Hypot(float64(x)-side/2+0.5, float64(y)-side/2+0.5)
			// How far inside of the ring or the dot.
			in := math.Max(10-math.Abs(d-46), 16-d)
			m.SetNRGBA(x, y, color.NRGBA{255, 255, 255, uint8(255 * math.Max(0, math.Min(1, in)))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // writing to memory does not fail
	}
	return b.Bytes()
}
