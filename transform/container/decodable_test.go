package container

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// sameImage says whether what a decoder is given is of the same image.
func sameImage(a, b transform.Info) bool {
	for _, i := range []*transform.Info{&a, &b} {
		// A profile or an orientation that is left out is no more told of, and
		// nothing of this kind counts.
		i.AncillaryBytes, i.Orientation, i.Profile, i.Normalized, i.Declared, i.End = 0, 0, false, false,
			transform.ColourSpace{}, 0
		i.BrokenOff = false                // the view ends behind whole frames
		i.Format, i.Inside = i.Coding(), 0 // of an ICO
		if i.Format == transform.PNG || i.Format == transform.JXL {
			i.Frames = 0 // acTL is left out, or all but the first picture: no more is read
		}
		if i.Format == transform.TIFF {
			i.Frames, i.Page = 0, 0 // the page is the only one
		}
	}
	return a == b
}

// What a decoder is given is the same image as the source, whatever is left out.
func checkDecodable(t *testing.T, b []byte) {
	t.Helper()
	info, err := Sniff(b)
	if err != nil {
		return
	}
	for _, needed := range []Needed{{}, {Rights: true}, {Metadata: true}, {Frames: 1}, {Frames: 2}} {
		r, ok := Decodable(b, info, needed)
		if !ok {
			continue
		}
		out := r.Apply(b)
		got, err := Sniff(out)
		if needed.Frames > 0 && info.Format.Animates() && needed.Frames < info.Frames {
			if err != nil || got.Frames != needed.Frames || got.Width != info.Width || got.Height != info.Height {
				t.Fatalf("%d frames of %+v\nare %+v, %v", needed.Frames, info, got, err)
			}
			continue
		}
		if err != nil || got.End > 0 && got.Format != transform.JPEG || !sameImage(got, info) {
			t.Fatalf("%+v of %+v\nis %+v, %v", needed, info, got, err)
		}
		if int64(len(out)) > info.AncillaryBytes+int64(len(b))+repairSlack {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
	}
}

func TestDecodableIsTheSameImage(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) { checkDecodable(t, s.b) })
	}
}

// What is needed stays, byte for byte, and what is not does not.
func TestDecodableKeepsWhatIsNeeded(t *testing.T) {
	photo := picturetest.Photo(16, 12, 1)
	jpg, png := picturetest.JPEG(photo, 80), picturetest.PNG(photo)
	xmp := []byte("<x:xmpmeta/>")
	text := func(name, keyword string, data []byte) []byte {
		return picturetest.WithPNGChunk(png, name, append([]byte(keyword), data...))
	}
	profile := picturetest.Profile("mntr", "RGB ")
	const xmpKeyword = "XML:com.adobe.xmp\x00\x00\x00\x00\x00"
	for _, tc := range []struct {
		name                     string
		b                        []byte
		always, rights, metadata bool
		mark                     string
	}{
		{"JPEG profile", picturetest.WithJPEGProfile(jpg, profile), true, true, true, "ICC_PROFILE"},
		{"JPEG EXIF", picturetest.WithEXIF(jpg, 6, ""), false, false, true, "Exif"},
		{"JPEG EXIF of someone", picturetest.WithEXIF(jpg, 6, "Ann"), false, true, true, "Ann"},
		{"JPEG XMP", picturetest.WithSegment(jpg, 1, append([]byte(xmpPrefix), xmp...)), false, true, true, "xmpmeta"},
		{"JPEG IPTC", picturetest.WithSegment(jpg, 13, []byte(photoshop+"abc")), false, true, true, "Photoshop"},
		{"JPEG maker", picturetest.WithSegment(jpg, 7, []byte("maker")), false, false, false, "maker"},
		{"PNG profile", picturetest.WithPNGProfile(png, profile), true, true, true, "iCCP"},
		{"PNG gamma", picturetest.WithPNGChunk(png, "gAMA", []byte{0, 0, 177, 143}), true, true, true, "gAMA"},
		{"PNG text", text("tEXt", "Title\x00", xmp), false, false, true, "xmpmeta"},
		{"PNG XMP", text("iTXt", xmpKeyword, xmp), false, true, true, "xmpmeta"},
		{"PNG large XMP", text("iTXt", xmpKeyword, make([]byte, maxXMPBytes)), false, false, false, "XML:com"},
		{"PNG large text", text("tEXt", "Title\x00", make([]byte, maxTextBytes)), false, false, false, "Title"},
		{"PNG EXIF", picturetest.WithPNGChunk(png, "eXIf", picturetest.EXIF(6)), false, false, true, "eXIf"},
		{"PNG unknown", picturetest.WithPNGChunk(png, "abCd", xmp), false, false, false, "abCd"},
		{"PNG large profile", picturetest.WithPNGProfile(png, make([]byte, maxProfileBytes+1)), false, false, false, "iCCP"},
	} {
		info, err := Sniff(tc.b)
		if err != nil {
			t.Fatal(err)
		}
		for needed, want := range map[Needed]bool{{}: tc.always, {Rights: true}: tc.rights,
			{Metadata: true}: tc.metadata} {
			out := tc.b
			if r, ok := Decodable(tc.b, info, needed); ok {
				out = r.Apply(tc.b)
			}
			if bytes.Contains(out, []byte(tc.mark)) != want {
				t.Errorf("%s, %+v: kept: %v", tc.name, needed, !want)
			}
		}
	}
}

func TestEXIFIsBounded(t *testing.T) {
	le := binary.LittleEndian
	entry := func(tag, kind uint16, count, value uint32) []byte {
		b := le.AppendUint16(le.AppendUint16(nil, tag), kind)
		return le.AppendUint32(le.AppendUint32(b, count), value)
	}
	block := func(entries ...[]byte) []byte {
		b := le.AppendUint16([]byte{'I', 'I', 42, 0, 8, 0, 0, 0}, uint16(len(entries)))
		return append(append(b, slices.Concat(entries...)...), make([]byte, 100)...)
	}
	for name, tc := range map[string]struct {
		b    []byte
		want bool
	}{
		"camera":            {picturetest.EXIF(6), true},
		"none":              {nil, false},
		"no EXIF":           {make([]byte, 100), false},
		"values":            {block(entry(1, 2, 50, 20), entry(2, 2, 50, 20)), true},
		"shared values":     {block(entry(1, 2, 100, 20), entry(2, 2, 100, 20), entry(3, 2, 100, 20)), false},
		"a huge value":      {block(entry(1, 12, 1<<32-1, 20)), false},
		"a loop":            {block(entry(0x8769, 4, 1, 8)), false},
		"many entries":      {block(slices.Repeat([][]byte{entry(1, 1, 1, 0)}, maxEXIFEntries+1)...), false},
		"directories apart": {block(entry(0x8769, 4, 1, 1000), entry(0x8825, 4, 1, 2000)), true},
	} {
		if got := exifBounded(tc.b); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzDecodable(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b)
		f.Add(s.b[:len(s.b)-1])
	}
	for _, b := range oddAnimations() {
		f.Add(b)
	}
	f.Fuzz(checkDecodable)
}
