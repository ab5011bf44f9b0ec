package vips

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// compareAll makes the comparison of formats take all images, for the figures of docs/performance.md.
const compareAll = "PICTOR_BEST"

// compared is an image that formats are compared on.
type compared struct {
	name string
	body []byte
}

// page is like a screenshot: bars, lines, and rows of marks like text on white.
func page(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	fill := func(x, y, w, h int, c color.Color) {
		draw.Draw(m, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
	}
	fill(0, 0, w, h, color.White)
	fill(0, 0, w, h/12, color.NRGBA{36, 41, 110, 255})
	fill(0, h/12, w/5, h, color.NRGBA{240, 243, 246, 255})
	state := uint32(1)
	next := func(n int) int {
		state = state*1664525 + 1013904223
		return int(state>>16) % n
	}
	for y := h/12 + 12; y < h-16; y += 18 {
		for x := w/5 + 16; x < w-24; x += 9 {
			if next(6) == 0 {
				continue // between words
			}
			ink := color.NRGBA{20, 20, 28, 255}
			fill(x+next(3), y, 2, 11, ink)
			fill(x, y+next(10), 6, 2, ink)
		}
	}
	fill(w/5+20, h/2, w/4, 30, color.NRGBA{31, 136, 61, 255})
	return m
}

// logo is like a mark beside a chart: areas of few colours with straight and round edges.
func logo(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	colours := []color.NRGBA{{255, 255, 255, 255}, {23, 78, 166, 255}, {234, 67, 53, 255}, {251, 188, 4, 255},
		{52, 168, 83, 255}, {32, 33, 36, 255}}
	for y := range h {
		for x := range w {
			dx, dy := x-w/3, y-h/2
			at := 0
			switch {
			case dx*dx+dy*dy < h*h/9:
				at = 1 + (x/(w/12)+y/(h/9))%3
			case x > w*2/3 && y > h-(x*7919/(w/9)%9+1)*h/12:
				at = 4
			case y > h*9/10:
				at = 5
			}
			m.SetNRGBA(x, y, colours[at])
		}
	}
	return m
}

// kindOf is the format of a result, and whether it is lossless.
func kindOf(p transform.Params) string {
	if p.WebP.Compression == transform.Lossless || p.JXL.Lossless {
		return p.Format.String() + " lossless"
	}
	return p.Format.String()
}

// sheer is a photograph that fades out to its right, like a product that was cut out.
func sheer(w, h int) *image.NRGBA {
	m := toNRGBA(picturetest.Photo(w, h, 4))
	for y := range h {
		for x := range w {
			m.Pix[m.PixOffset(x, y)+3] = uint8(max(0, min(2*(w-x)*255/w, 255)))
		}
	}
	return m
}

func comparedImages() (all []compared) {
	for i, photo := range photographs() {
		if os.Getenv(compareAll) != "" || i == 3 {
			all = append(all, compared{fmt.Sprintf("photograph %d", i+1), photo})
		}
	}
	if os.Getenv(compareAll) != "" {
		all = append(all, compared{"screenshot in its size", picturetest.PNG(page(480, 320))})
	}
	return append(all, compared{"screenshot", picturetest.PNG(page(720, 480))},
		compared{"drawing", picturetest.PNG(logo(960, 640))},
		compared{"transparent", picturetest.PNG(sheer(600, 450))})
}

// What best makes is no larger than the result of any single format that reaches the same score, whichever image it
// is of, and it reaches the score if one of them does.
func TestBestIsTheSmallestOfItsFormats(t *testing.T) {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "image\tformat\tbytes\tscore\tencodes\tCPU")
	line := func(name, format string, pic transform.Picture, encodes int, cpu time.Duration) {
		fmt.Fprintf(table, "%s\t%s\t%d\t%.1f\t%d\t%.0f ms\n", name, format, len(pic.Body), pic.Searched.Score, encodes,
			cpu.Seconds()*1000)
	}
	every := transform.FormatSetOf([]transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.JXL,
		transform.AVIF})
	for _, c := range comparedImages() {
		p := parse(t, "w:480/f:best:jpg:png:webp:avif:jxl")
		info := sniffed(t, c.body)
		outputs := transform.WithLossless(p.BestOutputs(info, transform.Limits{}, every), info, int64(len(c.body)),
			transform.Limits{})
		search := outputs[0].AutoQuality
		var best transform.Picture
		encodes, before := 0, usedCPU(t)
		err := New().Transform(t.Context(), transform.Job{Source: source(t, c.body), Info: info, Outputs: outputs},
			func(_ int, pic transform.Picture) {
				encodes += max(pic.Searched.Encodes, 1)
				if best.Body == nil || search.Beats(pic, best) {
					best = pic
				}
			})
		if err != nil {
			t.Fatal(c.name, err)
		}
		took := usedCPU(t) - before
		for _, one := range outputs {
			before := usedCPU(t)
			single := run(t, c.body, one)
			line(c.name, kindOf(one), single, max(single.Searched.Encodes, 1), usedCPU(t)-before)
			if search.Beats(single, best) {
				t.Errorf("%s: best is a %v of %d bytes, %+v; %v alone has %d, %+v", c.name, best.Format, len(best.Body),
					best.Searched, one.Format, len(single.Body), single.Searched)
			}
		}
		line(c.name, "best: "+best.Format.String(), best, encodes, took)
	}
	table.Flush()
	t.Logf("at one score:\n%s", &b)
}
