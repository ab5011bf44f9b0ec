package container

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// What the components of a JPEG are, by libjpeg's rules (jdapimin.c,
// default_decompress_parms): only grey and YCbCr are written as they were read.
func TestNormalizedJPEG(t *testing.T) {
	const jfif = "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
	withJFIF := func(b []byte) []byte { return picturetest.WithSegment(b, 0, []byte(jfif)) }
	for name, tc := range map[string]struct {
		b    []byte
		want bool
	}{
		"grey":                     {picturetest.FlatJPEG(8, -1, 1, 55), false},
		"grey, Adobe":              {picturetest.FlatJPEG(8, 0, 1, 55), false},
		"YCbCr":                    {picturetest.FlatJPEG(8, -1, 1, 1, 2, 3), false},
		"YCbCr, odd identifiers":   {picturetest.FlatJPEG(8, -1, 7, 1, 2, 3), false},
		"YCbCr, JFIF":              {withJFIF(picturetest.FlatJPEG(8, -1, 1, 1, 2, 3)), false},
		"YCbCr, Adobe":             {picturetest.FlatJPEG(8, 1, 1, 1, 2, 3), false},
		"RGB, Adobe":               {picturetest.FlatJPEG(8, 0, 1, 1, 2, 3), true},
		"JFIF goes before Adobe":   {withJFIF(picturetest.FlatJPEG(8, 0, 1, 1, 2, 3)), false},
		"CMYK":                     {picturetest.FlatJPEG(8, -1, 1, 1, 2, 3, 4), true},
		"CMYK, Adobe":              {picturetest.FlatJPEG(8, 0, 1, 1, 2, 3, 4), true},
		"YCCK, Adobe":              {picturetest.FlatJPEG(8, 2, 1, 1, 2, 3, 4), true},
		"RGB by its identifiers":   {picturetest.RenamedJPEG(picturetest.FlatJPEG(8, -1, 1, 1, 2, 3), "RGB"), true},
		"RGB, but JFIF":            {withJFIF(picturetest.RenamedJPEG(picturetest.FlatJPEG(8, -1, 1, 1, 2, 3), "RGB")), false},
		"other letters":            {picturetest.RenamedJPEG(picturetest.FlatJPEG(8, -1, 1, 1, 2, 3), "rgb"), false},
		"RGB by them, Adobe's not": {picturetest.RenamedJPEG(picturetest.FlatJPEG(8, 1, 1, 1, 2, 3), "RGB"), false},
	} {
		checkNormalized(t, name, tc.b, tc.want)
	}
}

// A profile counts as fitting where vips/colour.c uses it, whose test tries the
// same by pixels.
func TestNormalizedByProfile(t *testing.T) {
	grey, rgb := picturetest.RawPNG(1, 1, 8, 0, []byte{1}), picturetest.RawPNG(1, 1, 8, 2, []byte{1, 2, 3})
	samples := map[string]struct {
		space string
		with  func([]byte) []byte
	}{
		"grey JPEG": {"GRAY", func(p []byte) []byte { return picturetest.WithJPEGProfile(picturetest.FlatJPEG(8, -1, 1, 1), p) }},
		"JPEG":      {"RGB ", func(p []byte) []byte { return picturetest.WithJPEGProfile(picturetest.FlatJPEG(8, -1, 1, 1, 2, 3), p) }},
		"grey PNG":  {"GRAY", func(p []byte) []byte { return picturetest.WithPNGProfile(grey, p) }},
		"grey and alpha PNG": {"GRAY", func(p []byte) []byte {
			return picturetest.WithPNGProfile(picturetest.RawPNG(1, 1, 8, 4, []byte{1, 2}), p)
		}},
		"grey PNG with tRNS": {"GRAY", func(p []byte) []byte {
			return picturetest.WithPNGProfile(picturetest.WithPNGChunk(grey, "tRNS", []byte{0, 1}), p)
		}},
		"PNG": {"RGB ", func(p []byte) []byte { return picturetest.WithPNGProfile(rgb, p) }},
		"RGBA PNG": {"RGB ", func(p []byte) []byte {
			return picturetest.WithPNGProfile(picturetest.RawPNG(1, 1, 8, 6, []byte{1, 2, 3, 4}), p)
		}},
		"WebP": {"RGB ", func(p []byte) []byte {
			return riffFile(webpHeader(0x20, 40, 30), webpChunk("ICCP", p...), webpLossy(40, 30))
		}},
	}
	for name, s := range samples {
		for _, space := range []string{"GRAY", "RGB ", "CMYK", "Lab "} {
			for _, class := range []string{"mntr", "scnr", "prtr", "spac", "link", "abst", "nmcl"} {
				fits := space == s.space && slices.Contains([]string{"mntr", "scnr", "prtr", "spac"}, class)
				checkNormalized(t, fmt.Sprintf("%s, %s of class %s", name, space, class),
					s.with(picturetest.Profile(class, space)), !fits)
			}
		}
		checkNormalized(t, name+", cut", s.with(picturetest.Profile("mntr", s.space)[:127]), true)
	}
}

func checkNormalized(t *testing.T, name string, b []byte, want bool) {
	t.Helper()
	info, err := Sniff(b)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	p := transform.Params{Format: info.Format, KeepProfile: true}
	if info.Normalized != want || p.Changes(info, transform.NewGeometry(info, p)) != want {
		t.Errorf("%s: normalized is %v, want %v", name, info.Normalized, want)
	}
}
