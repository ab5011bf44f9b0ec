package vips

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// framed is a Chart of w by h inside of borders of a colour.
func framed(w, h, left, top, right, bottom int, border color.Color) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, left+w+right, top+h+bottom))
	draw.Draw(m, m.Bounds(), image.NewUniform(border), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(left, top, left+w, top+h), picturetest.Chart(w, h), image.Point{}, draw.Src)
	return m
}

func look(t testing.TB, b []byte, trim transform.Trim) transform.Rect {
	t.Helper()
	info, err := transform.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New().Look(context.Background(), transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{{Trim: trim}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLook(t *testing.T) {
	m := framed(200, 100, 30, 20, 50, 10, color.White)
	want := transform.Rect{Left: 30, Top: 20, Width: 200, Height: 100}
	if got := look(t, picturetest.PNG(m), transform.Trim{On: true, Threshold: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

var _ = bytes.Equal
