package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// calibration is one job: a source and what to make of it.
type calibration struct {
	source
	params transform.Params
}

func (c calibration) String() string {
	return fmt.Sprintf("%s %dx%d %s", c.form, c.width, c.height, cmp.Or(c.params.String(), "as it is"))
}

// toJPEG is the thumbnail that most of the calibration asks for.
var toJPEG = transform.Params{Width: 720, Format: transform.JPEG}

// someCases are those of a run of all tests: a picture of each kind that costs
// more than others of its codec, and each encoder.
func someCases() []calibration {
	var out []calibration
	for _, form := range []string{"jpeg", "jpeg-turned", "jpeg-cmyk", "progressive", "progressive-444", "png", "png-alpha",
		"png-16", "interlaced", "webp", "lossless", "gif", "avif", "avif-444"} {
		out = append(out, calibration{source{form, 3000, 2000}, toJPEG})
	}
	for _, form := range []string{"webp-alpha", "webp-animated", "gif-restoring", "avif-alpha", "avif-12"} {
		out = append(out, calibration{source{form, 1500, 1000}, toJPEG})
	}
	for _, form := range []string{"jpeg", "progressive", "png", "webp", "gif", "avif"} {
		out = append(out, calibration{source{form, 400, 250}, transform.Params{Width: 100, Format: transform.JPEG}})
	}
	for _, f := range transform.Formats {
		out = append(out,
			calibration{source{"png-alpha", 1500, 1000}, transform.Params{Width: 720, Format: f}},
			calibration{source{"jpeg", 1500, 1000}, transform.Params{Format: f}})
	}
	return append(out, calibration{source{"jpeg-turned", 3000, 2000}, transform.Params{Format: transform.JPEG}})
}

// allCases are every form at every size, and what can be asked of some.
// Between 29 and 80 megapixels nothing is new, so the largest size is for one
// form of each kind.
func allCases() []calibration {
	var out []calibration
	for _, mp := range []float64{0.1, 1, 6, 12, 29} {
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			out = append(out, calibration{megapixels(form, mp), toJPEG})
		}
		switch mp {
		case 0.1, 1:
			out = append(out, encoders(mp, 0, 0, 200)...)
		case 6:
			out = append(out, encoders(mp, 0, 0, 1600)...)
			out = append(out, encoders(mp, 95, 1600)...)
			out = append(out, shapes(mp)...)
		}
	}
	for _, form := range []string{"jpeg", "progressive", "progressive-444", "png", "png-alpha", "interlaced", "webp", "lossless", "gif", "avif"} {
		out = append(out, calibration{megapixels(form, 80), toJPEG})
	}
	return append(out, oddSizes()...)
}

// encoders asks for every format in these widths; 0 is as large as the source.
func encoders(mp float64, quality int, widths ...int) []calibration {
	var out []calibration
	for _, form := range []string{"jpeg", "jpeg-grey", "png-alpha", "png-grain"} {
		for _, f := range transform.Formats {
			for _, w := range widths {
				out = append(out, calibration{megapixels(form, mp), transform.Params{Width: w, Quality: quality, Format: f}})
			}
		}
	}
	return append(out, calibration{megapixels("gif", mp), transform.Params{Width: 720, Format: transform.GIF}})
}

// shapes asks for crops, turns and other proportions, of pictures with alpha
// and without, and for each codec's own format.
func shapes(mp float64) []calibration {
	var out []calibration
	for _, p := range []transform.Params{
		{Mode: transform.Fill, Width: 400, Height: 400},
		{Mode: transform.Force, Width: 400, Height: 1900},
		{Mode: transform.Force, Width: 2900, Height: 200},
		{Rotate: 90, Width: 1600},
		{Rotate: 180},
		{Mode: transform.Fill, Width: 500, Height: 900, Rotate: 270},
		{Width: 1600, KeepMetadata: true},
	} {
		for _, form := range []string{"jpeg-turned", "jpeg-p3", "progressive", "png", "png-alpha", "webp-alpha", "avif-alpha"} {
			p.Format = transform.JPEG
			if form == "png-alpha" || form == "webp-alpha" {
				p.Format = transform.WebP
			}
			out = append(out, calibration{megapixels(form, mp), p})
		}
	}
	return out
}

// oddSizes are pictures much wider than high and the reverse, and results
// larger than their sources.
func oddSizes() []calibration {
	var out []calibration
	for _, form := range []string{"jpeg", "progressive", "png", "png-alpha", "webp", "lossless", "avif"} {
		for _, size := range [][2]int{{12000, 600}, {600, 12000}, {8000, 1200}} {
			out = append(out, calibration{source{form, size[0], size[1]}, transform.Params{Width: 200, Format: transform.JPEG}},
				calibration{source{form, size[0], size[1]}, transform.Params{Height: 400, Format: transform.JPEG}})
		}
		for _, f := range []transform.Format{transform.JPEG, transform.PNG} {
			out = append(out, calibration{source{form, 1000, 667}, transform.Params{Width: 4000, Enlarge: true, Format: f}})
		}
	}
	return out
}
