package vips

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// stacked is what options make of the pages of a source, planned as the server does it.
func stacked(t *testing.T, b []byte, options string) transform.Picture {
	t.Helper()
	p := parse(t, options)
	info, err := container.SniffPages(b, sniffed(t, b), p.Page, p.Pages)
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	if p, err = (transform.Limits{}).PlanFrames(info, p); err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	if info, err = (transform.Limits{}).StackPages(info, p); err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	pic, err := runInfo(t, b, info, p)
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	return pic
}

// below are images below each other, aligned to the left.
func below[T image.Image](list []T) *image.NRGBA {
	size := list[0].Bounds().Size()
	all := image.NewNRGBA(image.Rect(0, 0, size.X, size.Y*len(list)))
	for i, m := range list {
		draw.Draw(all, image.Rect(0, i*size.Y, size.X, (i+1)*size.Y), m, m.Bounds().Min, draw.Src)
	}
	return all
}

func TestStackedFramesOfAGIF(t *testing.T) {
	for name := range odd {
		t.Run(name, func(t *testing.T) {
			m := oddMovie(name)
			b, shown := m.Encode(), m.Shown()
			for page := range shown {
				for n := 2; n <= len(shown)-page+1; n++ {
					want := below(shown[page:min(page+n, len(shown))])
					options := fmt.Sprintf("f:png/pg:%d/pgs:%d", page, n)
					compareFrames(t, options, []image.Image{pixels(t, stacked(t, b, options))}, []*image.NRGBA{want}, 0)
				}
			}
		})
	}
}

func TestStackedFramesOfAWebP(t *testing.T) {
	libwebp := compiled(t, "webp_frames.c", "libwebpdemux")
	for name, m := range webpMovies() {
		b := m.encode(t)
		want, _ := decodedByLibwebp(t, libwebp, b)
		for page := range len(want) - 1 {
			options := fmt.Sprintf("f:png/pg:%d/pgs:99", page)
			checkFrame(t, name+" "+options, pixels(t, stacked(t, b, options)), below(want[page:]))
		}
	}
}

// tiffOfPages has pages that differ in their pictures alone.
func tiffOfPages(f picturetest.TIFFForm, order binary.ByteOrder, pictures ...image.Image) []byte {
	var forms []picturetest.TIFFForm
	for _, m := range pictures {
		f.Picture = m
		forms = append(forms, f)
	}
	return picturetest.TIFF(nil, order, forms...)
}

// The pages of each kind of TIFF are those that are given one by one.
func TestStackedPagesOfATIFF(t *testing.T) {
	pictures := []image.Image{picturetest.Chart(70, 55), picturetest.Photo(70, 55, 1), picturetest.Glass(70, 55)}
	forms := tiffForms()
	for i := range 3 {
		forms[fmt.Sprint("alpha ", i)] = picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8, Extra: i + 1,
			Tile: 64}
	}
	forms["inks"] = picturetest.TIFFForm{Kind: picturetest.TIFFCMYK, Bits: 8, Rows: 16}
	for name, f := range forms {
		if f.Separate {
			continue // they are refused
		}
		order := []binary.ByteOrder{little, binary.BigEndian}[len(name)%2]
		t.Run(name, func(t *testing.T) { comparePages(t, tiffOfPages(f, order, pictures...), len(pictures)) })
	}
	var jpegs [][]byte
	for i := range 3 {
		jpegs = append(jpegs, picturetest.JPEG(picturetest.Photo(70, 55, uint64(i)), 80))
	}
	comparePages(t, picturetest.TIFFOfJPEGs(70, 55, jpegs...), 3)
}

// comparePages compares stacks of a TIFF with its pages, each of which another test compares with what was written.
func comparePages(t *testing.T, b []byte, n int) {
	t.Helper()
	var pages []image.Image
	for i := range n {
		info, err := container.SniffPage(b, sniffed(t, b), i)
		if err != nil {
			t.Fatal(err)
		}
		pic, err := runInfo(t, b, info, transform.Params{Format: transform.PNG})
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, pixels(t, pic))
	}
	for _, r := range [][2]int{{0, n}, {0, 2}, {1, n}} {
		got := pixels(t, stacked(t, b, fmt.Sprintf("f:png/pg:%d/pgs:%d", r[0], r[1])))
		want := below(pages[r[0]:min(r[0]+r[1], n)])
		if got.Bounds() != want.Rect {
			t.Errorf("%d pages from %d on are %v, want %v", r[1], r[0], got.Bounds(), want.Rect)
		} else if wrong := wrongPixel(got, want, 1); wrong != "" {
			t.Errorf("%d pages from %d on: %s", r[1], r[0], wrong)
		}
	}
}

// All options are of the stack, and none makes an animation of it.
func TestOptionsOfAStack(t *testing.T) {
	movie := oddMovie("all ways").Encode()
	still := picturetest.PNG(below(oddMovie("all ways").Shown()[2:7]))
	photos := []image.Image{picturetest.Photo(90, 70, 1), picturetest.Photo(90, 70, 2), picturetest.Photo(90, 70, 3)}
	tiff := tiffOfPages(picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8, Rows: 9}, little, photos...)
	for _, tc := range []struct {
		name    string
		b, same []byte
		pages   string
	}{
		{"GIF", movie, still, "/da:1/pg:2/pgs:5"},
		{"WebP", animate(t, movie, parse(t, "f:webp/webpo:lossless")).Body, nil, "/da:1/pgs:2"},
		{"TIFF", tiff, picturetest.PNG(below(photos)), "/pgs:9"},
	} {
		for _, options := range []string{
			"f:png/w:10", "f:png/rs:fill:12:30", "f:png/rs:fill:12:12/g:sm", "f:png/rot:90", "f:png/c:10:20:soea", "f:png/pd:3",
			"f:webp/webpo:lossless", "f:gif", "f:png/sm:0", "f:webp/webpo:lossless/sm:0", "f:gif/sm:0",
		} {
			got := stacked(t, tc.b, options+tc.pages)
			if info := sniffed(t, got.Body); info.Frames != 1 {
				t.Errorf("%s, %s: %d frames", tc.name, options, info.Frames)
			}
			if tc.same == nil {
				continue
			}
			want := pixels(t, run(t, tc.same, parse(t, options)))
			if have := pixels(t, got); have.Bounds() != want.Bounds() || picturetest.Distance(want, have) > 1.5 {
				t.Errorf("%s, %s: %v, %.1f from the same of a still image", tc.name, options, have.Bounds(),
					picturetest.Distance(want, have))
			}
		}
	}
}

// A border is looked for around the stack.
func TestTrimOfAStack(t *testing.T) {
	blank, chart := image.NewNRGBA(image.Rect(0, 0, 64, 48)), picturetest.Chart(64, 48)
	b := tiffOfPages(picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8}, little, blank, chart, blank)
	info, err := container.SniffPages(b, sniffed(t, b), 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, "f:png/pgs:3/t:10")
	if info, err = (transform.Limits{}).StackPages(info, p); err != nil {
		t.Fatal(err)
	}
	job := transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{p}}
	found, err := New().FindTrim(t.Context(), job)
	if want := (transform.Rect{Top: 48, Width: 64, Height: 48}); err != nil || found != want {
		t.Errorf("%+v, %v, want %+v", found, err, want)
	}
}
