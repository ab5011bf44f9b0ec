package container

import (
	"bytes"
	"image"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func bitmapSamples() []sample {
	var all []sample
	glass := picturetest.Glass(33, 17)
	add := func(name string, b []byte, want transform.Info) {
		want.Width, want.Height, want.Orientation, want.Bits, want.Frames = 33, 17, 1, max(want.Bits, 8), 1
		all = append(all, sample{name, b, want})
	}
	bmp := func(name string, f picturetest.BMPForm, want transform.Info) {
		want.Format = transform.BMP
		add("bmp/"+name, picturetest.BMP(glass, f), want)
	}
	opaque := transform.Info{Bands: 3}
	bmp("24", picturetest.BMPForm{Bits: 24, Header: 40}, opaque)
	bmp("os2", picturetest.BMPForm{Bits: 8, Header: 12}, opaque)
	bmp("runs", picturetest.BMPForm{Bits: 8, Header: 40, RunLength: true}, opaque)
	bmp("top down", picturetest.BMPForm{Bits: 4, Header: 108, TopDown: true}, opaque)
	bmp("alpha", picturetest.BMPForm{Bits: 32, Header: 56, Masks: [4]uint32{0xFF, 0xFF00, 0xFF0000, 0xFF000000}},
		transform.Info{Bands: 4, Alpha: true})
	small, bitmap := picturetest.PNG(picturetest.Chart(16, 16)), picturetest.BMPForm{Bits: 32, Header: 40}
	add("ico/png", picturetest.ICO(small, picturetest.PNG(glass)),
		transform.Info{Format: transform.ICO, Inside: transform.PNG, Bands: 4, Alpha: true})
	add("ico/bitmap", picturetest.ICO(small, picturetest.IconBitmap(glass, bitmap)),
		transform.Info{Format: transform.ICO, Inside: transform.BMP, Bands: 4, Alpha: true})
	return all
}

func TestSniffRefusesBitmaps(t *testing.T) {
	good := picturetest.BMP(picturetest.Chart(33, 17), picturetest.BMPForm{Bits: 24, Header: 40})
	change := func(at int, v ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], v)
		return b
	}
	bad, no, cut := transform.ErrMalformed, transform.ErrUnsupported, transform.ErrTruncated
	wantRefusals(t, []refusal{
		{"header alone", good[:20], cut, "in its header"},
		{"no width", change(18, 0, 0, 0, 0), bad, "width"},
		{"negative width", change(18, 0, 0, 0, 0x80), bad, "width"},
		{"no height", change(22, 0, 0, 0, 0), bad, "height"},
		{"height of 31 bits", change(22, 0, 0, 0, 0x80), bad, "height"},
		{"width of 31 bits", change(18, 0xFF, 0xFF, 0xFF, 0x7F), cut, "in the middle"},
		{"many rows", change(22, 0xFF, 0xFF, 0xFF, 0x7F), cut, "in the middle"},
		{"3 bits", change(28, 3, 0), no, "3 bits"},
		{"JPEG inside", change(30, 4, 0), no, "compression"},
		{"runs of 24 bits", change(30, 1, 0), no, "compression"},
		{"header of 13 bytes", change(14, 13), bad, "header"},
		{"pixels behind the end", change(10, 0, 0, 0, 1), cut, "before the image data"},
		{"no image", []byte("\x00\x00\x01\x00\x00\x00"), bad, "no image"},
		{"icon header alone", []byte("\x00\x00\x01\x00\x01"), cut, "in its header"},
		{"icon directory alone", []byte("\x00\x00\x01\x00\x01\x00"), cut, "in its directory"},
		{"icon without an image", picturetest.ICO(nil), bad, "no image"},
		{"icon of text", picturetest.ICO(bytes.Repeat([]byte("x"), 64)), bad, ""},
		{"icon of a cut PNG", picturetest.ICO(picturetest.PNG(picturetest.Chart(9, 9))[:60]), cut, "PNG"},
	})
}

// The largest image of an icon is used, of those with as many pixels the one with most colours.
func TestLargestImageOfAnIcon(t *testing.T) {
	form := func(bits int) picturetest.BMPForm { return picturetest.BMPForm{Bits: bits, Header: 40} }
	images := [][]byte{
		picturetest.IconBitmap(picturetest.Chart(48, 48), form(4)),
		picturetest.IconBitmap(picturetest.Chart(48, 48), form(24)),
		picturetest.PNG(picturetest.Chart(32, 32)),
		picturetest.IconBitmap(picturetest.Chart(16, 16), form(32)),
	}
	info, err := Sniff(picturetest.ICO(images...))
	if err != nil || info.Width != 48 || info.Inside != transform.BMP {
		t.Errorf("%+v, %v", info, err)
	}
	one, err := chooseIcon(picturetest.ICO(images...))
	if err != nil || one.bits != 24 {
		t.Errorf("%d bits, %v", one.bits, err)
	}
	images = append(images, picturetest.PNG(image.NewGray(image.Rect(0, 0, 256, 256))))
	if info, err = Sniff(picturetest.ICO(images...)); err != nil || info.Width != 256 || info.Inside != transform.PNG {
		t.Errorf("%+v, %v", info, err)
	}
}
