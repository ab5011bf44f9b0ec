package vips

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// parse reads options of the native dialect.
func parse(t testing.TB, options string) transform.Params {
	t.Helper()
	var p transform.Params
	for segment := range strings.SplitSeq(options, "/") {
		if segment == "" {
			continue
		}
		args := strings.Split(segment, ":")
		known := false
		for _, o := range transform.Options() {
			for _, name := range o.Names {
				if name == args[0] {
					known = true
					if err := o.Set(&p, args[1:]); err != nil {
						t.Fatalf("%s: %v", segment, err)
					}
				}
			}
		}
		if !known {
			t.Fatalf("%s: no such option", segment)
		}
	}
	p, err := p.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	if again := p.String(); options != "" && parseOnce(t, again) != p {
		t.Fatalf("%s becomes %s, and then another", options, again)
	}
	return p
}

// parseOnce is parse without its check.
func parseOnce(t testing.TB, options string) transform.Params {
	var p transform.Params
	for segment := range strings.SplitSeq(options, "/") {
		args := strings.Split(segment, ":")
		for _, o := range transform.Options() {
			if o.Short() == args[0] {
				if err := o.Set(&p, args[1:]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	p, err := p.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	red, green, blue = picturetest.Red, picturetest.Green, picturetest.Blue
	yellow, grey     = picturetest.Yellow, picturetest.Grey
	clear            = color.RGBA{}
	white            = color.RGBA{255, 255, 255, 255}
)

// at is a point of a result, in pixels or as shares of its sides, and the
// colour that it must have.
type at struct {
	x, y float64
	c    color.RGBA
}

// markers fails where a pixel is not of about its colour.
func markers(t testing.TB, m image.Image, points []at) {
	t.Helper()
	for _, p := range points {
		// Go's colours are premultiplied, and so are these.
		r1, g1, b1, a1 := m.At(m.Bounds().Min.X+int(p.x), m.Bounds().Min.Y+int(p.y)).RGBA()
		r2, g2, b2, a2 := p.c.RGBA()
		for _, d := range []float64{float64(r1) - float64(r2), float64(g1) - float64(g2), float64(b1) - float64(b2),
			float64(a1) - float64(a2)} {
			if math.Abs(d)/257 > 12 {
				t.Errorf("pixel %v,%v is %v, want about %v", p.x, p.y, m.At(int(p.x), int(p.y)), p.c)
				break
			}
		}
	}
}

// option is what options make of a source: its size, and where marks land.
type option struct {
	options string
	w, h    int
	points  []at
}

func checkOptions(t *testing.T, b []byte, cases []option) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.options, func(t *testing.T) {
			p := parse(t, tc.options)
			if p.Format == transform.FormatUnknown {
				p.Format = transform.PNG
			}
			pic := marked(t, b, p)
			if pic.Width != tc.w || pic.Height != tc.h {
				t.Errorf("%dx%d, want %dx%d", pic.Width, pic.Height, tc.w, tc.h)
			}
			markers(t, pixels(t, pic), tc.points)
		})
	}
}

// The source is a chart of 320x240 whose corners are 80x60; all numbers are
// worked out by hand from imgproxy's documented rules.
func TestOptionsGeometry(t *testing.T) {
	checkOptions(t, chartPNG(), []option{
		{"", 320, 240, []at{{79, 59, red}, {80, 59, grey}, {79, 60, grey}, {240, 59, green}, {79, 180, blue}, {240, 180, yellow}}},
		{"w:160", 160, 120, []at{{35, 25, red}, {45, 25, grey}, {125, 25, green}, {35, 95, blue}, {125, 95, yellow}}},
		{"s:160:160", 160, 120, nil},
		{"rs:fit:640:480", 320, 240, nil},
		{"rs:fit:640:480:1", 640, 480, []at{{155, 115, red}, {165, 115, grey}}},
		{"rs:force:100:200", 100, 200, []at{{22, 45, red}, {28, 45, grey}, {22, 55, grey}, {78, 155, yellow}}},
		// Scaled to 160x120, cut to 120: the rest of 40 begins at 20.
		{"rs:fill:120:120", 120, 120, []at{{16, 25, red}, {24, 25, grey}, {96, 25, grey}, {104, 25, green}}},
		{"rs:fill:120:120/g:we", 120, 120, []at{{36, 25, red}, {44, 25, grey}, {116, 25, grey}}},
		{"rs:fill:120:120/g:ea", 120, 120, []at{{3, 25, grey}, {76, 25, grey}, {84, 25, green}}},
		{"rs:fill:120:120/g:ea:10", 120, 120, []at{{6, 25, red}, {14, 25, grey}, {86, 25, grey}, {94, 25, green}}},
		{"rs:fill:120:120/g:we:0.1", 120, 120, []at{{20, 25, red}, {28, 25, grey}}},
		{"rs:fill:120:120/g:ce:-5", 120, 120, []at{{21, 25, red}, {29, 25, grey}}},
		{"rs:fill:120:120/g:fp:1:0.5", 120, 120, []at{{3, 25, grey}, {84, 25, green}}},
		{"rs:fill:120:120/g:fp:0.4:0", 120, 120, []at{{32, 25, red}, {40, 25, grey}}},
		{"rs:fill:60:60/dpr:2/g:we:10", 120, 120, []at{{16, 25, red}, {24, 25, grey}}},
		{"rs:fill:160:60/g:so:0:10", 160, 60, []at{{35, 46, blue}, {35, 35, grey}, {35, 3, grey}}},
		{"rt:fill-down/s:480:480", 240, 240, []at{{36, 55, red}, {44, 55, grey}}},
		{"rt:auto/s:160:160", 160, 160, nil},
		{"rt:auto/s:100:160", 100, 75, nil},
		{"s:160:120/z:0.5", 80, 60, nil},
		{"rt:force/s:160:120/z:0.5:1", 80, 120, nil},
		{"w:100/dpr:2", 200, 150, nil},
		{"w:300/dpr:2", 320, 240, nil},
		// Fit makes 80x60, the minimum 160x120, and then the box cuts 30 rows off each end.
		{"s:160:60/mw:160", 160, 60, []at{{5, 3, grey}, {5, 56, grey}}},
		{"w:80/mh:120", 80, 120, []at{{3, 5, grey}, {76, 5, grey}}},
		{"w:320/mw:640", 320, 480, []at{{5, 5, grey}}},
		{"rot:90", 240, 320, []at{{5, 5, blue}, {235, 5, red}, {235, 315, green}, {5, 315, yellow}}},
		{"rot:90/w:120", 120, 160, []at{{5, 5, blue}}},
		{"rot:-90", 240, 320, []at{{5, 5, green}}},
		{"fl:1", 320, 240, []at{{5, 5, green}, {5, 235, yellow}}},
		{"fl:0:1", 320, 240, []at{{5, 5, blue}, {315, 5, yellow}}},
		{"fl:1:1", 320, 240, []at{{5, 5, yellow}, {315, 5, blue}}},
		{"rot:90/fl:1", 240, 320, []at{{5, 5, red}, {235, 5, blue}, {5, 315, green}}},
		{"rs:fill:60:120/rot:90/fl:1/g:nowe", 60, 120, []at{{5, 5, red}, {55, 5, grey}}},
	})
}

func TestOptionsCrop(t *testing.T) {
	checkOptions(t, chartPNG(), []option{
		{"c:160:120:soea", 160, 120, []at{{76, 65, grey}, {84, 56, grey}, {84, 64, yellow}}},
		{"c:0.5:0.25:no", 160, 60, []at{{3, 3, grey}, {156, 3, grey}}},
		{"c:0.5:0.25:nowe:10:20", 160, 60, []at{{66, 36, red}, {74, 36, grey}, {66, 44, grey}}},
		{"c:160:0", 160, 240, []at{{3, 5, grey}}},
		{"c:100:100/g:noea", 100, 100, []at{{16, 5, grey}, {24, 5, green}, {24, 64, grey}}},
		{"c:100:100:sowe/g:noea", 100, 100, []at{{76, 95, blue}, {84, 95, grey}}},
		{"c:1000:1000", 320, 240, nil},
		{"c:160:120:nowe/w:80", 80, 60, []at{{36, 26, red}, {44, 26, grey}}},
		{"c:160:120:nowe/rs:fill:60:60/g:ea", 60, 60, []at{{15, 26, red}, {24, 26, grey}}},
		// Gravity speaks of the image as it is seen in the end.
		{"c:120:120:nowe/rot:90", 120, 120, []at{{55, 75, blue}, {65, 75, grey}, {55, 85, grey}}},
		{"c:120:120:nowe/fl:1", 120, 120, []at{{76, 55, green}, {84, 55, grey}}},
		{"car:1", 240, 240, []at{{36, 55, red}, {44, 55, grey}}},
		{"car:2", 320, 160, []at{{5, 16, red}, {5, 24, grey}}},
		{"c:100:50/car:1", 50, 50, nil},
		{"c:100:50/car:1:1", 100, 100, nil},
		{"c:320:100/car:1:1", 240, 240, nil},
	})
}

func TestOptionsCanvas(t *testing.T) {
	checkOptions(t, chartPNG(), []option{
		{"s:200:200/ex:1:nowe", 200, 200, []at{{5, 5, red}, {5, 145, blue}, {5, 155, clear}}},
		{"s:200:200/ex:1", 200, 200, []at{{5, 24, clear}, {5, 30, red}, {5, 172, blue}, {5, 180, clear}}},
		{"s:200:200/ex:1:soea:0:10", 200, 200, []at{{5, 36, clear}, {5, 44, red}, {5, 186, blue}, {5, 194, clear}}},
		{"s:200:200/ex:1/f:jpg", 200, 200, []at{{5, 10, white}, {5, 40, red}}},
		{"s:200:200/ex:1/bg:0014dc", 200, 200, []at{{5, 10, color.RGBA{0, 20, 220, 255}}, {5, 40, red}}},
		{"s:200:200/ex:1/bg:0:20:220/f:webp", 200, 200, []at{{5, 10, color.RGBA{0, 20, 220, 255}}}},
		{"s:400:400/ex:1", 400, 400, []at{{35, 80, clear}, {45, 85, red}}},
		{"s:100:100/ex:1/dpr:2", 200, 200, []at{{5, 22, clear}, {5, 30, red}}},
		{"rs:fit:200:200:0:1:no", 200, 200, []at{{5, 5, red}, {5, 155, clear}}},
		{"s:100:200/exar:1", 100, 200, []at{{5, 58, clear}, {5, 68, red}}},
		{"s:1000:500/exar:1", 480, 240, []at{{75, 5, clear}, {85, 5, red}}},
		{"s:160:80/exar:1:we", 160, 80, []at{{5, 5, red}, {110, 5, clear}}},
		{"w:160/pd:10:20:30:40", 220, 160, []at{{36, 14, clear}, {44, 6, clear}, {44, 14, red}, {196, 126, yellow}, {204, 126, clear}}},
		{"w:160/pd:10", 180, 140, []at{{5, 60, clear}, {14, 14, red}}},
		{"w:160/pd:10:20", 200, 140, []at{{15, 60, clear}, {24, 14, red}}},
		{"w:160/pd:1:20:3", 200, 124, []at{{15, 60, clear}, {24, 5, red}}},
		{"w:80/dpr:2/pd:5", 180, 140, []at{{5, 60, clear}, {14, 14, red}}},
		{"s:200:200/ex:1:nowe/pd:10/bg:fff", 220, 220, []at{{5, 5, white}, {15, 15, red}, {15, 165, white}}},
		{"w:160/rc:20", 160, 120, []at{{3, 3, clear}, {9, 9, red}, {22, 1, red}, {156, 116, clear}, {150, 110, yellow}}},
		{"w:80/dpr:2/rc:10", 160, 120, []at{{3, 3, clear}, {9, 9, red}}},
		{"rs:fill:120:120/rc:0.5", 120, 120, []at{{14, 14, clear}, {60, 2, grey}, {20, 20, grey}}},
		{"w:160/rc:20/f:jpg/bg:00f", 160, 120, []at{{1, 1, color.RGBA{0, 0, 255, 255}}, {30, 20, red}}},
		{"w:160/pd:10/bg:fff/rc:20", 180, 140, []at{{3, 3, clear}, {9, 9, white}, {30, 30, red}}},
		{"w:160/mk:circle", 160, 120, []at{{16, 60, clear}, {24, 60, grey}, {136, 60, grey}, {144, 60, clear}, {80, 3, grey}}},
		{"w:160/mk:ellipse", 160, 120, []at{{5, 5, clear}, {30, 20, red}, {4, 60, grey}, {156, 60, grey}, {80, 3, grey}}},
		{"w:160/mrd:80", 80, 60, nil},
		{"s:200:200/ex:1/mrd:100", 100, 100, []at{{5, 10, clear}, {5, 20, red}}},
	})
	glass := picturetest.PNG(picturetest.Glass(320, 240))
	checkOptions(t, glass, []option{
		{"w:160", 160, 120, []at{{80, 60, clear}, {5, 5, red}}},
		{"w:160/bg:0014dc", 160, 120, []at{{80, 60, color.RGBA{0, 20, 220, 255}}, {5, 5, red}}},
		{"w:160/bg:0014dc/bga:0.5", 160, 120, []at{{80, 60, color.RGBA{0, 10, 110, 128}}, {5, 5, red}}},
		{"w:160/bg:0014dc/bga:0.5/f:jpg", 160, 120, []at{{80, 60, color.RGBA{0, 20, 220, 255}}}},
		{"w:160/bg:0014dc/bga:0.5/pd:10", 180, 140, []at{{5, 5, color.RGBA{0, 10, 110, 128}}, {15, 15, red}}},
		{"w:160/bl:2", 160, 120, []at{{80, 60, clear}, {5, 5, red}}},
		{"w:160/pix:10", 160, 120, []at{{80, 60, clear}, {5, 5, red}}},
		{"w:160/sh:1", 160, 120, []at{{80, 60, clear}, {5, 5, red}}},
		{"w:160/br:30", 160, 120, []at{{80, 60, clear}, {5, 5, color.RGBA{250, 50, 50, 255}}}},
		{"w:160/sa:0", 160, 120, []at{{80, 60, clear}, {5, 5, color.RGBA{62, 62, 62, 255}}}},
		{"w:160/rc:20", 160, 120, []at{{80, 60, clear}, {3, 3, clear}, {12, 12, red}}},
	})
}

func TestOptionsColour(t *testing.T) {
	checkOptions(t, chartPNG(), []option{
		{"br:50", 320, 240, []at{{5, 5, color.RGBA{255, 70, 70, 255}}, {160, 120, color.RGBA{178, 178, 178, 255}}}},
		{"br:-50", 320, 240, []at{{5, 5, color.RGBA{170, 0, 0, 255}}, {160, 120, color.RGBA{78, 78, 78, 255}}}},
		{"co:0.5", 320, 240, []at{{5, 5, color.RGBA{174, 74, 74, 255}}, {160, 120, grey}}},
		{"co:2", 320, 240, []at{{5, 5, color.RGBA{255, 0, 0, 255}}, {160, 120, color.RGBA{129, 129, 129, 255}}}},
		{"co:0", 320, 240, []at{{5, 5, grey}}},
		// Red's lightness is 0.2126·220 + 0.7874·20 = 62.5.
		{"sa:0", 320, 240, []at{{5, 5, color.RGBA{62, 62, 62, 255}}, {160, 120, grey}}},
		{"sa:0.5", 320, 240, []at{{5, 5, color.RGBA{141, 41, 41, 255}}}},
		{"sa:2", 320, 240, []at{{5, 5, color.RGBA{255, 0, 0, 255}}}},
		{"a:10:1:0", 320, 240, []at{{5, 5, color.RGBA{72, 72, 72, 255}}, {160, 120, color.RGBA{138, 138, 138, 255}}}},
		{"mc:1", 320, 240, []at{{5, 5, color.RGBA{44, 44, 44, 255}}, {160, 120, color.RGBA{90, 90, 90, 255}}}},
		{"mc:0.5:ff0000", 320, 240, []at{{5, 5, color.RGBA{141, 10, 10, 255}}, {160, 120, color.RGBA{128, 64, 64, 255}}}},
		// Blocks of 16: three quarters of red over a quarter of grey.
		{"w:64/pix:16", 64, 48, []at{{3, 3, color.RGBA{197, 47, 47, 255}}, {12, 12, color.RGBA{197, 47, 47, 255}}}},
		// On an edge a blur is half of each, and far from it nothing.
		{"w:160/bl:5", 160, 120, []at{{39, 8, color.RGBA{176, 72, 72, 255}}, {10, 8, red}, {80, 60, grey}}},
	})
	// What draws the eye is found whatever the image is made of.
	checkOptions(t, picturetest.PNG(picturetest.Glass(320, 240)), []option{
		{"rs:fill:100:120/g:sm", 100, 120, nil}, {"c:100:120:sm/w:50/rot:90/bl:1", 50, 60, nil}, {"c:100:100:sm/rs:fill:50:20/g:sm", 50, 20, nil},
	})
	grey8 := picturetest.PNG(framedGrey())
	checkOptions(t, grey8, []option{
		{"mc:1:ff0000", 40, 40, []at{{20, 20, color.RGBA{100, 0, 0, 255}}}},
		{"sa:0", 40, 40, []at{{20, 20, color.RGBA{100, 100, 100, 255}}}},
		{"br:20", 40, 40, []at{{20, 20, color.RGBA{120, 120, 120, 255}}}},
		{"pd:5/bg:f00", 50, 50, []at{{2, 2, color.RGBA{255, 0, 0, 255}}, {25, 25, color.RGBA{100, 100, 100, 255}}}},
		{"pd:5", 50, 50, []at{{2, 2, clear}, {25, 25, color.RGBA{100, 100, 100, 255}}}},
		{"sh:1/bl:1", 40, 40, []at{{20, 20, color.RGBA{100, 100, 100, 255}}}},
		{"rc:10", 40, 40, []at{{1, 1, clear}, {20, 20, color.RGBA{100, 100, 100, 255}}}},
		{"wm:1:ce", 40, 40, []at{{20, 20, markColour}, {20, 5, color.RGBA{100, 100, 100, 255}}}},
	})
}

func framedGrey() *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 40, 40))
	for i := range m.Pix {
		m.Pix[i] = 100
	}
	return m
}

var markColour = color.RGBA{0, 90, 200, 255}

// mark is the watermark of these tests: 40x20 of one colour.
func mark() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 40, 20))
	draw.Draw(m, m.Bounds(), image.NewUniform(markColour), image.Point{}, draw.Src)
	return picturetest.PNG(m)
}

// On a result of 160x120.
func TestOptionsWatermark(t *testing.T) {
	half := color.RGBA{64, 109, 164, 255} // of the mark and grey
	checkOptions(t, chartPNG(), []option{
		{"w:160/wm:1:nowe:10:5", 160, 120, []at{{8, 8, red}, {12, 3, red}, {12, 8, markColour}, {48, 22, markColour}, {52, 22, grey}, {12, 27, red}}},
		{"w:160/wm:1:soea:10:5", 160, 120, []at{{108, 98, grey}, {112, 93, grey}, {112, 98, markColour}, {148, 112, markColour}, {152, 112, yellow}}},
		{"w:160/wm:1", 160, 120, []at{{58, 52, grey}, {62, 52, markColour}, {98, 68, markColour}, {102, 68, grey}}},
		{"w:160/wm:0.5", 160, 120, []at{{80, 60, half}}},
		{"w:160/wm:1:ce:20:0", 160, 120, []at{{78, 52, grey}, {82, 52, markColour}}},
		{"w:160/wm:1:ce:0:0:0.5", 160, 120, []at{{38, 60, grey}, {42, 60, markColour}, {80, 42, markColour}, {80, 38, grey}}},
		{"w:160/wm:1:nowe:-20:0", 160, 120, []at{{18, 8, markColour}, {22, 8, red}}},
		{"w:160/wm:1:we:0.25:0", 160, 120, []at{{38, 60, grey}, {42, 60, markColour}}},
		{"w:80/dpr:2/wm:1:nowe:10:5", 160, 120, []at{{18, 15, red}, {22, 15, markColour}}},
		// Tiles of 50x30, of which five times five are cut to their middle.
		{"w:160/wm:1:re:10:10", 160, 120, []at{{12, 22, markColour}, {48, 38, markColour}, {54, 38, grey}, {64, 52, markColour}, {64, 44, grey}, {5, 22, red}}},
		{"w:160/wm:1:ce/pd:10", 180, 140, []at{{68, 62, grey}, {72, 62, markColour}, {5, 5, clear}}},
		{"w:160/wm:1:nowe/rc:20", 160, 120, []at{{3, 3, clear}, {15, 15, markColour}}},
	})
	checkOptions(t, picturetest.PNG(picturetest.Glass(320, 240)), []option{
		{"w:160/wm:1", 160, 120, []at{{80, 60, markColour}, {80, 40, clear}}},
	})
}

// marked is run with a watermark.
func marked(t testing.TB, b []byte, p transform.Params) transform.Picture {
	t.Helper()
	info, err := container.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	m := mark()
	markInfo, err := container.Sniff(m)
	if err != nil {
		t.Fatal(err)
	}
	if p.Trim.On {
		info.Content = look(t, b, p.Trim)
	}
	job := transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{p}, Watermark: source(t, m),
		WatermarkInfo: markInfo}
	var pic transform.Picture
	if err := New().Transform(t.Context(), job, func(_ int, got transform.Picture) { pic = got }); err != nil {
		t.Fatalf("%v of %v: %v", p, info.Format, err)
	}
	out, err := container.Sniff(pic.Body)
	if err != nil || out.Width != pic.Width || out.Height != pic.Height || out.Format != pic.Format {
		t.Fatalf("the result says %v %dx%d, it is %+v, %v", pic.Format, pic.Width, pic.Height, out, err)
	}
	if g := transform.NewGeometry(info, p); g.Width != pic.Width || g.Height != pic.Height {
		t.Fatalf("the result is %dx%d, planned were %dx%d", pic.Width, pic.Height, g.Width, g.Height)
	}
	return pic
}
