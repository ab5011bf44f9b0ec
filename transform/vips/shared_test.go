package vips

import (
	"image"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// together makes several results of a source in one job, and each in a job of its own.
func together(t testing.TB, b []byte, outputs []transform.Params) (shared, single []transform.Picture) {
	t.Helper()
	job := transform.Job{Source: source(t, b), Info: sniffed(t, b), Outputs: outputs}
	if _, ok := transform.ShareDecode(job.Info, outputs); !ok {
		t.Fatal("they share no decode")
	}
	shared = make([]transform.Picture, len(outputs))
	if err := New().Transform(t.Context(), job, func(i int, p transform.Picture) { shared[i] = p }); err != nil {
		t.Fatal(err)
	}
	for _, p := range outputs {
		single = append(single, run(t, b, p))
	}
	return shared, single
}

// sharedSources are of sides that divide by nothing, in every way that a source is decoded.
func sharedSources(t testing.TB) map[string][]byte {
	t.Helper()
	const w, h = 1358, 1021
	photo := picturetest.Photo(w, h, 3)
	jpg := picturetest.JPEG(photo, 90)
	grey := image.NewGray(photo.Bounds())
	copy(grey.Pix, photo.Y)
	as := func(b []byte, options string) []byte { return run(t, b, parse(t, options)).Body }
	glass := picturetest.PNG(picturetest.Glass(w, h))
	return map[string][]byte{
		"JPEG":                jpg,
		"progressive JPEG":    as(jpg, "f:jpeg/jpgo:1"),
		"grey JPEG":           picturetest.JPEG(grey, 90),
		"CMYK JPEG":           cmykJPEG(t, photo),
		"turned JPEG":         picturetest.WithOrientation(jpg, 6),
		"JPEG with a profile": picturetest.WithJPEGProfile(jpg, picturetest.Profile("mntr", "RGB ")),
		"PNG":                 as(jpg, "f:png"),
		"PNG with alpha":      glass,
		"WebP":                as(jpg, "f:webp"),
		"WebP with alpha":     as(glass, "f:webp"),
		"AVIF":                as(jpg, "w:500/f:avif"),
		"GIF":                 as(jpg, "w:500/f:gif"),
		"half a GIF": picturetest.GIFOnScreen(600, 400,
			picturetest.GIFFrame{At: placed(100, 50, 300, 300), Transparent: -1}),
	}
}

// Outputs that share a decode look like those of jobs of their own. A JPEG is halved by other means than its decoder's,
// and a WebP is resized where its decoder would have scaled it; what other decoders give is the same.
func TestSharedDecodeLooksLikeItsOwn(t *testing.T) {
	var outputs []transform.Params
	for _, options := range []string{"w:679", "w:600", "w:340", "w:301", "w:170", "w:120", "w:100/h:100/rt:fill",
		"w:90/h:200/rt:fill/g:no", "c:900:700:noea/w:200", "w:150/rot:90", "w:150/bl:2/sh:1", "w:150/bg:ff0000/ex:1:ce/h:300",
		"w:300/scp:0", "w:300/br:40/mc:0.5"} {
		outputs = append(outputs, parse(t, options+"/f:png"))
	}
	for name, b := range sharedSources(t) {
		t.Run(name, func(t *testing.T) {
			most := 0.0
			switch info := sniffed(t, b); {
			case info.Format == transform.JPEG:
				most = 0.8
			case info.Format == transform.WebP && !info.Alpha:
				most = 1.5
			}
			shared, single := together(t, b, outputs)
			for i := range outputs {
				d := picturetest.Perceived(pixels(t, shared[i]), pixels(t, single[i]))
				if d > most {
					t.Errorf("%s: it looks %.2f away, want at most %.1f", outputs[i], d, most)
				}
			}
		})
	}
}
