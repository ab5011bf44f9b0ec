package proxy

import (
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// What imaginary's documentation shows is what its clients get, by the same names and in the same words.
func TestInfoOfImaginary(t *testing.T) {
	jpg := picturetest.WithEXIF(picturetest.JPEG(picturetest.Photo(60, 40, 1), 80), 6, "")
	for want, b := range map[string][]byte{
		`{"width":60,"height":40,"type":"jpeg","space":"srgb","hasAlpha":false,"hasProfile":true,"channels":3,` +
			`"orientation":6}`: picturetest.WithJPEGProfile(jpg, picturetest.Profile("mntr", "RGB ")),
		`{"width":8,"height":4,"type":"png","space":"srgb","hasAlpha":true,"hasProfile":false,"channels":4,` +
			`"orientation":1}`: picturetest.PNG(picturetest.Glass(8, 4)),
	} {
		info, err := container.Sniff(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tellImaginary(info); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
