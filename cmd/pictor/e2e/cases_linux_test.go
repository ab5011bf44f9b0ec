package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
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
	for _, form := range []string{"jpeg", "jpeg-turned", "jpeg-cmyk", "progressive", "progressive-444", "png",
		"png-alpha",
		"png-16", "interlaced", "webp", "lossless", "gif", "avif", "avif-444", "png-16-hdr"} {
		out = append(out, calibration{source{form, 3000, 2000}, toJPEG})
	}
	for _, form := range []string{"webp-alpha", "webp-animated", "gif-restoring", "avif-alpha", "avif-12",
		"png-16-alpha-hdr", "avif-12-hdr", "jxl", "jxl-alpha", "jxl-exact", "jxl-squeezed-alpha",
		"jxl-squeezed-exact", "heic-alpha"} {
		out = append(out, calibration{source{form, 1500, 1000}, toJPEG})
	}
	for _, form := range []string{"jpeg", "progressive", "png", "webp", "gif", "avif"} {
		out = append(out, calibration{source{form, 400, 250}, transform.Params{Width: 100, Format: transform.JPEG}})
	}
	for _, f := range transform.Outputs {
		out = append(out,
			calibration{source{"png-alpha", 1500, 1000}, transform.Params{Width: 720, Format: f}},
			calibration{source{"jpeg", 1500, 1000}, transform.Params{Format: f}})
	}
	out = append(out, calibration{source{"jpeg-turned", 3000, 2000}, transform.Params{Format: transform.JPEG}},
		calibration{source{"png-16-hdr", 1500, 1000}, transform.Params{Format: transform.PNG, PreserveHDR: true}})
	out = append(out, fewOf(tiffCases(1.5), 4)...)
	out = append(out, fewOf(heicCases(1.5), 3)...)
	return append(out, someEffects()...)
}

// heicCases are every form of HEIC in some sizes: as small results, and as large as the
// source, from a worker of its own.
func heicCases(sizes ...float64) []calibration {
	var out []calibration
	for _, mp := range sizes {
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			if strings.HasPrefix(form, "heic") {
				out = append(out, calibration{megapixels(form, mp), toJPEG})
			}
		}
	}
	return out
}

// someEffects are the last of someCases: options that take something of their own.
// Every other one is each option with some of the sources, and all sources.
func someEffects() []calibration { return fewOf(effects(1.5, someEffectOptions), 2) }

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
			// Of a small picture an effect takes what blocks and tiles take.
			for _, small := range []float64{mp / 10, mp / 3} {
				out = append(out, effects(small, slices.Concat(effectOptions, searchOptions))...)
				out = append(out, effects(small, smallOptions)...)
			}
		case 6:
			out = append(out, encoders(mp, 0, 0, 1600)...)
			out = append(out, encoders(mp, 95, 1600)...)
			out = append(out, shapes(mp)...)
			out = append(out, tiffCases(mp)...)
			out = append(out, effects(mp, slices.Concat(effectOptions, searchOptions))...)
		}
	}
	for _, form := range []string{"jpeg", "progressive", "progressive-444", "png", "png-alpha", "interlaced", "webp",
		"lossless", "gif", "avif"} {
		out = append(out, calibration{megapixels(form, 80), toJPEG})
	}
	return append(out, oddSizes()...)
}

// encoders asks for every format in these widths; 0 is as large as the source.
func encoders(mp float64, quality int, widths ...int) []calibration {
	var out []calibration
	for _, form := range []string{"jpeg", "jpeg-grey", "png-alpha", "png-grain"} {
		for _, f := range transform.Outputs {
			for _, w := range widths {
				out = append(out, calibration{megapixels(form, mp),
					transform.Params{Width: w, Quality: quality, Format: f}})
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
		for _, form := range []string{"jpeg-turned", "jpeg-p3", "progressive", "png", "png-alpha", "webp-alpha",
			"avif-alpha"} {
			p.Format = transform.JPEG
			if form == "png-alpha" || form == "webp-alpha" {
				p.Format = transform.WebP
			}
			out = append(out, calibration{megapixels(form, mp), p})
		}
	}
	return out
}

// effectOptions are those whose steps take something of their own.
var effectOptions = []string{
	"w:1600/bl:2", "w:1600/bl:20", "w:1600/bl:200", "bl:5", "w:1600/sh:2", "sh:5", "w:1600/pix:10", "w:1600/pix:500", "pix:7",
	"w:1600/a:10:1.2:1.3", "w:1600/mc:0.5", "s:1600:1600/ex:1", "w:1600/pd:100/bg:ffffff", "w:1600/pd:300", "w:1600/bg:ffffff/bga:0.5",
	"w:1600/rc:50", "w:1600/mk:ellipse", "w:1600/wm:0.5:re:10:10", "w:1600/wm:0.5:ce:0:0:0.9", "wm:1",
	"w:1600/f:jpg/jpgo:1", "w:1600/f:jpg/jpgo:0:1", "f:jpg/jpgo:1:1", "w:1600/f:png/pngo:1", "w:1600/f:png/pngo:0:1", "w:1600/f:png/pngo:0:1:16:9",
	"w:1600/f:webp/webpo:lossless", "w:1600/f:webp/webpo:near_lossless", "w:1600/f:webp/webpo::1", "w:1600/f:webp/webpo::::6", "f:webp/webpo:lossless",
	"w:1600/f:avif/avifo:off", "w:1000/f:avif/avifo::4", "w:1000/f:avif/avifo:off:2:1",
	"w:1600/f:jpg/mb:30000", "w:1600/f:webp/mb:30000", "w:1000/f:avif/mb:10000",
	"rs:fill:1600:900/g:sm", "c:0.5:0.5:sm/w:1600", "c:0.9:0.9:sm/w:300", "c:0.3:0.3:soea/w:1600", "c:0.3:0.9/w:300", "t:10/w:1600", "w:1600/scp:0",
	"w:1600/bl:3/sh:1/pix:9/a:1:1.1:1.1/pd:40/wm:0.5:re/rc:20/rot:90/f:webp", "w:1600/ph:1/f:png", "w:1600/ph:1/f:avif", "ph:1/f:png/rot:90",
	"w:1600/plh:thumbhash", "w:200/plh:blurhash", "plh:color",
}

// searchOptions are those that search for a quality.
var searchOptions = []string{
	"w:1600/f:jpg/aq:ssimulacra2:80", "w:1600/f:jpg/jpgo:1/aq:ssimulacra2:85", "w:1600/f:webp/aq:ssimulacra2:80",
	"w:1000/f:avif/aq:ssimulacra2:75", "w:1000/f:jxl/aq:dssim:0.02", "f:jpg/aq:ssimulacra2:78", "w:2500/f:webp/aq:dssim:0.02",
	"w:400/f:jpg/aq:size:20000",
}

// smallOptions are those that take most for their size where it is small.
var smallOptions = []string{
	"f:webp/webpo:lossless:0:default:6", "f:webp/webpo:lossless:0:default:0", "f:webp/webpo::::6", "q:95/f:webp/webpo::::6",
	"f:avif/mb:3000", "f:webp/mb:3000", "sh:10", "bl:20", "f:avif/aq:ssimulacra2:70", "f:jpg/aq:ssimulacra2:70",
}

// someEffectOptions are one of each kind.
var someEffectOptions = []string{
	"w:380/f:webp/webpo:lossless", "w:210/f:webp/webpo:lossless:0:default:6", "w:380/f:avif/mb:3000", "w:210/sh:10",
	"bl:20", "sh:2", "pix:50", "w:800/pd:100", "w:800/wm:0.5:re:10:10", "w:800/rc:50", "w:800/f:png/pngo:0:1",
	"w:800/f:jpg/aq:ssimulacra2:80", "w:380/f:avif/aq:ssimulacra2:75", "w:800/f:webp/aq:dssim:0.016",
	"w:800/f:webp/webpo:lossless", "w:800/f:jpg/mb:30000", "rs:fill:800:450/g:sm", "c:0.8:0.8:sm/w:300", "t:10/w:800", "w:800/ph:1/f:png",
	"w:800/plh:thumbhash",
}

// effects asks for options of pictures with alpha, without, and of 16 bits.
func effects(mp float64, options []string) []calibration {
	var out []calibration
	for _, form := range []string{"jpeg", "png-alpha", "png-16"} {
		for _, o := range options {
			req, err := signedurl.ParseUnsigned("/" + o + "/plain/x")
			if err != nil {
				panic(err) // it is in this file
			}
			p := req.Params
			if p.Format == transform.FormatUnknown {
				p.Format = transform.JPEG
				if form == "png-alpha" || p.Radius > 0 || p.Mask > 0 || p.Background.Sheer ||
					p.Padding.Left > 0 && !p.Background.On {
					p.Format = transform.WebP
				}
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
			out = append(out, calibration{source{form, size[0], size[1]},
				transform.Params{Width: 200, Format: transform.JPEG}},
				calibration{source{form, size[0], size[1]}, transform.Params{Height: 400, Format: transform.JPEG}})
		}
		for _, f := range []transform.Format{transform.JPEG, transform.PNG} {
			out = append(out, calibration{source{form, 1000, 667},
				transform.Params{Width: 4000, Enlarge: true, Format: f}})
		}
	}
	return out
}
