package container

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// sample is a source that Sniff takes, and what it says of it. The image
// takes all of b: not one byte less may be taken.
type sample struct {
	name string
	b    []byte
	want transform.Info
}

// fileSamples are images that libvips wrote (vips copy, 16x12 pixels).
var fileSamples = map[string]transform.Info{
	"progressive.jpg":        {Format: transform.JPEG, Bands: 3, Scans: 10, CoefficientBytes: (2*2 + 1 + 1) * 128},
	"progressive-444.jpg":    {Format: transform.JPEG, Bands: 3, Scans: 10, CoefficientBytes: 3 * 2 * 2 * 128},
	"grey-progressive.jpg":   {Format: transform.JPEG, Bands: 1, Scans: 6, CoefficientBytes: 2 * 2 * 128},
	"interlaced.png":         {Format: transform.PNG, Bands: 3, Interlaced: true, AncillaryBytes: 21},
	"interlaced-alpha.png":   {Format: transform.PNG, Bands: 4, Alpha: true, Interlaced: true, AncillaryBytes: 21},
	"palette-alpha.png":      {Format: transform.PNG, Bands: 4, Alpha: true, AncillaryBytes: 224},
	"rgb16.png":              {Format: transform.PNG, Bands: 3, Bits: 16, AncillaryBytes: 21},
	"exif6.png":              {Format: transform.PNG, Bands: 3, Orientation: 6, AncillaryBytes: 357},
	"lossy.webp":             {Format: transform.WebP, Bands: 3, AncillaryBytes: 194},
	"lossless.webp":          {Format: transform.WebP, Bands: 3, Lossless: true, AncillaryBytes: 194},
	"alpha.webp":             {Format: transform.WebP, Bands: 4, Alpha: true, AncillaryBytes: 194},
	"alpha-lossless.webp":    {Format: transform.WebP, Bands: 4, Alpha: true, Lossless: true, AncillaryBytes: 194},
	"animated.webp":          {Format: transform.WebP, Bands: 4, Alpha: true, Frames: 3, AncillaryBytes: 194},
	"animated-lossless.webp": {Format: transform.WebP, Bands: 4, Alpha: true, Lossless: true, Frames: 3, AncillaryBytes: 194},
	"exif6.webp":             {Format: transform.WebP, Bands: 3, Orientation: 6, AncillaryBytes: 170},
	"animated.gif":           {Format: transform.GIF, Bands: 4, Alpha: true, Frames: 3, AncillaryBytes: 19},
	"rgb.avif":               {Format: transform.AVIF, Bands: 3},
	"alpha.avif":             {Format: transform.AVIF, Bands: 4, Alpha: true},
	"twelve-bit.avif":        {Format: transform.AVIF, Bands: 3, Bits: 12},
	"exif.avif":              {Format: transform.AVIF, Bands: 3, AncillaryBytes: 190},
}

func samples(t testing.TB) []sample {
	t.Helper()
	var all []sample
	for name, want := range fileSamples {
		b, err := os.ReadFile(filepath.Join("testdata", "sniff", name))
		if err != nil {
			t.Fatal(err)
		}
		want.Width, want.Height = 16, 12
		want.Orientation, want.Frames = max(want.Orientation, 1), max(want.Frames, 1)
		want.Bits = max(want.Bits, 8)
		all = append(all, sample{name, b, want})
	}
	slices.SortFunc(all, func(a, b sample) int { return strings.Compare(a.name, b.name) })
	all = append(all, encodedSamples(t)...)
	all = append(all, jpegSamples()...)
	all = append(all, webpSamples()...)
	all = append(all, jxlSamples(t)...)
	all = append(all, samplesOfTIFF()...)
	all = append(all, bitmapSamples()...)
	return append(append(all, avifSamples()...), heicSamples()...)
}

// encodedSamples are images of the standard library's encoders.
func encodedSamples(t testing.TB) []sample {
	t.Helper()
	var all []sample
	add := func(name string, want transform.Info, encode func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		want.Width, want.Height = 33, 17
		want.Orientation, want.Bits, want.Frames = 1, max(want.Bits, 8), max(want.Frames, 1)
		all = append(all, sample{name, b.Bytes(), want})
	}
	r := image.Rect(0, 0, 33, 17)
	asPNG := func(m image.Image) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error { return png.Encode(b, m) }
	}
	noise := image.NewNRGBA(r)
	for i := range noise.Pix {
		noise.Pix[i] = byte(i * i >> 3)
	}
	pal := color.Palette{color.NRGBA{}, color.White, color.Black}
	opaque := color.Palette{color.White, color.Black}
	add("jpeg/baseline", transform.Info{Format: transform.JPEG, Bands: 3, Scans: 1},
		func(b *bytes.Buffer) error { return jpeg.Encode(b, noise, nil) })
	add("jpeg/grey", transform.Info{Format: transform.JPEG, Bands: 1, Scans: 1},
		func(b *bytes.Buffer) error { return jpeg.Encode(b, image.NewGray(r), nil) })
	add("png/alpha", transform.Info{Format: transform.PNG, Bands: 4, Alpha: true}, asPNG(noise))
	add("png/alpha16", transform.Info{Format: transform.PNG, Bands: 4, Alpha: true, Bits: 16},
		asPNG(image.NewNRGBA64(r)))
	add("png/grey", transform.Info{Format: transform.PNG, Bands: 1}, asPNG(image.NewGray(r)))
	add("png/grey16", transform.Info{Format: transform.PNG, Bands: 1, Bits: 16}, asPNG(image.NewGray16(r)))
	add("png/palette", transform.Info{Format: transform.PNG, Bands: 3}, asPNG(image.NewPaletted(r, opaque)))
	add("png/paletteAlpha", transform.Info{Format: transform.PNG, Bands: 4, Alpha: true, AncillaryBytes: 13},
		asPNG(image.NewPaletted(r, pal)))
	add("gif/still", transform.Info{Format: transform.GIF, Bands: 3}, func(b *bytes.Buffer) error {
		return gif.Encode(b, image.NewPaletted(r, opaque), nil)
	})
	add("gif/animated", transform.Info{Format: transform.GIF, Bands: 4, Alpha: true, Frames: 2, AncillaryBytes: 19},
		func(b *bytes.Buffer) error {
			frames := []*image.Paletted{image.NewPaletted(r, pal), image.NewPaletted(r, opaque)}
			return gif.EncodeAll(b, &gif.GIF{Image: frames, Delay: []int{1, 1}})
		})
	return all
}

func TestSniffTellsWhatThePictureIs(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			got, err := Sniff(s.b)
			if err != nil || got != s.want {
				t.Errorf("Sniff = %+v, %v\nwant    %+v", got, err, s.want)
			}
		})
	}
}

func isRefusal(err error) bool {
	return errors.Is(err, transform.ErrTruncated) || errors.Is(err, transform.ErrMalformed) ||
		errors.Is(err, transform.ErrUnsupported)
}

func TestSniffRefusesEveryCut(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			for n := range s.b {
				got, err := Sniff(s.b[:n])
				if err == nil && got.End > 0 && got.End <= int64(n) {
					continue // only marks are missing: see TestACutImage
				}
				if got.Format == transform.BMP && n >= len(s.b)-4 {
					continue // without what fills its last row up, or its end mark
				}
				if !isRefusal(err) {
					t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(s.b), got, err)
				}
				if !errors.Is(err, transform.ErrTruncated) && n >= 64 {
					t.Fatalf("cut to %d of %d bytes: %v, want ErrTruncated", n, len(s.b), err)
				}
				if errors.Is(err, transform.ErrTruncated) == (got == transform.Info{}) {
					t.Fatalf("cut to %d of %d bytes: %v with %+v", n, len(s.b), err, got)
				}
			}
		})
	}
}

func TestSniffKeepsWhatItReadOfACutPicture(t *testing.T) {
	for _, s := range samples(t) {
		got, err := Sniff(s.b[:len(s.b)-1])
		if got.End == 0 && got.Format != transform.BMP && !errors.Is(err, transform.ErrTruncated) {
			t.Errorf("%s: %v", s.name, err)
		}
		if got.Format != s.want.Format || got.Width != s.want.Width || got.Height != s.want.Height {
			t.Errorf("%s: %+v, want the size %dx%d", s.name, got, s.want.Width, s.want.Height)
		}
		if got.Orientation < 1 || got.Frames < 1 || got.Bits < 8 {
			t.Errorf("%s: %+v", s.name, got)
		}
	}
}

func TestSniffIgnoresWhatFollowsThePicture(t *testing.T) {
	all := samples(t)
	second := all[0].b
	for _, s := range all {
		if s.want.Format.IsHEIF() {
			continue // a file of boxes has no end before the file's
		}
		for _, tail := range [][]byte{{0}, []byte("junk behind the picture"), second, bytes.Repeat([]byte{0xFF}, 100)} {
			if got, err := Sniff(append(slices.Clip(s.b), tail...)); err != nil || got != s.want {
				t.Errorf("%s with %d more bytes: %+v, %v", s.name, len(tail), got, err)
			}
		}
	}
}

// A view of a Source is read-only memory: a write would end the test process.
func TestSniffReadsASealedSource(t *testing.T) {
	for _, s := range samples(t) {
		src, err := memfile.New()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if _, err := src.Write(s.b); err != nil {
			t.Fatal(err)
		}
		if err := src.Seal(); err != nil {
			t.Fatal(err)
		}
		b, err := src.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Sniff(b); err != nil || got != s.want {
			t.Errorf("%s: %+v, %v", s.name, got, err)
		}
	}
}

func TestSniffAllocatesLittle(t *testing.T) {
	for _, s := range samples(t) {
		limit := 8.0
		if s.want.Format.IsHEIF() || s.want.Format == transform.TIFF {
			limit = 100 // tables and directories
		}
		if s.want.Format == transform.JXL {
			limit = 40 // those of the code of a profile
		}
		if n := testing.AllocsPerRun(10, func() { _, _ = Sniff(s.b) }); n > limit {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}

// The caller prefers to name a limit on dimensions, so it has to be told them.
func TestSniffTellsTheSizeOfAGiantThatIsOnlyAHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		b    []byte
		want transform.Info
	}{
		"png": {
			pngFile(pngIHDR(65500, 65500, 8, 2, 0)),
			transform.Info{Format: transform.PNG, Width: 65500, Height: 65500, Orientation: 1, Frames: 1, Bands: 3,
				Bits: 8},
		},
		"jpeg": {
			jpegFile(jpegSOF(0xC0, 65500, 65500, 0x22, 0x11, 0x11)),
			transform.Info{Format: transform.JPEG, Width: 65500, Height: 65500, Orientation: 1, Frames: 1, Bands: 3,
				Bits: 8},
		},
		"webp": {
			riffFile(webpHeader(0, 16384, 16384)),
			transform.Info{Format: transform.WebP, Width: 16384, Height: 16384, Orientation: 1, Frames: 1, Bands: 3,
				Bits: 8},
		},
		"gif": {
			[]byte("GIF89a\x00\x08\x00\x08\x00\x00\x00"),
			transform.Info{Format: transform.GIF, Width: 2048, Height: 2048, Orientation: 1, Frames: 1, Bands: 3,
				Bits: 8},
		},
	} {
		got, err := Sniff(tc.b)
		if !errors.Is(err, transform.ErrTruncated) || got != tc.want {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, tc.want)
		}
	}
}

func TestSniffNamesWhatItRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                                     "the source is empty",
		"\n<!DOCTYPE html><title>Oops</title>": "this is an HTML page",
		"\xef\xbb\xbf <HTML>":                  "this is an HTML page",
		"<!-- nginx --><html><body>403</body>": "this is an HTML page",
		"<?xml version='1.0'?><Error/>":        "this is an XML document",
		"<!doctype html><svg/>":                "this is an HTML page",
		`{"error":"not found"}`:                "this is JSON",
		"[1]":                                  "this is JSON",
		"Not found":                            "this is plain text",
		"BM is no bitmap but text":             "this is plain text",
		strings.Repeat("é", 2000):              "this is plain text",
		"x" + strings.Repeat("é", 2000):        "this is plain text",
		"II*\x00\x10\x00\x00\x00CR\x02\x00\x00\x00\x00\x00": "this is a Canon raw image",
		"%PDF-1.7":                       "this is a PDF document",
		"\x00\x00\x00\x0cjP  \r\n\x87\n": "this is a JPEG 2000 image",
		"\xff\x4f\xff\x51":               "this is a JPEG 2000 image",
		"8BPS\x00\x01":                   "this is a Photoshop image",
		"PK\x03\x04":                     "this is a ZIP archive",
		"\x1f\x8b\x08":                   "this is gzip-compressed data",
		"RIFF\x00\x00\x00\x00AVI LIST":   "this is an AVI video",
		"MATLAB 5.0 MAT-file, made by":   "this is a MATLAB file",
		"GIF88a":                         "this is a GIF of an unknown version",
		"\x00\x00\x00\x14ftypmif2\x00\x00\x00\x00miaf": "this is a HEIF image",
		"\x00\x00\x00\x14ftypavis\x00\x00\x00\x00msf1": "this is an AVIF image sequence",
		"\x00\x00\x00\x14ftypiso8\x00\x00\x00\x00avis": "this is an AVIF image sequence",
		"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00mp42": "this is an MP4 video",
		"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ": "this is a QuickTime video",
		"\x00\x00\x00\x14ftypisom\x61\x76\x69\x66isom": "this is an MP4 video", // "avif" as a version
		"\x89PNG":                      "this is not an image of a known type",
		"\xff\xd8":                     "this is not an image of a known type",
		"\x00\x00\x00\x00\x00\x00":     "this is not an image of a known type",
		"\x00\x00\x00\x1cftyp":         "this is a media file",
		"RIFF\x04\x00\x00\x00WEBZ\x00": "this is not an image of a known type",
	} {
		if source != "" { // what would help
			want += "; supported are " + readableNames()
		}
		info, err := Sniff([]byte(source))
		if !errors.Is(err, transform.ErrUnsupported) || err.Error() != transform.ErrUnsupported.Error()+": "+want {
			t.Errorf("%.40q: %v, want %s", source, err, want)
		}
		if info != (transform.Info{}) {
			t.Errorf("%.40q: %+v beside the error", source, info)
		}
	}
}

// refusal is a source that must be refused with a given sentinel and a text
// that holds a given part.
type refusal struct {
	name string
	b    []byte
	is   error
	says string
}

func wantRefusals(t *testing.T, all []refusal) {
	t.Helper()
	for _, r := range all {
		info, err := Sniff(r.b)
		if !errors.Is(err, r.is) || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %v, want %v: %s", r.name, err, r.is, r.says)
		}
		if !errors.Is(r.is, transform.ErrTruncated) && info != (transform.Info{}) {
			t.Errorf("%s: %+v beside the error", r.name, info)
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b)
		f.Add(s.b[:len(s.b)/2])
	}
	for _, b := range oddAnimations() {
		f.Add(b)
	}
	f.Add([]byte("<!doctype html>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		info, err := Sniff(b)
		if !bytes.Equal(before, b) {
			t.Fatal("Sniff wrote to the source")
		}
		if again, err2 := Sniff(b); again != info || (err == nil) != (err2 == nil) ||
			(err != nil && err.Error() != err2.Error()) {
			t.Fatalf("two answers: %+v, %v and %+v, %v", info, err, again, err2)
		}
		if info.CoefficientBytes < 0 || info.AncillaryBytes < 0 || info.Pixels() < 0 {
			t.Fatalf("overflow: %+v", info)
		}
		if err != nil {
			if !isRefusal(err) {
				t.Fatalf("an error of no kind: %v", err)
			}
			if !errors.Is(err, transform.ErrTruncated) && info != (transform.Info{}) {
				t.Fatalf("%+v beside %v", info, err)
			}
			return
		}
		if _, err := SniffPages(b, info, 0, 3); err != nil && !isRefusal(err) {
			t.Fatalf("an error of no kind for three pages: %v", err)
		}
		if other, err := SniffPage(b, info, 1); err == nil && (info.Frames < 2 || other.Width < 1 || other.Height < 1) {
			t.Fatalf("the second page of %+v is %+v", info, other)
		}
		if !slices.Contains(transform.Inputs, info.Format) || info.Width < 1 || info.Height < 1 ||
			info.Orientation < 1 || info.Orientation > 8 || info.Frames < 1 ||
			info.Bands < 1 || info.Bands > 5 || info.PartBytes < 0 || info.PackedBytes < 0 ||
			!slices.Contains([]int{8, 10, 12, 16}, info.Bits) ||
			info.AncillaryBytes > int64(len(b)) {
			t.Fatalf("%+v", info)
		}
	})
}
