package container

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// gifFile has a global table of two colours.
func gifFile(width, height uint16, blocks ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	b = binary.LittleEndian.AppendUint16(b, height)
	b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
	return append(b, slices.Concat(blocks...)...)
}

func gifRect(x, y, width, height uint16) []byte {
	b := []byte{','}
	for _, n := range []uint16{x, y, width, height} {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	// A local table of four colours, and data of two sub-blocks.
	b = append(append(b, 0x81), make([]byte, 12)...)
	return append(b, 2, 2, 0x4C, 0x01, 3, ';', ',', '!', 0)
}

var (
	gifEnd         = []byte{';'}
	gifTransparent = []byte("!\xf9\x04\x01\x0a\x00\x01\x00")
	gifOpaque      = []byte("!\xf9\x04\x00\x0a\x00\x01\x00")
)

func area(left, top, width, height int) transform.Rect {
	return transform.Rect{Left: left, Top: top, Width: width, Height: height}
}

// The sizes, and whether some of the canvas is left, are what Chromium 156 shows
// of files of the same numbers.
func TestSniffGivesAGIFTheSizeThatBrowsersShow(t *testing.T) {
	whole := transform.Rect{}
	for name, tc := range map[string]struct {
		b             []byte
		width, height int
		partial       bool
		frame         transform.Rect
	}{
		"frame is the screen":         {gifFile(10, 8, gifRect(0, 0, 10, 8), gifEnd), 10, 8, false, whole},
		"frame within the screen":     {gifFile(10, 8, gifRect(2, 2, 3, 3), gifEnd), 10, 8, true, area(2, 2, 3, 3)},
		"first frame leaves it":       {gifFile(10, 8, gifRect(5, 5, 10, 8), gifEnd), 15, 13, true, area(5, 5, 10, 8)},
		"first frame is larger":       {gifFile(10, 8, gifRect(0, 0, 15, 13), gifEnd), 15, 13, false, whole},
		"first frame is beside it":    {gifFile(10, 8, gifRect(20, 0, 3, 3), gifEnd), 23, 8, true, area(20, 0, 3, 3)},
		"second frame leaves it":      {gifFile(10, 8, gifRect(0, 0, 10, 8), gifRect(5, 5, 100, 80), gifEnd), 10, 8, false, whole},
		"second frame fills it":       {gifFile(10, 8, gifRect(0, 0, 10, 7), gifRect(0, 0, 10, 8), gifEnd), 10, 8, true, area(0, 0, 10, 7)},
		"screen of old":               {gifFile(640, 480, gifRect(0, 0, 10, 8), gifEnd), 640, 480, true, area(0, 0, 10, 8)},
		"screen of old, frame aside":  {gifFile(640, 480, gifRect(3, 2, 10, 8), gifEnd), 640, 480, true, area(3, 2, 10, 8)},
		"screen without a width":      {gifFile(0, 5, gifRect(0, 0, 10, 3), gifEnd), 10, 5, true, area(0, 0, 10, 3)},
		"screen without a height":     {gifFile(5, 0, gifRect(0, 0, 3, 3), gifEnd), 5, 3, true, area(0, 0, 3, 3)},
		"screen without a size":       {gifFile(0, 0, gifRect(1, 2, 3, 3), gifEnd), 4, 5, true, area(1, 2, 3, 3)},
		"wide screen":                 {gifFile(3000, 100, gifRect(0, 0, 10, 8), gifEnd), 3000, 100, true, area(0, 0, 10, 8)},
		"frame without a size":        {gifFile(10, 8, gifRect(0, 0, 0, 0), gifEnd), 10, 8, true, transform.Rect{}},
		"frame without a width":       {gifFile(10, 8, gifRect(1, 0, 0, 8), gifEnd), 10, 8, true, area(1, 0, 0, 8)},
		"largest screen, small frame": {gifFile(65535, 65535, gifRect(0, 0, 1, 1), gifEnd), 65535, 65535, true, area(0, 0, 1, 1)},
		"largest frame":               {gifFile(9, 9, gifRect(65535, 65535, 65535, 65535), gifEnd), 131070, 131070, true, area(65535, 65535, 65535, 65535)},
	} {
		got, err := Sniff(tc.b)
		if err != nil || got.Width != tc.width || got.Height != tc.height || got.Partial != tc.partial ||
			got.Frame != tc.frame || got.Alpha != tc.partial {
			t.Errorf("%s: %+v, %v, want %dx%d and a frame %+v", name, got, err, tc.width, tc.height, tc.frame)
		}
	}
}

func TestSniffReadsTheBlocksOfAGIF(t *testing.T) {
	frame := gifRect(0, 0, 10, 8)
	base := transform.Info{Format: transform.GIF, Width: 10, Height: 8, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	for name, tc := range map[string]struct {
		b    []byte
		want func(*transform.Info)
	}{
		"three frames":              {gifFile(10, 8, frame, gifOpaque, frame, frame, gifEnd), func(i *transform.Info) { i.Frames = 3 }},
		"transparent":               {gifFile(10, 8, gifTransparent, frame, gifEnd), func(i *transform.Info) { i.Alpha, i.Bands = true, 4 }},
		"a later frame transparent": {gifFile(10, 8, frame, gifTransparent, frame, gifEnd), func(i *transform.Info) { i.Alpha, i.Bands, i.Frames = true, 4, 2 }},
		"opaque":                    {gifFile(10, 8, gifOpaque, frame, gifEnd), func(*transform.Info) {}},
		"transparency of no frame":  {gifFile(10, 8, frame, gifTransparent, gifEnd), func(*transform.Info) {}},
		"comment":                   {gifFile(10, 8, []byte("!\xfe\x02;;\x00!\xfe\x00"), frame, gifEnd), func(i *transform.Info) { i.AncillaryBytes = 6 + 3 }},
		"application":               {gifFile(10, 8, frame, []byte("!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"), gifEnd), func(i *transform.Info) { i.AncillaryBytes = 19 }},
		"zeros before the end":      {gifFile(10, 8, frame, []byte{0, 0, 0}, gifEnd), func(*transform.Info) {}},
		"version 87a":               {bytes.Replace(gifFile(10, 8, frame, gifEnd), []byte("89a"), []byte("87a"), 1), func(*transform.Info) {}},
	} {
		want := base
		tc.want(&want)
		if got, err := Sniff(tc.b); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, want)
		}
		for n := range tc.b {
			// The first frame is used: behind it nothing has to be whole.
			whole := 19 + bytes.Index(tc.b[19:], frame) + len(frame)
			if got, err := Sniff(tc.b[:n]); isRefusal(err) != (n < whole) {
				t.Errorf("%s cut to %d of %d bytes: %+v, %v", name, n, len(tc.b), got, err)
			}
		}
	}
}

func TestSniffRefusesBrokenGIFs(t *testing.T) {
	frame := gifRect(0, 0, 10, 8)
	wantRefusals(t, []refusal{
		{"no frame", gifFile(10, 8, gifEnd), transform.ErrMalformed, "no frame"},
		{"unknown block", gifFile(10, 8, []byte("?"), frame, gifEnd), transform.ErrMalformed, "unknown block"},
		{"empty graphic control", gifFile(10, 8, []byte("!\xf9\x00"), frame, gifEnd), transform.ErrMalformed, "empty extension"},
		{"many empty extensions", gifFile(10, 8, bytes.Repeat([]byte("!\xff\x00"), 65), frame, gifEnd), transform.ErrMalformed, "empty extension"},
		{"nothing has a size", gifFile(0, 0, gifRect(0, 0, 0, 0), gifEnd), transform.ErrMalformed, "no width or no height"},
		{"no size, second frame", gifFile(0, 8, gifRect(0, 0, 0, 8), frame, gifEnd), transform.ErrMalformed, "no width or no height"},
		{"no pixel and no end", gifFile(10, 8, frame[:len(frame)-1]), transform.ErrTruncated, "first frame"},
		{"no frame and no end", gifFile(10, 8), transform.ErrTruncated, "first frame"},
	})
}

// Whatever stands behind whole frames, they are there.
func TestSniffTakesTheWholeFramesOfAGIF(t *testing.T) {
	frame := gifRect(0, 0, 10, 8)
	head := gifFile(10, 8)
	for name, tc := range map[string]struct {
		b      []byte
		frames int
	}{
		"no end":                  {gifFile(10, 8, frame, frame), 2},
		"zeros instead of an end": {gifFile(10, 8, frame, make([]byte, 1<<20)), 1},
		"unknown block":           {gifFile(10, 8, frame, frame, []byte("?"), frame, gifEnd), 2},
		"zeros between frames":    {gifFile(10, 8, frame, []byte{0, 0}, frame, gifEnd), 1},
		"line end between frames": {gifFile(10, 8, frame, []byte("\r\n"), frame), 1},
		"empty extension":         {gifFile(10, 8, frame, []byte("!\xf9\x00"), frame, gifEnd), 1},
		"extension cut":           {gifFile(10, 8, frame, []byte("!\xfe\x09abc")), 1},
		"second frame cut":        {gifFile(10, 8, frame, frame[:len(frame)-1]), 1},
	} {
		got, err := Sniff(tc.b)
		if end := len(head) + tc.frames*len(frame); err != nil || got.Frames != tc.frames || got.End != int64(end) {
			t.Errorf("%s: %+v, %v, want %d frames and the end at %d", name, got, err, tc.frames, end)
		}
		r, ok := NewRepair(tc.b, got)
		if whole, err := Sniff(r.Apply(tc.b)); !ok || err != nil || whole.End != 0 || whole.Frames != tc.frames {
			t.Errorf("%s repaired: %+v, %v", name, whole, err)
		}
	}
}

// Chromium shows a GIF with an empty extension of any kind but a graphic control.
func TestEmptyExtensionsOfAGIFBecomeComments(t *testing.T) {
	frame := gifRect(0, 0, 10, 8)
	for name, label := range map[string]string{"application": "\xff", "text": "\x01", "unknown": "\x42"} {
		empty := []byte("!" + label + "\x00")
		for where, blocks := range map[string][][]byte{
			"once":           {empty, frame, gifEnd},
			"twice":          {empty, gifOpaque, empty, frame, gifEnd},
			"64 times":       {bytes.Repeat(empty, 64), frame, gifEnd},
			"two frames":     {empty, frame, frame, gifEnd},
			"no end":         {empty, frame},
			"junk behind it": {empty, frame, []byte("??")},
			"no pixels":      {empty, gifRect(3, 0, 4, 0), gifEnd},
		} {
			b := gifFile(10, 8, blocks...)
			got, err := Sniff(b)
			if err != nil || got.End == 0 {
				t.Fatalf("%s, %s: %+v, %v", name, where, got, err)
			}
			r, ok := NewRepair(b, got)
			want := bytes.ReplaceAll(b[:got.End], empty, []byte("!\xfe\x00"))
			if fixed := r.Apply(b); !ok || !bytes.Equal(fixed, append(want, gifTrailer)) {
				t.Errorf("%s, %s: %q", name, where, fixed)
			}
		}
	}
}
