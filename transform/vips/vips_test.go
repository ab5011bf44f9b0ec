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
	"testing"
	"time"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// source makes a sealed source of b.
func source(t testing.TB, b []byte) *memfile.Source {
	t.Helper()
	s, err := memfile.New()
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
	info, err := container.Sniff(b)
	if err != nil {
		t.Fatalf("sniff: %v", err)
	}
	pic, err := runInfo(t, b, info, p)
	if err != nil {
		t.Fatalf("%v of %v: %v", p, info.Format, err)
	}
	out, err := container.Sniff(pic.Body)
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

// pixels decodes any image, by way of PNG where Go has no decoder.
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
	for _, d := range []float64{float64(r1) - float64(r2), float64(g1) - float64(g2), float64(b1) - float64(b2),
		float64(a1) - float64(a2)} {
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
	for _, from := range transform.Outputs {
		in := run(t, chartPNG(), transform.Params{Format: from})
		for _, to := range transform.Outputs {
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
func TestGravity(t *testing.T) {
	for g, want := range map[transform.Anchor][2]color.Color{ // left top, right bottom
		transform.West:      {picturetest.Red, picturetest.Grey},
		transform.East:      {picturetest.Grey, picturetest.Yellow},
		transform.Center:    {picturetest.Grey, picturetest.Grey},
		transform.SouthWest: {picturetest.Red, picturetest.Grey},
	} {
		t.Run(g.String(), func(t *testing.T) {
			m := pixels(t, run(t, chartPNG(), transform.Params{Mode: transform.Fill, Width: 60, Height: 120,
				Gravity: transform.At(g), Format: transform.PNG}))
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
			for _, f := range transform.Outputs {
				near(t, pixels(t, run(t, tc.b, transform.Params{Width: 32, Format: f})), 0.5, 0.5, tc.want)
			}
		})
	}
}

// cmykJPEG is m in four inks.
func cmykJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	out := bimgAs(t, picturetest.PNG(m), bimg.Options{Type: bimg.JPEG, Interpretation: bimg.InterpretationCMYK})
	if info, err := container.Sniff(out); err != nil || info.Bands != 4 {
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
	good, err := container.Sniff(photo)
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
			pic, err := runInfo(t, tc.b, tc.info, transform.Params{Width: 300})
			if !errors.Is(err, transform.ErrMalformed) {
				t.Errorf("got %d bytes, %v", len(pic.Body), err)
			}
		})
	}
}

// The loaders that nobody asked for are blocked for the whole process.
func TestOtherLoadersAreBlocked(t *testing.T) {
	New()
	for name, b := range map[string][]byte{
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
// images must agree.
// Golden images are compared by distance. A missing one fails; they are
// written by hand only: PICTOR_GOLDEN=write go test -run Golden.
func TestOneJobManyOutputs(t *testing.T) {
	b := picturetest.JPEG(picturetest.Photo(600, 450, 1), 90)
	info, err := container.Sniff(b)
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
		if _, err := runInfo(t, b[:len(b)/2], transform.Info{Format: transform.JPEG, Width: 600, Height: 450,
			Orientation: 1, Frames: 1, Bands: 3, Bits: 8}, p); err == nil {
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
	info, err := container.Sniff(photo)
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
