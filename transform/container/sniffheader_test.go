package container

import (
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// headerOf has of an Info what SniffHeader promises.
func headerOf(i transform.Info) transform.Info {
	return transform.Info{Format: i.Format, Width: i.Width, Height: i.Height, Orientation: i.Orientation,
		Frames: i.Frames, Bands: i.Bands, Bits: i.Bits, Alpha: i.Alpha, Profile: i.Profile}
}

// Of each beginning of each sample the header is not known, or it is that of the whole image. It is known before the
// last byte where it stands first.
func TestSniffHeaderTellsWhatSniffTells(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			whole, err := Sniff(s.b)
			if err != nil {
				t.Fatal(err)
			}
			known := 0
			for n := range len(s.b) + 1 {
				got, ok := SniffHeader(s.b[:n])
				switch {
				case ok && headerOf(got) != headerOf(whole):
					t.Fatalf("of %d bytes: %+v\nof all: %+v", n, headerOf(got), headerOf(whole))
				case ok && known == 0:
					known = n
				case !ok && known > 0:
					t.Fatalf("known of %d bytes, and not of %d", known, n)
				}
			}
			readable, last := slices.Contains(headerFormats, whole.Format), false
			if whole.Format == transform.JXL {
				readable = whole.Frames == 1
			}
			if whole.Format == transform.WebP && hasMagic(s.b, 12, "VP8X") {
				const flags, animation, exif = 20, 0x02, 0x08
				readable, last = s.b[flags]&animation == 0, s.b[flags]&exif != 0
			}
			if readable != (known > 0) || known == len(s.b) && !last {
				t.Errorf("known of %d of %d bytes", known, len(s.b))
			}
		})
	}
}

// What stands behind the image data of a PNG changes nothing, as decoders ignore it there.
func TestChunksBehindTheDataOfAPNG(t *testing.T) {
	late := map[string][]byte{"iCCP": []byte("name\x00\x00 this is no profile"), "tRNS": {0, 0, 0, 0, 0, 0},
		"eXIf": picturetest.EXIF(6), "acTL": {0, 0, 0, 2, 0, 0, 0, 0}}
	for _, s := range samples(t) {
		if s.want.Format != transform.PNG {
			continue
		}
		end := len(s.b) - 12
		for name, data := range late {
			b := slices.Concat(s.b[:end], pngChunk(name, data...), s.b[end:])
			whole, err := Sniff(b)
			header, ok := SniffHeader(b[:end])
			if err != nil || !ok || headerOf(header) != headerOf(whole) || headerOf(whole) != headerOf(s.want) {
				t.Errorf("%s with %s: %+v, %v; header %+v, %v", s.name, name, whole, err, headerOf(header), ok)
			}
		}
	}
}

// FuzzSniffHeader holds the header against what Sniff tells of the whole.
func FuzzSniffHeader(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b, len(s.b)/2)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		got, ok := SniffHeader(b[:min(max(n, 0), len(b))])
		whole, err := Sniff(b)
		if !ok || err != nil {
			return
		}
		if got, want := headerOf(got), headerOf(whole); got != want {
			t.Errorf("of %d bytes: %+v\nof all: %+v", n, got, want)
		}
	})
}
