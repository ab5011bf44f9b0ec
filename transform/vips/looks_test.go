package vips

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestAgreesWithBimg(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(1200, 900, 5), 92)
	for name, tc := range map[string]struct {
		p transform.Params
		o bimg.Options
	}{
		"resize": {transform.Params{Width: 300}, bimg.Options{Width: 300, Height: 225, Force: true}},
		"fill":   {transform.Params{Mode: transform.Fill, Width: 400, Height: 200}, bimg.Options{Width: 400, Height: 200, Crop: true}},
		"fill, turned": {transform.Params{Mode: transform.Fill, Width: 200, Height: 300, Rotate: 270},
			bimg.Options{Width: 200, Height: 300, Crop: true, Rotate: 270}},
		"flip": {transform.Params{FlipHorizontal: true}, bimg.Options{Flip: true}},
		"flop": {transform.Params{FlipVertical: true}, bimg.Options{Flop: true}},
		"north crop": {transform.Params{Mode: transform.Fill, Width: 300, Height: 100,
			Gravity: transform.At(transform.North)},
			bimg.Options{Width: 300, Height: 100, Crop: true, Gravity: bimg.GravityNorth}},
		"centre crop": {transform.Params{Mode: transform.Fill, Width: 200, Height: 200}, bimg.Options{Width: 200, Height: 200, Crop: true}},
		"rotate":      {transform.Params{Rotate: 90}, bimg.Options{Rotate: 90}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.p.Format, tc.o.Type = transform.PNG, bimg.PNG
			want, err := png.Decode(bytes.NewReader(bimgAs(t, photo, tc.o)))
			if err != nil {
				t.Fatal(err)
			}
			if d := picturetest.Distance(want, pixels(t, run(t, photo, tc.p))); d > 2 {
				t.Errorf("mean difference %.2f of 255", d)
			}
		})
	}
}

func TestGolden(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(900, 675, 11), 92)
	turned := picturetest.WithOrientation(picturetest.JPEG(picturetest.Stored(picturetest.Photo(400, 300, 12), 6), 92),
		6)
	glass := picturetest.PNG(picturetest.Glass(200, 160))
	for name, tc := range map[string]struct {
		b []byte
		p transform.Params
	}{
		"fit-jpeg":   {photo, transform.Params{Width: 96, Format: transform.JPEG}},
		"fit-webp":   {photo, transform.Params{Width: 96, Format: transform.WebP, Quality: 79}},
		"fit-avif":   {photo, transform.Params{Width: 96, Format: transform.AVIF, Quality: 63}},
		"fit-gif":    {photo, transform.Params{Width: 96, Format: transform.GIF}},
		"fill-south": {photo, transform.Params{Mode: transform.Fill, Width: 96, Height: 48, Gravity: transform.At(transform.South), Format: transform.PNG}},
		"enlarge":    {photo[:], transform.Params{Mode: transform.Force, Width: 60, Height: 100, Format: transform.PNG}},
		"turned":     {turned, transform.Params{Width: 96, Format: transform.PNG}},
		"glass":      {glass, transform.Params{Width: 60, Format: transform.PNG}},

		"smart":      {photo, parse(t, "rs:fill:60:96/g:sm/f:png")},
		"smart-crop": {photo, parse(t, "c:300:300:sm/w:96/f:png")},
		"blur":       {photo, parse(t, "w:96/bl:3/f:png")},
		"sharpen":    {photo, parse(t, "w:96/sh:2/f:png")},
		"pixelate":   {photo, parse(t, "w:96/pix:10/f:png")},
		"tone":       {photo, parse(t, "w:96/a:20:1.3:1.6/f:png")},
		"monochrome": {photo, parse(t, "w:96/mc:0.8:e0b060/f:png")},
		"canvas":     {photo, parse(t, "s:96:96/ex:1/pd:4:8/bg:446688/f:png")},
		"sheer":      {glass, parse(t, "w:60/bg:ff8800/bga:0.5/f:png")},
		"corners":    {photo, parse(t, "rs:fill:96:72/rc:16/f:png")},
		"circle":     {photo, parse(t, "rs:fill:96:72/mk:circle/f:webp")},
		"palette":    {photo, parse(t, "w:96/f:png/pngo:0:1:16")},
		"lossless":   {photo, parse(t, "w:96/f:webp/webpo:lossless")},
		"everything": {turned, parse(t, "c:300:300:noea/rs:fill:80:60/rot:180/fl:1/bl:1/br:20/pd:6/bg:202020/rc:0.2/f:png")},
	} {
		t.Run(name, func(t *testing.T) {
			got := pixels(t, run(t, tc.b, tc.p))
			path := filepath.Join("testdata", "golden", name+".png")
			if os.Getenv("PICTOR_GOLDEN") == "write" {
				if err := os.WriteFile(path, picturetest.PNG(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			most := 1.5
			if name == "palette" || name == "fit-avif" {
				most = 2.2 // other versions of the quantiser and of libaom choose other values
			}
			if d := picturetest.Perceived(want, got); d > most {
				t.Errorf("it looks %.2f away from %s", d, path)
			}
		})
	}
}
