package vips

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func placed(x, y, w, h int) image.Rectangle { return image.Rect(x, y, x+w, y+h) }

// gifCanvases are screens and frames, and what Chromium 156 shows of them: rows
// of the canvas, with # for the first frame and . for what is transparent.
var gifCanvases = map[string]struct {
	width, height int
	frames        []image.Rectangle
	shown         string
}{
	"frame fills it":           {6, 4, []image.Rectangle{placed(0, 0, 6, 4)}, "###### ###### ###### ######"},
	"frame at the origin":      {6, 4, []image.Rectangle{placed(0, 0, 2, 2)}, "##.... ##.... ...... ......"},
	"frame inside":             {6, 4, []image.Rectangle{placed(2, 1, 2, 2)}, "...... ..##.. ..##.. ......"},
	"frame in the last corner": {6, 4, []image.Rectangle{placed(5, 3, 1, 1)}, "...... ...... ...... .....#"},
	"larger frame":             {6, 4, []image.Rectangle{placed(0, 0, 8, 5)}, "######## ######## ######## ######## ########"},
	"wider frame":              {6, 4, []image.Rectangle{placed(0, 0, 8, 2)}, "######## ######## ........ ........"},
	"higher frame":             {6, 4, []image.Rectangle{placed(0, 0, 2, 6)}, "##.... ##.... ##.... ##.... ##.... ##...."},
	"larger frame aside":       {6, 4, []image.Rectangle{placed(1, 1, 6, 6)}, "....... .###### .###### .###### .###### .###### .######"},
	"leaves to the right":      {6, 4, []image.Rectangle{placed(4, 1, 4, 2)}, "........ ....#### ....#### ........"},
	"leaves to the bottom":     {6, 4, []image.Rectangle{placed(1, 3, 2, 4)}, "...... ...... ...... .##... .##... .##... .##..."},
	"leaves both ways":         {6, 4, []image.Rectangle{placed(5, 3, 2, 2)}, "....... ....... ....... .....## .....##"},
	"wholly outside":           {2, 1, []image.Rectangle{placed(3, 2, 2, 2)}, "..... ..... ...## ...##"},
	"screen without a size":    {0, 0, []image.Rectangle{placed(1, 2, 3, 3)}, ".... .... .### .### .###"},
	"screen without a width":   {0, 5, []image.Rectangle{placed(0, 0, 3, 3)}, "### ### ### ... ..."},
	"screen without a height":  {5, 0, []image.Rectangle{placed(0, 0, 3, 3)}, "###.. ###.. ###.."},
	"wide screen":              {2100, 2, []image.Rectangle{placed(3, 0, 3, 2)}, "...###" + strings.Repeat(".", 2094) + " ...###" + strings.Repeat(".", 2094)},
	"screen of old":            {640, 480, []image.Rectangle{placed(0, 1, 640, 479)}, strings.Repeat(".", 640) + strings.Repeat(" "+strings.Repeat("#", 640), 479)},
	"second frame is larger":   {6, 4, []image.Rectangle{placed(0, 0, 6, 4), placed(2, 2, 10, 10)}, "###### ###### ###### ######"},
	"second frame fills it":    {6, 4, []image.Rectangle{placed(2, 1, 2, 2), placed(0, 0, 6, 4)}, "...... ..##.. ..##.. ......"},
	"frame without pixels":     {6, 4, []image.Rectangle{placed(0, 0, 0, 0)}, "...... ...... ...... ......"},
	"frame without a width":    {6, 4, []image.Rectangle{placed(1, 0, 0, 3)}, "...... ...... ...... ......"},
}

// gifTransparency is the transparent index of the first frame and of the others.
var gifTransparency = map[string][2]int{
	"no transparency": {-1, -1}, "an index that is not used": {1, -1}, "the frame's own colour": {0, -1}, "a later frame's": {-1, 0},
}

func TestCanvasOfAGIF(t *testing.T) {
	for name, tc := range gifCanvases {
		for transparency, index := range gifTransparency {
			var frames []picturetest.GIFFrame
			for i, r := range tc.frames {
				frames = append(frames, picturetest.GIFFrame{At: r, Transparent: index[min(i, 1)]})
			}
			b := picturetest.GIFOnScreen(tc.width, tc.height, frames...)
			shown := tc.shown
			if index[0] == 0 {
				shown = strings.ReplaceAll(shown, "#", ".")
			}
			rows := strings.Fields(shown)
			for options, around := range gifOutputs {
				t.Run(fmt.Sprint(name, ", ", transparency, ", ", options), func(t *testing.T) {
					if tc.width > 100 && strings.Contains(options, "avif") {
						t.Skip("slow")
					}
					checkCanvas(t, pixels(t, run(t, b, parse(t, options))), rows, around)
				})
			}
		}
	}
}

// gifOutputs are results without loss, and what is to be seen of the canvas in
// them.
var gifOutputs = map[string]color.NRGBA{
	"f:png": {}, "f:gif": {}, "f:webp/webpo:lossless": {}, "f:avif/avifo:off::1": {}, "f:png/ph:1": {},
	"f:jpg/q:100/jpgo:0:1": {255, 255, 255, 255}, "f:png/bg:00ff00": {0, 255, 0, 255}, "f:gif/bg:00ff00": {0, 255, 0, 255},
}

func checkCanvas(t *testing.T, m image.Image, rows []string, around color.NRGBA) {
	t.Helper()
	if w, h := m.Bounds().Dx(), m.Bounds().Dy(); w != len(rows[0]) || h != len(rows) {
		t.Fatalf("%dx%d, want %dx%d", w, h, len(rows[0]), len(rows))
	}
	for y, row := range rows {
		for x, c := range row {
			want := around
			if c == '#' {
				want = color.NRGBAModel.Convert(picturetest.Red).(color.NRGBA)
			}
			got := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			if got.A == 0 && want.A == 0 {
				continue
			}
			if apart(got, want) > 4 {
				t.Fatalf("%d, %d is %v, want %v", x, y, got, want)
			}
		}
	}
}

// What is asked for works on the canvas, and a watermark has one, too.
func TestOptionsOnTheCanvasOfAGIF(t *testing.T) {
	b := picturetest.GIFOnScreen(64, 32, picturetest.GIFFrame{At: placed(16, 8, 16, 8), Transparent: -1})
	red := color.NRGBAModel.Convert(picturetest.Red).(color.NRGBA)
	for options, points := range map[string]map[image.Point]color.NRGBA{
		"w:32":               {{4, 4}: {}, {10, 6}: red, {20, 6}: {}, {10, 12}: {}},
		"w:128/el:1":         {{8, 8}: {}, {48, 24}: red, {80, 24}: {}, {48, 48}: {}},
		"c:20:16:nowe":       {{4, 4}: {}, {18, 10}: red},
		"rot:90":             {{4, 4}: {}, {20, 24}: red, {12, 24}: {}},
		"fl:1":               {{24, 12}: {}, {40, 12}: red},
		"rs:fill:16:16/g:sm": {},
	} {
		for _, f := range []string{"png", "webp", "gif"} {
			m := pixels(t, run(t, b, parse(t, options+"/f:"+f)))
			for p, want := range points {
				if got := color.NRGBAModel.Convert(m.At(p.X, p.Y)).(color.NRGBA); got.A != want.A ||
					want.A > 0 && apart(got, want) > 20 {
					t.Errorf("%s, %s: %v is %v, want %v", options, f, p, got, want)
				}
			}
		}
	}
}

func TestLookFindsTheFrameOnTheCanvasOfAGIF(t *testing.T) {
	b := picturetest.GIFOnScreen(640, 480, picturetest.GIFFrame{At: placed(16, 8, 16, 8), Transparent: -1})
	want := transform.Rect{Left: 16, Top: 8, Width: 16, Height: 8}
	if got := look(t, b, transform.Trim{Threshold: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The canvas counts for the limits, though its frame is of one pixel.
func TestLargeCanvasOfAGIFIsRefused(t *testing.T) {
	b := picturetest.GIFOnScreen(65535, 65535, picturetest.GIFFrame{At: placed(0, 0, 1, 1), Transparent: -1})
	info := sniffed(t, b)
	if err := (transform.Limits{MaxPixels: 50_000_000}).CheckSource(info); err == nil {
		t.Error("no limit")
	}
}

// The first frame of a WebP may be smaller than its canvas. Chromium 156 leaves
// the rest transparent, whatever ANIM says of the background.
func TestCanvasOfAnAnimatedWebP(t *testing.T) {
	b := webpFrames(t, 2)
	const background, canvas = 38, 24
	copy(b[background:], "\x0a\x14\x1e\xff")
	b[canvas], b[canvas+3] = 11, 9 // 12 by 10, of which the frame has 8 by 8
	row, empty := "########....", "............"
	rows := strings.Fields(strings.Repeat(row+" ", 8) + empty + " " + empty)
	for options, around := range gifOutputs {
		checkCanvas(t, pixels(t, run(t, b, parse(t, options))), rows, around)
	}
}
