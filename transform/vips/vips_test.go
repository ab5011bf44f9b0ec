package vips

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// source makes a sealed source of b.
func source(t testing.TB, b []byte) *transform.Source {
	t.Helper()
	s, err := transform.NewSource()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	return s
}

// runInfo does one output of a source about which info is believed.
func runInfo(t testing.TB, b []byte, info transform.Info, p transform.Params) (transform.Picture, error) {
	t.Helper()
	if p.Format == transform.FormatUnknown {
		p.Format = info.Format
	}
	var got transform.Picture
	job := transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{p}}
	err := New().Transform(context.Background(), job, func(_ int, pic transform.Picture) { got = pic })
	return got, err
}

// run sniffs, works and checks that the result is what it says it is.
func run(t testing.TB, b []byte, p transform.Params) transform.Picture {
	t.Helper()
	info, err := transform.Sniff(b)
	if err != nil {
		t.Fatalf("sniff: %v", err)
	}
	pic, err := runInfo(t, b, info, p)
	if err != nil {
		t.Fatalf("%v of %v: %v", p, info.Format, err)
	}
	out, err := transform.Sniff(pic.Body)
	if err != nil {
		t.Fatalf("sniff of the result: %v", err)
	}
	if out.Format != pic.Format || out.Width != pic.Width || out.Height != pic.Height || out.Orientation != 1 {
		t.Fatalf("the result says %v %dx%d, it is %+v", pic.Format, pic.Width, pic.Height, out)
	}
	g := transform.NewGeometry(info, p)
	if pic.Width != g.Width || pic.Height != g.Height {
		t.Fatalf("the result is %dx%d, planned were %dx%d", pic.Width, pic.Height, g.Width, g.Height)
	}
	return pic
}

// pixels decodes any picture, by way of PNG where Go has no decoder.
func pixels(t testing.TB, pic transform.Picture) image.Image {
	t.Helper()
	if pic.Format != transform.PNG {
		pic = run(t, pic.Body, transform.Params{Format: transform.PNG})
	}
	m, err := png.Decode(bytes.NewReader(pic.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// near fails unless the pixel at the given share of both sides is about c.
func near(t testing.TB, m image.Image, x, y float64, c color.Color) {
	t.Helper()
	px := m.Bounds().Min.X + int(x*float64(m.Bounds().Dx()))
	py := m.Bounds().Min.Y + int(y*float64(m.Bounds().Dy()))
	r1, g1, b1, a1 := m.At(px, py).RGBA()
	r2, g2, b2, a2 := c.RGBA()
	for _, d := range []float64{float64(r1) - float64(r2), float64(g1) - float64(g2), float64(b1) - float64(b2), float64(a1) - float64(a2)} {
		if math.Abs(d)/257 > 30 {
			t.Errorf("pixel at %v, %v is %v, want about %v", x, y, m.At(px, py), c)
			return
		}
	}
}

// upright fails unless m is a whole Chart, the right way up.
func upright(t testing.TB, m image.Image) {
	t.Helper()
	near(t, m, 0.1, 0.1, picturetest.Red)
	near(t, m, 0.9, 0.1, picturetest.Green)
	near(t, m, 0.1, 0.9, picturetest.Blue)
	near(t, m, 0.9, 0.9, picturetest.Yellow)
	near(t, m, 0.5, 0.5, picturetest.Grey)
}

// bimgAs encodes through bimg, which writes the forms that pictor only reads.
func bimgAs(t testing.TB, b []byte, o bimg.Options) []byte {
	t.Helper()
	out, err := bimg.NewImage(b).Process(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func chartPNG() []byte { return picturetest.PNG(picturetest.Chart(320, 240)) }

func TestEveryFormatToEveryFormat(t *testing.T) {
	for _, from := range transform.Formats {
		in := run(t, chartPNG(), transform.Params{Format: from})
		for _, to := range transform.Formats {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				pic := run(t, in.Body, transform.Params{Width: 160, Format: to})
				if pic.Width != 160 || pic.Height != 120 {
					t.Errorf("%dx%d", pic.Width, pic.Height)
				}
				upright(t, pixels(t, pic))
			})
		}
	}
}

// The forms that cost most to decode must come out as the plain ones do.
func TestForms(t *testing.T) {
	photo := picturetest.PNG(picturetest.Photo(600, 450, 3))
	want := pixels(t, run(t, photo, transform.Params{Width: 200, Format: transform.PNG}))
	for name, o := range map[string]bimg.Options{
		"progressive JPEG": {Type: bimg.JPEG, Quality: 92, Interlace: true},
		"interlaced PNG":   {Type: bimg.PNG, Interlace: true},
		"lossless WebP":    {Type: bimg.WEBP, Lossless: true},
		"lossy WebP":       {Type: bimg.WEBP, Quality: 92},
		"AVIF":             {Type: bimg.AVIF, Quality: 85, Speed: 8},
	} {
		t.Run(name, func(t *testing.T) {
			got := pixels(t, run(t, bimgAs(t, photo, o), transform.Params{Width: 200, Format: transform.PNG}))
			if d := picturetest.Distance(want, got); d > 4 {
				t.Errorf("%.1f away from the plain one", d)
			}
		})
	}
}

// oriented are files of a chart of 800x600 that is stored as orientation o says.
func oriented(t testing.TB, o int) map[string][]byte {
	m := picturetest.Stored(picturetest.Chart(800, 600), o)
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	as := func(f transform.Format) []byte {
		return run(t, picturetest.PNG(m), transform.Params{Format: f, Quality: 90}).Body
	}
	return map[string][]byte{
		"JPEG": picturetest.WithOrientation(picturetest.JPEG(m, 90), o),
		"WebP": picturetest.WebPWithEXIF(as(transform.WebP), w, h, o, ""),
		"AVIF": picturetest.AVIF(as(transform.AVIF), o, nil),
	}
}

func TestEveryOrientationComesOutUpright(t *testing.T) {
	whole := []at{{0.1, 0.1, red}, {0.9, 0.1, green}, {0.1, 0.9, blue}, {0.9, 0.9, yellow}, {0.5, 0.5, grey}}
	for o := 1; o <= 8; o++ {
		for format, b := range oriented(t, o) {
			for _, tc := range []struct {
				options string
				w, h    int
				points  []at
			}{
				{"", 800, 600, whole},
				{"w:200", 200, 150, whole},
				{"rt:force/w:100/h:300", 100, 300, whole},
				// Of 200x150 the left 100: red and blue are 50 wide.
				{"rs:fill:100:150/g:we", 100, 150, []at{{0.45, 0.1, red}, {0.55, 0.1, grey}, {0.45, 0.9, blue}, {0.9, 0.9, grey}}},
				{"rs:fill:200:75/g:no", 200, 75, []at{{0.1, 0.45, red}, {0.1, 0.55, grey}, {0.9, 0.45, green}}},
				// Of the right bottom 400x300, yellow is half of each side.
				{"c:400:300:soea/w:100", 100, 75, []at{{0.1, 0.9, grey}, {0.45, 0.9, grey}, {0.55, 0.9, yellow}, {0.9, 0.55, yellow}, {0.9, 0.45, grey}}},
				{"c:0.25:0:we", 200, 600, []at{{0.9, 0.1, red}, {0.9, 0.5, grey}, {0.9, 0.9, blue}}},
				{"c:400:600:nowe/rs:fill:100:100/rot:90", 100, 100, []at{{0.1, 0.1, blue}, {0.45, 0.1, grey}, {0.1, 0.35, grey}}},
			} {
				t.Run(fmt.Sprintf("%s %d %s", format, o, tc.options), func(t *testing.T) {
					p := parse(t, tc.options)
					p.Format = transform.PNG
					pic := run(t, b, p)
					if pic.Width != tc.w || pic.Height != tc.h {
						t.Errorf("%dx%d, want %dx%d", pic.Width, pic.Height, tc.w, tc.h)
					}
					m := pixels(t, pic)
					for _, point := range tc.points {
						near(t, m, point.x, point.y, point.c)
					}
				})
			}
		}
	}
}

func TestThumbnailInside(t *testing.T) {
	as := func(m image.Image) []byte {
		return run(t, picturetest.PNG(m), transform.Params{Format: transform.AVIF, Quality: 90}).Body
	}
	// Told apart by their colours.
	b := picturetest.AVIF(as(picturetest.Chart(400, 300)), 1, as(picturetest.Stored(picturetest.Chart(160, 120), 3)))
	for _, tc := range []struct {
		options string
		w, h    int
		corner  color.Color
	}{
		{"", 400, 300, red},
		{"eth:1", 160, 120, yellow},
		{"eth:1/w:80", 80, 60, yellow},
		{"eth:1/w:300", 160, 120, yellow},
		{"eth:1/c:80:60:nowe", 80, 60, yellow},
	} {
		pic := run(t, b, parse(t, "f:png/"+tc.options))
		if pic.Width != tc.w || pic.Height != tc.h {
			t.Errorf("%s: %dx%d, want %dx%d", tc.options, pic.Width, pic.Height, tc.w, tc.h)
		}
		near(t, pixels(t, pic), 0.1, 0.1, tc.corner)
	}
	plain := run(t, as(picturetest.Chart(400, 300)), parse(t, "f:png/eth:1"))
	if plain.Width != 400 {
		t.Errorf("one without a thumbnail is %d wide", plain.Width)
	}
}

func TestRotationIsClockwise(t *testing.T) {
	m := pixels(t, run(t, chartPNG(), transform.Params{Rotate: 90, Format: transform.PNG}))
	near(t, m, 0.9, 0.1, picturetest.Red)
	near(t, m, 0.9, 0.9, picturetest.Green)
	near(t, m, 0.1, 0.1, picturetest.Blue)
}

func TestOrientationIgnored(t *testing.T) {
	b := picturetest.WithOrientation(picturetest.JPEG(picturetest.Chart(320, 240), 90), 6)
	upright(t, pixels(t, run(t, b, transform.Params{IgnoreOrientation: true})))
}

func TestGravity(t *testing.T) {
	for g, want := range map[transform.Anchor][2]color.Color{ // left top, right bottom
		transform.West:      {picturetest.Red, picturetest.Grey},
		transform.East:      {picturetest.Grey, picturetest.Yellow},
		transform.Center:    {picturetest.Grey, picturetest.Grey},
		transform.SouthWest: {picturetest.Red, picturetest.Grey},
	} {
		t.Run(g.String(), func(t *testing.T) {
			m := pixels(t, run(t, chartPNG(), transform.Params{Mode: transform.Fill, Width: 60, Height: 120, Gravity: transform.At(g), Format: transform.PNG}))
			near(t, m, 0.15, 0.1, want[0])
			near(t, m, 0.85, 0.9, want[1])
		})
	}
}

func TestAlpha(t *testing.T) {
	glass := picturetest.PNG(picturetest.Glass(320, 240))
	for _, f := range []transform.Format{transform.PNG, transform.WebP, transform.GIF, transform.AVIF} {
		t.Run(f.String(), func(t *testing.T) {
			m := pixels(t, run(t, glass, transform.Params{Width: 160, Format: f}))
			near(t, m, 0.5, 0.5, color.Transparent)
			near(t, m, 0.1, 0.1, picturetest.Red)
		})
	}
	t.Run("JPEG has white instead", func(t *testing.T) {
		near(t, pixels(t, run(t, glass, transform.Params{Width: 160, Format: transform.JPEG})), 0.5, 0.5, color.White)
	})
}

func TestColourModels(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 64, 64))
	deep := image.NewNRGBA64(image.Rect(0, 0, 64, 64))
	for i := range gray.Pix {
		gray.Pix[i] = 200
	}
	for y := range 64 {
		for x := range 64 {
			deep.SetNRGBA64(x, y, color.NRGBA64{0xdcdc, 0x1414, 0x1414, 0xffff})
		}
	}
	cmyk := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range cmyk.Pix {
		cmyk.Pix[i] = 255
	}
	for name, tc := range map[string]struct {
		b    []byte
		want color.Color
	}{
		"grey JPEG":  {picturetest.JPEG(gray, 95), color.Gray{200}},
		"grey PNG":   {picturetest.PNG(gray), color.Gray{200}},
		"16-bit PNG": {picturetest.PNG(deep), color.RGBA{0xdc, 0x14, 0x14, 255}},
		"CMYK JPEG":  {cmykJPEG(t, cmyk), color.White},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range transform.Formats {
				near(t, pixels(t, run(t, tc.b, transform.Params{Width: 32, Format: f})), 0.5, 0.5, tc.want)
			}
		})
	}
}

// cmykJPEG is m in four inks.
func cmykJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	out := bimgAs(t, picturetest.PNG(m), bimg.Options{Type: bimg.JPEG, Interpretation: bimg.InterpretationCMYK})
	if info, err := transform.Sniff(out); err != nil || info.Bands != 4 {
		t.Fatalf("no CMYK picture: %+v, %v", info, err)
	}
	return out
}

func TestMetadata(t *testing.T) {
	b := picturetest.WithOrientation(picturetest.JPEG(picturetest.Stored(picturetest.Chart(320, 240), 6), 90), 6)
	if pic := run(t, b, transform.Params{}); bytes.Contains(pic.Body, []byte("Exif")) {
		t.Error("EXIF was not stripped")
	}
	pic := run(t, b, transform.Params{KeepMetadata: true})
	if !bytes.Contains(pic.Body, []byte("Exif")) {
		t.Error("EXIF was not kept")
	}
	upright(t, pixels(t, pic)) // once turned, a kept tag must not turn it again
}

// What the sniff lets through by mistake, or a source that lies about itself,
// must still end in an error.
func TestBadPictures(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(600, 450, 1), 90)
	good, err := transform.Sniff(photo)
	if err != nil {
		t.Fatal(err)
	}
	wrong := good
	wrong.Width, wrong.Height = 450, 600
	png := picturetest.PNG(picturetest.Photo(600, 450, 1))
	goodPNG := good
	goodPNG.Format = transform.PNG
	for name, tc := range map[string]struct {
		b    []byte
		info transform.Info
	}{
		"JPEG cut in half":            {photo[:len(photo)/2], good},
		"PNG cut in half":             {png[:len(png)/2], goodPNG},
		"size is not the sniffed one": {photo, wrong},
		"another format's bytes":      {png, good},
		"no bytes":                    {nil, good},
		"PNG with a broken row":       {append(append(append([]byte{}, png[:len(png)/2]...), make([]byte, 500)...), png[len(png)/2+500:]...), goodPNG},
	} {
		t.Run(name, func(t *testing.T) {
			if pic, err := runInfo(t, tc.b, tc.info, transform.Params{Width: 300}); !errors.Is(err, transform.ErrMalformed) {
				t.Errorf("got %d bytes, %v", len(pic.Body), err)
			}
		})
	}
}

// The loaders that nobody asked for are blocked for the whole process.
func TestOtherLoadersAreBlocked(t *testing.T) {
	New()
	for name, b := range map[string][]byte{
		"SVG":    []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>`),
		"PPM":    []byte("P6 1 1 255\n\x01\x02\x03"),
		"BMP":    append([]byte("BM"), make([]byte, 60)...),
		"matrix": []byte("1 1\n5\n"),
	} {
		if _, err := bimg.NewImage(b).Process(bimg.Options{Type: bimg.PNG}); err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}

func TestProbeFindsEveryPromisedFormat(t *testing.T) {
	if c := New().Probe(); len(c.Missing()) > 0 || c.Version == "" {
		t.Errorf("%+v misses %v", c, c.Missing())
	}
}

// bimg is the independent reference: where it can do the operation, too, the
// pictures must agree.
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
		"north crop": {transform.Params{Mode: transform.Fill, Width: 300, Height: 100, Gravity: transform.At(transform.North)},
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

// Golden pictures are compared by distance. A missing one fails; they are
// written by hand only: PICTOR_GOLDEN=write go test -run Golden.
func TestGolden(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(900, 675, 11), 92)
	turned := picturetest.WithOrientation(picturetest.JPEG(picturetest.Stored(picturetest.Photo(400, 300, 12), 6), 92), 6)
	glass := picturetest.PNG(picturetest.Glass(200, 160))
	for name, tc := range map[string]struct {
		b []byte
		p transform.Params
	}{
		"fit-jpeg":   {photo, transform.Params{Width: 96, Format: transform.JPEG}},
		"fit-webp":   {photo, transform.Params{Width: 96, Format: transform.WebP}},
		"fit-avif":   {photo, transform.Params{Width: 96, Format: transform.AVIF}},
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
			if d := picturetest.Perceived(want, got); d > 1.5 {
				t.Errorf("it looks %.2f away from %s", d, path)
			}
		})
	}
}

func TestOneJobManyOutputs(t *testing.T) {
	b := picturetest.JPEG(picturetest.Photo(600, 450, 1), 90)
	info, err := transform.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	job := transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{
		{Width: 300, Format: transform.JPEG}, {Width: 100, Format: transform.WebP}}}
	var widths []int
	if err := New().Transform(context.Background(), job, func(i int, p transform.Picture) {
		widths = append(widths, p.Width)
		if p.Format != job.Outputs[i].Format {
			t.Errorf("output %d is %v", i, p.Format)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(widths) != 2 || widths[0] != 300 || widths[1] != 100 {
		t.Errorf("delivered %v", widths)
	}
}

// Everything that libvips counts is given back by the end of a job.
func TestNothingIsLeaked(t *testing.T) {
	b := picturetest.JPEG(picturetest.Photo(600, 450, 1), 90)
	p := transform.Params{Width: 200, Rotate: 90, Format: transform.WebP}
	run(t, b, p)
	before := bimg.VipsMemory()
	for range 20 {
		run(t, b, p)
		if _, err := runInfo(t, b[:len(b)/2], transform.Info{Format: transform.JPEG, Width: 600, Height: 450, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}, p); err == nil {
			t.Fatal("a cut picture passed")
		}
	}
	// libvips' threads let go of their buffers as they end, a moment after
	// the job that they worked for.
	var after bimg.VipsMemoryInfo
	for range 200 {
		if after = bimg.VipsMemory(); after.Allocations <= before.Allocations && after.Memory <= before.Memory {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("before %+v, after %+v", before, after)
}

var benchSink transform.Picture

func BenchmarkTransform(b *testing.B) {
	photo := picturetest.JPEG(picturetest.Photo(2725, 2225, 1), 85)
	info, err := transform.Sniff(photo)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []transform.Format{transform.JPEG, transform.WebP} {
		b.Run(f.String(), func(b *testing.B) {
			for b.Loop() {
				benchSink, err = runInfo(b, photo, info, transform.Params{Width: 720, Format: f})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
