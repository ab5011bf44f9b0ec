package vips

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func avifOf(t *testing.T, w, h int) []byte {
	return run(t, picturetest.PNG(picturetest.Photo(w, h, 3)), transform.Params{Format: transform.AVIF}).Body
}

// inPieces lays an AVIF's only item out in extents of n bytes: the entry of
// iloc, which is the box's last, grows by eight bytes for each.
func inPieces(t *testing.T, avif []byte, n int) []byte {
	t.Helper()
	be := binary.BigEndian
	iloc := bytes.Index(avif, []byte("iloc")) - 4
	entry := iloc + int(be.Uint32(avif[iloc:])) - 10 // count, place, length
	place, length := int(be.Uint32(avif[entry+2:])), int(be.Uint32(avif[entry+6:]))
	count := (length + n - 1) / n
	grown := 8 * (count - 1)
	b := slices.Clone(avif[:entry])
	b = be.AppendUint16(b, uint16(count))
	for at := 0; at < length; at += n {
		b = be.AppendUint32(b, uint32(place+grown+at))
		b = be.AppendUint32(b, uint32(min(n, length-at)))
	}
	b = append(b, avif[entry+10:]...)
	for _, box := range []int{iloc, bytes.Index(avif, []byte("meta")) - 4} {
		be.PutUint32(b[box:], be.Uint32(b[box:])+uint32(grown))
	}
	return b
}

func TestAnAVIFItemInPiecesIsTheItem(t *testing.T) {
	whole := picturetest.AVIF(avifOf(t, 61, 43), 1, nil)
	want := run(t, whole, transform.Params{Format: transform.PNG}).Body
	for _, n := range []int{40, 41, 53, 100, 333, 1000} { // libheif takes no more than 32 pieces
		wantPixels(t, inPieces(t, whole, n), want)
	}
}

func TestAThumbnailOfABrokenConfigurationIsNotInTheWay(t *testing.T) {
	whole := picturetest.AVIF(avifOf(t, 161, 143), 1, avifOf(t, 61, 43))
	want := run(t, whole, transform.Params{Format: transform.PNG}).Body
	config := bytes.LastIndex(whole, []byte("av1C")) + 4
	for name, change := range map[string]func(b []byte){
		"depth":  func(b []byte) { b[config+2] ^= 0x40 },
		"header": func(b []byte) { b[config+2] ^= 0x0C },
		"data":   func(b []byte) { copy(b[len(b)-20:], make([]byte, 20)) },
	} {
		b := slices.Clone(whole)
		change(b)
		t.Run(name, func(t *testing.T) { wantPixels(t, b, want) })
	}
}

// Chromium looks for the brand of AVIF among all of them, and shows an image
// whose first brand is that of a video (libavif's avifPeekCompatibleFileType).
func TestAnAVIFThatBeginsLikeAVideo(t *testing.T) {
	b := run(t, picturetest.PNG(picturetest.Chart(32, 32)), transform.Params{Format: transform.AVIF}).Body
	want := pixels(t, run(t, b, transform.Params{Format: transform.PNG}))
	for _, major := range []string{"isom", "iso8", "mp41", "mp42", "qt  ", "heic"} {
		video := slices.Clone(b)
		copy(video[8:], major)
		if at := bytes.Index(video[16:], []byte("avif")); at < 0 || at > 32 {
			t.Fatalf("%q has no second brand", video[:48])
		}
		if d := picturetest.Distance(want, pixels(t, run(t, video, transform.Params{Format: transform.PNG}))); d != 0 {
			t.Errorf("%s: off by %v", major, d)
		}
	}
}

// Of 8.18, Debian and Homebrew have packages with a libaom that tunes for images.
func TestDefaultQualityOfAVIFIsThatOfTheTuning(t *testing.T) {
	want := 72
	if strings.HasPrefix(Version(), "8.18.") {
		want = transform.TunedAVIFQuality
	}
	source := picturetest.PNG(picturetest.Photo(300, 200, 1))
	got := run(t, source, transform.Params{Format: transform.AVIF}).Body
	for _, q := range []int{72, transform.TunedAVIFQuality} {
		same := bytes.Equal(got, run(t, source, transform.Params{Format: transform.AVIF, Quality: q}).Body)
		if same != (q == want) {
			t.Errorf("with libvips %s the default is like q:%d: %v", Version(), q, same)
		}
	}
}
