package vips

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// striped is a movie whose detail lies at another place in each frame: a smart crop of each would jump.
func striped(places ...int) picturetest.GIFMovie {
	m := picturetest.GIFMovie{Width: 120, Height: 40, Palette: picturetest.Cube()}
	for _, left := range places {
		p := part(0, 0, 120, 40, 0)
		for i := range p.Pix {
			p.Pix[i] = 43
			if x := i % 120; x >= left && x < left+20 {
				p.Pix[i] = byte(i * 7 % 216)
			}
		}
		m.Parts = append(m.Parts, p)
	}
	return m
}

// All frames are cut where the first one is, whether before the resize or after it.
func TestOneSmartCropForAllFrames(t *testing.T) {
	m := striped(90, 10, 50)
	shown := m.Shown()
	for _, options := range []string{"c:40:40:sm", "rs:fill:40:40/g:sm", "rs:fill:20:20/g:sm"} {
		got := play(t, run(t, m.Encode(), parse(t, options+"/f:webp/webpo:lossless")))
		p := parse(t, options+"/f:png")
		want := pixels(t, run(t, picturetest.PNG(shown[0]), p))
		if d := picturetest.Perceived(got.frames[0], want); d > 0.1 {
			t.Errorf("%s: the first frame is %.2f from that of a still image", options, d)
		}
		// Its detail is in the middle of the first frame alone, and nothing of theirs in the others.
		for i, frame := range got.frames[1:] {
			if d := picturetest.Perceived(frame, plain(frame.Bounds(), m.Palette[43])); d > 1 {
				t.Errorf("%s: frame %d is cut elsewhere: %.2f from its background", options, i+1, d)
			}
		}
	}
}

func plain(r image.Rectangle, c color.Color) image.Image {
	m := image.NewNRGBA(r)
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

// A watermark lies on every frame as on a still image, one and repeated.
func TestWatermarkOfAnAnimation(t *testing.T) {
	m := picturetest.PhotoMovie(96, 64, 3)
	mark := picturetest.PNG(picturetest.Glass(30, 20))
	marked := func(b []byte, p transform.Params) (got transform.Picture) {
		job := transform.Job{Source: source(t, b), Info: sniffed(t, b), Outputs: []transform.Params{p},
			Watermark: source(t, mark), WatermarkInfo: sniffed(t, mark)}
		err := New().Transform(context.Background(), job, func(_ int, pic transform.Picture) { got = pic })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, options := range []string{"wm:0.6:soea:3:3", "wm:1:re:5:5", "w:60/wm:0.5:ce:0:0:0.5", "pd:4/wm:0.7"} {
		got := play(t, marked(m.Encode(), parse(t, options+"/f:webp/webpo:lossless")))
		for i, shown := range m.Shown() {
			want := pixels(t, marked(picturetest.PNG(shown), parse(t, options+"/f:png")))
			if d := picturetest.Perceived(got.frames[i], want); d > 0.1 {
				t.Errorf("%s, frame %d: distance %.2f", options, i, d)
			}
		}
	}
}

// Of an animated watermark only the first frame is read, whatever is behind it.
func TestWatermarkOfTheFirstFrame(t *testing.T) {
	m := webpMovie{width: 8, height: 8, parts: []webpPart{{at: placed(0, 0, 8, 8)}, {at: placed(0, 0, 8, 8)}}}
	mark := m.encode(t)
	broken := bytes.Clone(mark)
	copy(broken[bytes.LastIndex(broken, []byte("VP8L"))+9:], "\xff\xff\xff\xff")
	info := sniffed(t, mark)
	base := picturetest.PNG(picturetest.Photo(20, 20, 1))
	var got [2]image.Image
	for i, b := range [][]byte{mark, broken} {
		job := transform.Job{Source: source(t, base), Info: sniffed(t, base), Outputs: []transform.Params{
			parse(t, "wm:1/f:png")}, Watermark: source(t, b), WatermarkInfo: info}
		err := New().Transform(t.Context(), job, func(_ int, pic transform.Picture) { got[i] = pixels(t, pic) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if d := picturetest.Distance(got[0], got[1]); d > 0 {
		t.Errorf("the watermarks differ by %v", d)
	}
}

// Any page of any number of frames is made, and only as many frames as are asked for.
func TestPagesOfManyFrames(t *testing.T) {
	m := picturetest.GIFMovie{Width: 8, Height: 8, Palette: picturetest.Cube()}
	for i := range 10_000 {
		m.Parts = append(m.Parts, part(i%7, i/7%7, 1, 1, byte(i%216)))
	}
	m.Parts[0] = part(0, 0, 8, 8, 3)
	all := m.Parts
	for _, n := range []int{310, 10_000} {
		m.Parts = all[:n]
		b, shown := m.Encode(), m.Shown()
		p := parse(t, "f:png")
		p.Page = n - 1
		compareFrames(t, fmt.Sprint(n), []image.Image{pixels(t, run(t, b, p))}, shown[n-1:], 0)
		some := parse(t, "f:webp/webpo:lossless")
		some.MaxFrames = 7
		compareFrames(t, fmt.Sprint("the first of ", n), play(t, run(t, b, some)).frames, shown[:7], 4)
	}
}

// Quality is lowered for all frames together.
func TestMaxBytesOfAnAnimation(t *testing.T) {
	m := picturetest.PhotoMovie(96, 64, 6)
	whole := animate(t, m.Encode(), parse(t, "f:webp/q:90"))
	most := len(whole.Body) * 2 / 3
	small := animate(t, m.Encode(), parse(t, fmt.Sprint("f:webp/q:90/mb:", most)))
	if len(small.Body) > most || len(small.Body) < most/3 {
		t.Errorf("%d bytes of %d, at most %d are wanted", len(small.Body), len(whole.Body), most)
	}
	if got := play(t, small); !slices.Equal(got.delays, m.Delays()) {
		t.Errorf("delays %v, want %v", got.delays, m.Delays())
	}
}

// What browsers show for 100 ms is so in a WebP, and stays as it is in a GIF.
func TestShortDelays(t *testing.T) {
	m := oddMovie("whole frames")
	for i, d := range []int{0, 1, 2} {
		m.Parts[i].Delay = d
	}
	for options, want := range map[string][]int{
		"f:gif": {0, 10, 20}, "f:gif/w:8": {0, 10, 20}, "f:webp": {100, 100, 20},
	} {
		got := play(t, animate(t, m.Encode(), parse(t, options))).delays
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", options, got, want)
		}
	}
}
