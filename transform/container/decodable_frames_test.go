package container

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// Frames that are not used are not in the way of decoders, which list all that there are.
func TestDecodableEndsBehindTheFramesThatAreUsed(t *testing.T) {
	xmp := webpChunk("XMP ", []byte("<x:xmpmeta/>")...)
	var gifs, webps [][]byte
	for i := range 5 {
		gifs = append(gifs, gifControl(1), gifRect(0, 0, 10+uint16(i), 8))
		webps = append(webps, webpFrame(0, 0, 40, 30, webpLossy(40, 30), webpChunk("what", byte(i))))
	}
	anim := webpChunk("ANIM", 0, 0, 0, 0, 0, 0)
	webp := func(n int, more ...[]byte) []byte {
		head := [][]byte{webpHeader(webpAnimated|webpXMP, 40, 30), anim}
		return riffFile(slices.Concat(head, webps[:n], more)...)
	}
	gif := func(n int, end ...byte) []byte { return gifFile(10, 8, append(gifs[:2*n:2*n], end)...) }
	for n := 1; n < 5; n++ {
		for name, tc := range map[string]struct{ b, want []byte }{
			"GIF":                {gif(5, gifTrailer), gif(n, gifTrailer)},
			"GIF without an end": {gif(5), gif(n, gifTrailer)},
			"WebP":               {webp(5, xmp), webp(n, xmp)},
			"WebP cut":           {webp(5, xmp)[:len(webp(5))+3], nil},
		} {
			info, err := Sniff(tc.b)
			if err != nil || info.Frames != 5 {
				t.Fatalf("%s: %+v, %v", name, info, err)
			}
			r, ok := Decodable(tc.b, info, Needed{Rights: true, Frames: n})
			got := r.Apply(tc.b)
			if !ok || tc.want != nil && !bytes.Equal(got, tc.want) {
				t.Errorf("%d frames of a %s: %q, want %q", n, name, got, tc.want)
			}
			if cut, err := Sniff(got); err != nil || cut.Frames != n || cut.End != 0 {
				t.Errorf("%d frames of a %s: %+v, %v", n, name, cut, err)
			}
		}
	}
}

func TestFramesThatOutputsNeed(t *testing.T) {
	still, animated := transform.Params{Format: transform.JPEG}, transform.Params{Format: transform.WebP}
	page, short := still, animated
	page.Page, short.MaxFrames = 7, 3
	of := animated
	of.Still, of.Page = true, 4
	for want, outputs := range map[int][]transform.Params{
		1: {still}, 8: {page, still, short}, 3: {short, still}, 0: {page, animated}, 5: {of, still},
	} {
		if got := NeededBy(outputs...).Frames; got != want {
			t.Errorf("%+v: %d frames, want %d", outputs, got, want)
		}
	}
}
