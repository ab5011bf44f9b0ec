package vips

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// framed is a chart of 200x100 in a border: 30 left, 20 above, 50 right, 10 below.
func framed(border color.Color) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 280, 130))
	draw.Draw(m, m.Bounds(), image.NewUniform(border), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(30, 20, 230, 120), picturetest.Chart(200, 100), image.Point{}, draw.Src)
	return m
}

func look(t testing.TB, b []byte, trim transform.Trim) transform.Rect {
	t.Helper()
	info, err := container.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New().FindTrim(t.Context(), transform.Job{Source: source(t, b), Info: info,
		Outputs: []transform.Params{{Trim: trim}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLookFindsTheContent(t *testing.T) {
	white := picturetest.PNG(framed(color.White))
	want := transform.Rect{Left: 30, Top: 20, Width: 200, Height: 100}
	for name, b := range map[string][]byte{
		"PNG":              white,
		"interlaced PNG":   bimgAs(t, white, bimg.Options{Type: bimg.PNG, Interlace: true}),
		"lossless WebP":    bimgAs(t, white, bimg.Options{Type: bimg.WEBP, Lossless: true}),
		"GIF":              bimgAs(t, white, bimg.Options{Type: bimg.GIF}),
		"transparent":      picturetest.PNG(framed(color.Transparent)),
		"a colour":         picturetest.PNG(framed(color.NRGBA{10, 120, 200, 255})),
		"the whole of one": picturetest.PNG(image.NewGray(image.Rect(0, 0, 40, 30))),
		"JPEG":             picturetest.JPEG(framed(color.White), 95),
		"progressive JPEG": bimgAs(t, white, bimg.Options{Type: bimg.JPEG, Quality: 95, Interlace: true}),
	} {
		t.Run(name, func(t *testing.T) {
			want := want
			if name == "the whole of one" {
				want = transform.Rect{Width: 40, Height: 30}
			}
			got := look(t, b, transform.Trim{On: true, Threshold: 20})
			if abs(got.Left-want.Left) > 1 || abs(got.Top-want.Top) > 1 || abs(got.Width-want.Width) > 2 ||
				abs(got.Height-want.Height) > 2 {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
	if got := look(t, white, transform.Trim{On: true, Threshold: 10, Given: true,
		Color: transform.Color{0, 0, 0}}); got != (transform.Rect{Width: 280, Height: 130}) {
		t.Errorf("a border of another colour was cut: %+v", got)
	}
	if got := look(t, picturetest.PNG(framed(color.Transparent)),
		transform.Trim{On: true, Threshold: 10, Given: true, Color: transform.Color{255, 0, 255}}); got != want {
		t.Errorf("ff00ff does not match transparency: %+v", got)
	}
}

func abs(n int) int { return max(n, -n) }

func TestLookRefusesABrokenPicture(t *testing.T) {
	b := picturetest.JPEG(picturetest.Photo(600, 450, 1), 90)
	info, err := container.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New().FindTrim(t.Context(), transform.Job{Source: source(t, b[:len(b)/2]), Info: info,
		Outputs: []transform.Params{{Trim: transform.Trim{On: true}}}})
	if !errors.Is(err, transform.ErrMalformed) {
		t.Error(err)
	}
}

func TestOptionsTrim(t *testing.T) {
	border := color.NRGBA{250, 240, 230, 255}
	edge := color.RGBA{250, 240, 230, 255}
	checkOptions(t, picturetest.PNG(framed(border)), []option{
		{"t:10", 200, 100, []at{{2, 2, red}, {197, 2, green}, {2, 97, blue}, {197, 97, yellow}}},
		{"t:10:faf0e6", 200, 100, []at{{2, 2, red}}},
		{"t:10:000000", 280, 130, []at{{2, 2, edge}}},
		{"t:", 280, 130, nil},
		{"t:10::1", 220, 100, []at{{2, 2, red}, {202, 2, edge}}},
		{"t:10::0:1", 200, 110, []at{{2, 5, edge}, {2, 12, red}}},
		{"t:10::1:1", 220, 110, nil},
		{"t:10/w:100", 100, 50, []at{{2, 2, red}, {97, 47, yellow}}},
		{"t:10/c:100:50:soea", 100, 50, []at{{48, 30, grey}, {52, 30, yellow}, {97, 47, yellow}}},
		{"t:10/rs:fill:50:50/g:we", 50, 50, []at{{2, 2, red}, {47, 2, grey}}},
		{"t:10/rot:90", 100, 200, []at{{2, 2, blue}, {97, 2, red}}},
		{"t:10/pd:5", 210, 110, []at{{2, 2, clear}, {7, 7, red}}},
	})
	// Decoders that reduce by themselves leave nothing of the border.
	large := framed(border)
	big := bimgAs(t, picturetest.PNG(large), bimg.Options{Type: bimg.PNG, Width: 2240, Height: 1040, Force: true,
		Enlarge: true, Interpolator: bimg.Nearest})
	for _, f := range []bimg.ImageType{bimg.JPEG, bimg.WEBP} {
		checkOptions(t, bimgAs(t, big, bimg.Options{Type: f, Quality: 95}), []option{
			{"t:40/w:100", 100, 50, []at{{0, 5, red}, {99, 5, green}, {12, 0, red}, {12, 49, blue}}},
		})
	}
}
