package vips

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

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
