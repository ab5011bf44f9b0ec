package container

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// webpMovie is an animation of 40 by 30 of the given chunks, which is shown three times.
func webpMovie(flags byte, chunks ...[]byte) []byte {
	return riffFile(append([][]byte{webpHeader(flags|webpAnimated, 40, 30), webpChunk("ANIM", 0, 0, 0, 0, 3, 0)},
		chunks...)...)
}

// flagged is a frame with flags of disposal and blending.
func flagged(frame []byte, flags byte) []byte {
	frame = bytes.Clone(frame)
	frame[riffHeader+15] = flags
	return frame
}

func webpInfo(t *testing.T, b []byte) transform.Info {
	t.Helper()
	info, err := Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestListWebP(t *testing.T) {
	lossy, solid, clear := webpLossy(4, 6), webpLossless(4, 6, false), webpLossless(4, 6, true)
	alpha := webpChunk("ALPH", 0, 1, 2)
	icc, exif, xmp := webpChunk("ICCP", 1, 2, 3), webpChunk("EXIF", 4), webpChunk("XMP ", 5, 6)
	b := webpMovie(webpICC|webpXMP, icc, flagged(webpFrame(2, 4, 4, 6, lossy), 0), webpChunk("what", 1),
		flagged(webpFrame(0, 0, 4, 6, solid), 1), exif, flagged(webpFrame(36, 24, 4, 6, alpha, lossy), 2), xmp,
		flagged(webpFrame(0, 0, 4, 6, clear, webpChunk("more", 1, 2, 3)), 3), xmp, icc)
	l, err := ListWebP(b, webpInfo(t, b), 0)
	if err != nil || l.Plays != 3 || l.Opaque || len(l.Frames) != 4 {
		t.Fatalf("%+v, %v", l, err)
	}
	part := func(s Span) []byte { return b[s.From:s.To] }
	unpadded := func(b []byte) []byte { return b[:riffHeader+int(b[4])] }
	for i, want := range []WebPFrame{
		{Place: transform.Rect{Left: 2, Top: 4, Width: 4, Height: 6}, Blended: true},
		{Place: transform.Rect{Width: 4, Height: 6}, Blended: true, Cleared: true},
		{Place: transform.Rect{Left: 36, Top: 24, Width: 4, Height: 6}, Alpha: true},
		{Place: transform.Rect{Width: 4, Height: 6}, Alpha: true, Cleared: true},
	} {
		got := l.Frames[i]
		image := [][]byte{unpadded(lossy), unpadded(solid), slices.Concat(alpha, unpadded(lossy)), unpadded(clear)}[i]
		if !bytes.Equal(part(got.Image), image) {
			t.Errorf("frame %d is %q, want %q", i, part(got.Image), image)
		}
		if want.Delay, want.Image = 100, got.Image; got != want {
			t.Errorf("frame %d is %+v, want %+v", i, got, want)
		}
	}
	if !bytes.Equal(part(l.Profile), unpadded(icc)) || !bytes.Equal(part(l.XMP), unpadded(xmp)) || l.EXIF != (Span{}) {
		t.Errorf("%q, %q, %q of metadata", part(l.Profile), part(l.EXIF), part(l.XMP))
	}
	if l, err = ListWebP(b, webpInfo(t, b), 2); err != nil || len(l.Frames) != 2 || l.XMP == (Span{}) {
		t.Errorf("of two frames: %+v, %v", l, err)
	}
}

// What is known before any pixel is decoded, of whole frames.
func TestFramesOfAWebPThatCoverItsCanvas(t *testing.T) {
	const clear, alone = 1, 2
	whole := webpFrame(0, 0, 40, 30, webpLossy(40, 30))
	glass := webpFrame(0, 0, 40, 30, webpLossless(40, 30, true))
	part := webpFrame(2, 2, 4, 4, webpLossless(4, 4, false))
	for name, tc := range map[string]struct {
		frames [][]byte
		opaque bool
	}{
		"frames without alpha":             {[][]byte{whole, flagged(part, 0), flagged(whole, alone)}, true},
		"a first part":                     {[][]byte{part, whole}, false},
		"a first frame with alpha":         {[][]byte{glass, whole}, false},
		"alpha over what is there":         {[][]byte{whole, flagged(glass, 0), part}, true},
		"alpha in its place":               {[][]byte{whole, flagged(glass, alone)}, false},
		"a part taken away":                {[][]byte{whole, flagged(part, clear), part}, false},
		"a frame taken away, then another": {[][]byte{flagged(whole, clear), flagged(whole, clear)}, true},
		"a frame taken away, then a part":  {[][]byte{flagged(whole, clear), part}, false},
		"the last frame taken away":        {[][]byte{whole, flagged(part, clear)}, true},
	} {
		b := webpMovie(0, tc.frames...)
		if l, err := ListWebP(b, webpInfo(t, b), 0); err != nil || l.Opaque != tc.opaque {
			t.Errorf("%s: opaque %v, %v", name, l.Opaque, err)
		}
	}
}

// Decoders refuse them, browsers show none of them.
func TestListWebPRefuses(t *testing.T) {
	lossy, clear, alpha := webpLossy(4, 6), webpLossless(4, 6, true), webpChunk("ALPH", 0)
	good := webpFrame(0, 0, 4, 6, lossy)
	header := webpHeader(webpAnimated, 40, 30)
	for name, b := range map[string][]byte{
		"no ANIM":                 riffFile(header, good, good),
		"ANIM behind a frame":     riffFile(header, good, webpChunk("ANIM", make([]byte, 6)...), good),
		"short ANIM":              riffFile(header, webpChunk("ANIM", 0, 0, 0, 0, 0), good, good),
		"two alphas":              webpMovie(0, good, webpFrame(0, 0, 4, 6, alpha, alpha, lossy)),
		"alpha of its own twice":  webpMovie(0, good, webpFrame(0, 0, 4, 6, alpha, clear)),
		"a frame without image":   webpMovie(0, good, webpFrame(0, 0, 4, 6, alpha)),
		"a frame outside":         webpMovie(0, good, webpFrame(38, 0, 4, 6, lossy)),
		"a frame of no size":      webpMovie(0, good, webpChunk("ANMF", make([]byte, 15)...)),
		"no header":               riffFile(lossy),
		"nothing":                 nil,
		"a frame without a chunk": webpMovie(0, webpFrame(0, 0, 4, 6)),
	} {
		info := transform.Info{Format: transform.WebP, Width: 40, Height: 30, Frames: 2}
		if l, err := ListWebP(b, info, 0); !errors.Is(err, transform.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// What ListWebP lists lies in the file, and it lists the frames that Sniff counts, unless it refuses one.
func FuzzListWebP(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b, 0)
		f.Add(s.b, 1)
	}
	for _, b := range oddAnimations() {
		f.Add(b, 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, most int) {
		info, err := Sniff(b)
		if err != nil || info.Format != transform.WebP || info.Frames < 2 || most < 0 {
			return
		}
		if r, ok := Decodable(b, info, Needed{Metadata: true}); ok {
			b = r.Apply(b)
		}
		l, err := ListWebP(b, info, most)
		want := info.Frames
		if most > 0 {
			want = min(want, most)
		}
		if err != nil {
			return
		}
		if len(l.Frames) != want {
			t.Fatalf("%d frames, want %d of %d", len(l.Frames), want, info.Frames)
		}
		inside := func(s Span) bool { return s.From >= 0 && s.To >= s.From && s.To <= len(b) }
		for _, frame := range l.Frames {
			p := frame.Place
			if !inside(frame.Image) || frame.Image.To-frame.Image.From < riffHeader+5 || p.Left < 0 || p.Top < 0 ||
				p.Width < 1 || p.Height < 1 || p.Left+p.Width > info.Width || p.Top+p.Height > info.Height {
				t.Fatalf("%+v of %d bytes", frame, len(b))
			}
			if frame.Alpha && !info.Alpha {
				t.Fatalf("%+v of %+v", frame, info)
			}
		}
		if !inside(l.Profile) || !inside(l.EXIF) || !inside(l.XMP) || !l.Opaque && !info.Alpha {
			t.Fatalf("%+v of %+v, %d bytes", l, info, len(b))
		}
	})
}
