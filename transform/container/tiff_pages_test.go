package container

import (
	"errors"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestSniffPages(t *testing.T) {
	m, high := picturetest.Glass(33, 17), rgbForm
	high.Picture = picturetest.Glass(33, 18)
	strips, planes := rgbForm, rgbForm
	strips.Rows, planes.Separate = 4, true
	unread := rgbForm.With(picturetest.TIFFShort(259, 50000))
	for _, tc := range []struct {
		name  string
		forms []picturetest.TIFFForm
		says  string // "" where they can be stacked
	}{
		{"alike", []picturetest.TIFFForm{rgbForm, rgbForm, rgbForm}, ""},
		{"one height of strips", []picturetest.TIFFForm{rgbForm, rgbForm.With(picturetest.TIFFLong(278, 17)), rgbForm}, ""},
		{"the fourth is not asked for", []picturetest.TIFFForm{rgbForm, rgbForm, rgbForm, greyForm}, ""},
		{"kinds", []picturetest.TIFFForm{rgbForm, rgbForm, greyForm}, "page 2 has another number of samples than page 0"},
		{"sizes", []picturetest.TIFFForm{rgbForm, high, rgbForm}, "page 1 has another height than page 0"},
		{"turned", []picturetest.TIFFForm{rgbForm, rgbForm.With(picturetest.TIFFShort(274, 6))}, "another orientation"},
		{"strips", []picturetest.TIFFForm{rgbForm, strips}, "another height of strips"},
		{"profiles", []picturetest.TIFFForm{rgbForm, rgbForm.With(picturetest.TIFFBytes(34675,
			picturetest.Profile("mntr", "RGB ")))}, "another colour profile"},
		{"planes", []picturetest.TIFFForm{planes, planes}, "separate planes"},
		{"one is not read", []picturetest.TIFFForm{rgbForm, unread}, "with Zstandard compression"},
	} {
		b := picturetest.TIFF(m, bigEnd, tc.forms...)
		first, err := Sniff(b)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		_, err = SniffPages(b, first, 0, 3)
		if tc.says == "" && err != nil || tc.says != "" && (!errors.Is(err, transform.ErrUnsupported) ||
			!strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.says)
		}
	}
}

// The decoder is given the pages that are stacked, and no other.
func TestDecoderSeesThePagesOfAStack(t *testing.T) {
	b := picturetest.TIFF(picturetest.Glass(33, 17), bigEnd, greyForm, rgbForm, rgbForm, greyForm)
	first, err := Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	info, err := SniffPages(b, first, 1, 2)
	if err == nil {
		info, err = transform.Limits{}.StackPages(info, transform.Params{Page: 1, Pages: 2})
	}
	if err != nil || info.Height != 34 || info.Stacked != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	r, ok := Decodable(b, info, Needed{})
	if !ok {
		t.Fatal("it is given all of them")
	}
	if got, err := Sniff(r.Apply(b)); err != nil || got.Bands != info.Bands || got.Frames != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
