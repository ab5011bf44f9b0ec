package container

import (
	"encoding/binary"
	"errors"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

var (
	little = binary.LittleEndian
	bigEnd = binary.BigEndian
)

// tiffOf is a TIFF of 33x17 pixels, with a page of each form.
func tiffOf(forms ...picturetest.TIFFForm) []byte {
	return picturetest.TIFF(picturetest.Glass(33, 17), little, forms...)
}

var (
	rgbForm  = picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8}
	greyForm = picturetest.TIFFForm{Kind: picturetest.TIFFBlackIsZero, Bits: 8}
)

func samplesOfTIFF() []sample {
	var all []sample
	add := func(name string, b []byte, want transform.Info) {
		want.Format, want.Width, want.Height = transform.TIFF, 33, 17
		want.Orientation, want.Bits, want.Frames = max(want.Orientation, 1), max(want.Bits, 8), max(want.Frames, 1)
		all = append(all, sample{"tiff/" + name, b, want})
	}
	short, long := picturetest.TIFFShort, picturetest.TIFFLong
	add("rgb", tiffOf(rgbForm), transform.Info{Bands: 3, PartBytes: 99, PackedBytes: 99*17 + 16})
	add("big endian", picturetest.TIFF(picturetest.Glass(33, 17), bigEnd, rgbForm.With(short(274, 6))),
		transform.Info{Bands: 3, PartBytes: 99, PackedBytes: 99*17 + 16, Orientation: 6})
	add("bilevel", tiffOf(picturetest.TIFFForm{Bits: 1}),
		transform.Info{Bands: 1, PartBytes: 33, PackedBytes: 5*17 + 16})
	add("strips", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFBlackIsZero, Bits: 8, Rows: 4}),
		transform.Info{Bands: 1, PartBytes: 33 * 4, PackedBytes: 33*4 + 5*16})
	add("planes", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 16, Separate: true}),
		transform.Info{Bands: 3, Bits: 16, PartBytes: 33 * 17 * 6, PackedBytes: 33*17*2 + 3*16})
	add("tiles", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8, Extra: 3, Tile: 16}),
		transform.Info{Bands: 4, Alpha: true, PartBytes: 48 * 16 * 4, PackedBytes: 16*16*4 + 6*16})
	add("multiplied", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8, Extra: 2}),
		transform.Info{Bands: 4, Alpha: true, Premultiplied: true, PartBytes: 33 * 4, PackedBytes: 33*17*4 + 16})
	add("inks", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFCMYK, Bits: 8, Extra: 3}),
		transform.Info{Bands: 5, Alpha: true, Normalized: true, PartBytes: 33 * 5, PackedBytes: 33*17*5 + 16})
	add("palette", tiffOf(picturetest.TIFFForm{Kind: picturetest.TIFFPalette, Bits: 8}),
		transform.Info{Bands: 3, PartBytes: 99, PackedBytes: 33*17 + 16})
	profile := picturetest.Profile("mntr", "RGB ")
	xmp := picturetest.TIFFBytes(700, []byte("<x/>"))
	add("profile", tiffOf(rgbForm.With(picturetest.TIFFBytes(34675, profile), xmp)), transform.Info{Bands: 3,
		Profile: true, AncillaryBytes: int64(len(profile)) + 4, PartBytes: 99, PackedBytes: 99*17 + 16})
	add("pages", tiffOf(greyForm, rgbForm.With(long(256, 11), long(257, 51)), rgbForm),
		transform.Info{Bands: 1, Frames: 3, PartBytes: 33, PackedBytes: 33*17 + 16})
	return all
}

func TestSniffRefusesTIFFs(t *testing.T) {
	short, long := picturetest.TIFFShort, picturetest.TIFFLong
	rgb := func(fields ...picturetest.TIFFField) []byte { return tiffOf(rgbForm.With(fields...)) }
	grey := func(fields ...picturetest.TIFFField) []byte { return tiffOf(greyForm.With(fields...)) }
	bad, no, cut := transform.ErrMalformed, transform.ErrUnsupported, transform.ErrTruncated
	planes := picturetest.TIFFForm{Kind: picturetest.TIFFBlackIsZero, Bits: 8, Extra: 3, Separate: true}
	palette, inks := rgbForm, rgbForm
	palette.Kind, inks.Kind = picturetest.TIFFPalette, picturetest.TIFFCMYK
	tiles := picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8, Tile: 16}
	apart := tiles
	apart.Separate = true
	wantRefusals(t, []refusal{
		{"no page", []byte("II*\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), bad, "no page"},
		{"header alone", []byte("MM\x00*\x00\x00"), cut, "in its header"},
		{"places of 4 bytes", []byte("II+\x00\x04\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), bad, "unknown size"},
		{"directory behind the end", []byte("II*\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), cut, "directory"},
		{"no width", rgb(long(256, 0)), bad, "width"},
		{"no height", rgb(long(257, 0)), bad, "height"},
		{"a height of 32 bits", rgb(long(257, 1<<32-1)), bad, "height"},
		{"more rows than data", rgb(long(257, 1<<31-1), long(278, 17)), bad, "fewer parts"},
		{"no kind", grey(picturetest.TIFFField{Tag: 262, Kind: 99}), bad, "what its samples are"},
		{"a mask", grey(short(262, 4)), no, "kind 4"},
		{"YCbCr", rgb(short(262, 6)), no, "YCbCr"},
		{"Lab of ICC", rgb(short(262, 9)), no, "kind 9"},
		{"12 bits", grey(short(258, 12)), no, "12 bits"},
		{"32 bits", grey(short(258, 32)), no, "32 bits"},
		{"65535 bits", grey(short(258, 65535)), no, "bits"},
		{"different bits", rgb(short(258, 8, 8, 16)), no, "different depths"},
		{"float", grey(short(258, 32), short(339, 3)), no, "floating point"},
		{"sign", grey(short(339, 2)), no, "sign"},
		{"fewer samples than colours", rgb(short(277, 2)), bad, "number of samples"},
		{"65535 samples", rgb(short(277, 65535)), bad, "number of samples"},
		{"old JPEG", rgb(short(259, 6)), no, "old JPEG"},
		{"Zstandard", rgb(short(259, 50000)), no, "Zstandard"},
		{"unknown compression", rgb(short(259, 4711)), no, "4711"},
		{"no JPEG", rgb(short(259, 7)), bad, "no JPEG"},
		{"JPEG palette", tiffOf(palette.With(short(259, 7))), no, "JPEG"},
		{"other inks", tiffOf(inks.With(short(332, 2))), no, "inks"},
		{"short palette", tiffOf(palette.With(short(320, 1, 2, 3))), bad, "palette"},
		{"second alpha", tiffOf(inks.With(short(262, 1), short(338, 0, 2, 1))), no, "alpha behind"},
		{"planes of grey and alpha", tiffOf(planes), no, "separate planes"},
		{"planes of tiles", tiffOf(apart), no, "separate planes of tiles"},
		{"tiles of no width", tiffOf(tiles.With(short(322, 0))), bad, "without pixels"},
		{"giant tiles", tiffOf(tiles.With(long(322, 10001))), no, "of this size"},
		{"tiles over 100 MB", tiffOf(tiles.With(long(322, 10000), long(323, 10000))), no, "of this size"},
		{"strips of no rows", rgb(long(278, 0)), bad, "without pixels"},
		{"a strip of no bytes", rgb(long(279, 0)), bad, "without data"},
		{"a strip at nowhere", rgb(long(273, 0)), bad, "without data"},
		{"a strip of 4 GB", rgb(long(279, 1<<32-1)), cut, "in the middle"},
		{"a strip behind the end", rgb(long(273, 1<<32-1)), cut, "in the middle"},
		{"a camera's file", rgb(picturetest.TIFFBytes(50706, []byte{1, 4, 0, 0})), no, "raw image"},
		{"a camera's thumbnail", rgb(long(254, 1), long(330, 8)), no, "raw image"},
		{"second page cut", tiffOf(rgbForm, rgbForm.With(long(273, 1<<31))), cut, "in the middle"},
	})
}

// A list of parts that many pages share is not read for each.
func TestPagesThatShareTheirParts(t *testing.T) {
	const pages, parts = 2000, 2000
	b := []byte("II*\x00\x08\x00\x00\x00")
	size := 2 + 12*7 + 4
	list := 8 + pages*size
	for i := range pages {
		b = little.AppendUint16(b, 7)
		for _, e := range [][4]uint32{{256, 4, 1, 1}, {257, 4, 1, parts}, {258, 3, 1, 8}, {262, 3, 1, 1},
			{278, 4, 1, 1}, {273, 4, parts, uint32(list)}, {279, 4, parts, uint32(list)}} {
			b = little.AppendUint16(little.AppendUint16(b, uint16(e[0])), uint16(e[1]))
			b = little.AppendUint32(little.AppendUint32(b, e[2]), e[3])
		}
		next := uint32(8 + (i+1)*size)
		if i == pages-1 {
			next = 0
		}
		b = little.AppendUint32(b, next)
	}
	for range parts {
		b = little.AppendUint32(b, 1)
	}
	wantRefusals(t, []refusal{{"shared parts", b, transform.ErrMalformed, "share their parts"}})
}

func TestDirectoriesInACircle(t *testing.T) {
	b := tiffOf(rgbForm, greyForm)
	first := little.Uint32(b[4:])
	little.PutUint32(b[len(b)-4:], first)
	info, err := Sniff(b)
	if err != nil || info.Frames != 2 || info.Bands != 3 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestSniffPage(t *testing.T) {
	m := picturetest.Glass(33, 17)
	b := picturetest.TIFF(m, bigEnd, rgbForm, greyForm, rgbForm.With(picturetest.TIFFShort(259, 50000)))
	first, err := Sniff(b)
	if err != nil || first.Frames != 3 {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := SniffPage(b, first, 1)
	if err != nil || second.Bands != 1 || second.Frames != 3 || second.Page != 1 {
		t.Errorf("%+v, %v", second, err)
	}
	if _, err := SniffPage(b, first, 2); !errors.Is(err, transform.ErrUnsupported) {
		t.Errorf("the third: %v", err)
	}
	_, err = SniffPage(b, first, 3)
	if !errors.Is(err, transform.ErrNoPage) || !strings.Contains(err.Error(), "the source has 3") {
		t.Errorf("the fourth: %v", err)
	}
	r, ok := Decodable(b, second, Needed{})
	if !ok {
		t.Fatal("the decoder would take the first page")
	}
	if got, err := Sniff(r.Apply(b)); err != nil || got.Bands != 1 || got.Frames != 1 {
		t.Errorf("the decoder is given %+v, %v", got, err)
	}
}

// A part is a JPEG of its own, of which libtiff and libvips believe the size.
func TestSniffLooksIntoJPEGsOfATIFF(t *testing.T) {
	jpg := picturetest.JPEG(picturetest.Photo(33, 17, 1), 80)
	form := func(part []byte) []byte {
		return picturetest.TIFFOfJPEG(part, 33, 17)
	}
	info, err := Sniff(form(jpg))
	if err != nil || info.Bands != 3 || info.CoefficientBytes != 0 || info.PartBytes != 33*17*3 {
		t.Errorf("%+v, %v", info, err)
	}
	progressive := slices.Clone(jpg)
	at := strings.Index(string(progressive), "\xff\xc0")
	progressive[at+1] = 0xC2
	if info, err = Sniff(form(progressive)); err != nil || info.CoefficientBytes < 33*17*6 {
		t.Errorf("progressive: %+v, %v", info, err)
	}
	wide, arithmetic := slices.Clone(jpg), slices.Clone(jpg)
	wide[at+7], arithmetic[at+1] = 0xFF, 0xC9
	bad := transform.ErrMalformed
	wantRefusals(t, []refusal{
		{"another width", form(wide), bad, "another size"},
		{"one sample", form(picturetest.JPEG(image.NewGray(image.Rect(0, 0, 33, 17)), 80)), bad, "another size"},
		{"fewer rows", form(picturetest.JPEG(picturetest.Photo(33, 16, 1), 80)), bad, "another size"},
		{"arithmetic", form(arithmetic), bad, "no JPEG"},
		{"no end", form(jpg[:len(jpg)-100]), transform.ErrTruncated, "in the middle of its JPEG"},
		{"nothing", form([]byte{0xFF, 0xD8}), bad, "no JPEG"},
	})
}
