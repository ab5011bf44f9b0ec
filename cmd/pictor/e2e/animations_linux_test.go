package e2e

import (
	"bytes"
	"encoding/binary"
	"image"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// hostileGIF is a GIF of n frames, each with a delay in hundredths of a second.
func hostileGIF(w, h, n, delay int, at image.Rectangle) []byte {
	frames := slices.Repeat([]picturetest.GIFFrame{{At: at, Transparent: 1}}, n)
	b := picturetest.GIFOnScreen(w, h, frames...)
	control := []byte{'!', 0xf9, 4, 1, 0, 0, 1, 0}
	return bytes.ReplaceAll(b, control, []byte{'!', 0xf9, 4, 1, byte(delay), byte(delay >> 8), 1, 0})
}

// hostileWebP is a WebP of n frames of one pixel, which say that they are wide.
func hostileWebP(w, h, n, x, wide int) []byte {
	pixel := []byte("VP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	u24 := func(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }
	chunk := func(name string, data []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data))), data...)
	}
	frame := u24(u24(u24(u24(u24(nil, x/2), 0), wide-1), 0), 1)
	frame = chunk("ANMF", slices.Concat(frame, []byte{0}, pixel))
	const animated = 2
	b := append([]byte("WEBP"), chunk("VP8X", u24(u24([]byte{animated, 0, 0, 0}, w-1), h-1))...)
	b = append(b, chunk("ANIM", make([]byte, 6))...)
	return chunk("RIFF", append(b, bytes.Repeat(frame, n)...))
}

// Whatever an animation is, each way of asking for it has a clear answer in a small server, which no
// worker of it crashes for.
func TestHostileAnimations(t *testing.T) {
	long(t, "animations by the thousand")
	t.Parallel() // one image after the other
	whole := image.Rect(0, 0, 40, 30)
	good := hostileGIF(40, 30, 3, 10, whole)
	site := newSite(t)
	s := serve(t, "--insecure", "--allow-networks", "127.0.0.0/8", "--memory-limit", "256MiB", "--workers", "2",
		"--cache-disk", "off", "--auto-formats", "avif,webp")
	const ok, limit, large, broken = "200", "over-limit", "too-large", "broken-picture"
	webp := hostileWebP(40, 30, 3, 0, 1)
	cutWebP := webp[:len(webp)-5]
	for _, tc := range []struct {
		name            string
		b               []byte
		animated, still string // the codes that may be; a still image is a PNG
	}{
		{"4000-frames.gif", hostileGIF(40, 30, 4000, 10, whole), ok, ok},
		{"5000-frames.gif", hostileGIF(40, 30, 5000, 10, whole), ok, ok},
		{"no-delay.gif", hostileGIF(40, 30, 20, 0, whole), ok, ok},
		{"short-delay.gif", hostileGIF(40, 30, 20, 1, whole), ok, ok},
		{"small-frames.gif", hostileGIF(10_000, 10_000, 20, 10, image.Rect(0, 0, 9, 9)), ok + large, ok + large},
		{"largest-canvas.gif", hostileGIF(65535, 65535, 2, 10, image.Rect(0, 0, 1, 1)), limit, limit},
		{"outside.gif", picturetest.GIFOnScreen(40, 30, picturetest.GIFFrame{At: whole, Transparent: -1},
			picturetest.GIFFrame{At: image.Rect(20, 20, 400, 300), Transparent: -1},
			picturetest.GIFFrame{At: image.Rect(500, 500, 510, 510), Transparent: -1}), ok, ok},
		{"no-trailer.gif", good[:len(good)-1], ok, ok},
		{"cut.gif", good[:len(good)-20], "truncated", ok},
		{"one-pixel-frames.gif", hostileGIF(1000, 1000, 5000, 1, image.Rect(0, 0, 1, 1)), ok, ok},
		{"one-pixel-frames.webp", hostileWebP(1000, 1000, 50_000, 0, 1), ok, ok},
		{"4000-frames.webp", hostileWebP(40, 30, 4000, 2, 1), ok, ok},
		{"large-canvas.webp", hostileWebP(7000, 7000, 20, 0, 1), large, large},
		{"largest-canvas.webp", hostileWebP(16383, 16383, 3, 0, 1), limit, limit},
		{"cut.webp", cutWebP, "truncated", ok},
		{"no-loops.webp", bytes.Replace(webp, []byte("ANIM"), []byte("what"), 1), broken, broken},
		{"no-images.webp", bytes.ReplaceAll(webp, []byte("VP8L"), []byte("what")), broken, broken},
		{"no-pixels.webp", bytes.ReplaceAll(webp, []byte("\x88\xfe\x07"), []byte{0, 0, 0}), ok + broken, ok + broken},
		{"outside.webp", hostileWebP(40, 30, 3, 40, 1), broken, broken},
		{"other-size.webp", hostileWebP(40, 30, 3, 0, 3), broken, broken},
	} {
		source := "/plain/" + site.put("/"+tc.name, tc.b)
		for path, want := range map[string]string{
			"/insecure/w:20/f:gif" + source: tc.animated, "/insecure/w:20" + source: tc.animated,
			"/insecure/w:20/f:png" + source: tc.still, "/insecure/w:20/da:1/pg:1/f:webp" + source: tc.still,
			"/insecure/w:20/pg:4095/f:jpg" + source: tc.still + "no-such-page",
		} {
			a := s.get(path, "Accept", "image/avif,image/webp,*/*")
			code, _, _ := strings.Cut(string(a.body), ":")
			if a.status == http.StatusOK {
				code = ok
			}
			if !strings.Contains(want, code) {
				t.Errorf("%s: %v, want %s", path, a, want)
			}
			if kind := a.header.Get("Content-Type"); a.status == http.StatusOK && kind == "image/avif" {
				t.Errorf("%s is a still AVIF", path)
			}
		}
	}
	if a := s.get("/insecure/w:20/plain/" + site.put("/photo.jpg", photo(200, 100))); a.status != http.StatusOK {
		t.Errorf("after all: %v", a)
	}
	for _, why := range []string{"crashed", "overran", "overtime"} {
		s.counted(`pictor_workers_ended_total{why="` + why + `"} 0`)
	}
}
