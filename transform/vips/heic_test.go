package vips

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// heicFile is one of testdata/heic: charts that libvips 8.14 and heif-enc 1.15 encoded with x265.
func heicFile(t testing.TB, name string) []byte {
	t.Helper()
	if !slices.Contains(New().Probe().Load, transform.HEIC) {
		if os.Getenv("CI") == "true" {
			t.Fatal("this libvips does not read HEIC")
		}
		t.Skip("this libvips does not read HEIC")
	}
	b, err := os.ReadFile(filepath.Join("testdata", "heic", name+".heic"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pngWith(t *testing.T, b []byte, options string) image.Image {
	t.Helper()
	p := parse(t, options)
	p.Format = transform.PNG
	return pixels(t, run(t, b, p))
}

var chartPoints = []at{{0.1, 0.1, picturetest.Red}, {0.9, 0.1, picturetest.Green}, {0.1, 0.9, picturetest.Blue},
	{0.9, 0.9, picturetest.Yellow}, {0.5, 0.5, picturetest.Grey}}

func TestHEICOfEveryKind(t *testing.T) {
	for name, size := range map[string]image.Point{
		"chart": {160, 128}, "chart-444": {160, 128}, "chart-10": {160, 128}, "chart-odd": {131, 99}, "tile": {64, 64},
	} {
		t.Run(name, func(t *testing.T) {
			b := heicFile(t, name)
			for _, options := range []string{"", "w:50", "ph:1"} {
				m := pngWith(t, b, options)
				if options == "" && m.Bounds().Size() != size {
					t.Errorf("%v, want %v", m.Bounds().Size(), size)
				}
				for _, p := range chartPoints {
					near(t, m, p.x, p.y, p.c)
				}
			}
		})
	}
	alpha := pngWith(t, heicFile(t, "chart-alpha"), "")
	near(t, alpha, 0.1, 0.1, picturetest.Red)
	near(t, alpha, 0.9, 0.9, color.NRGBA{230, 220, 20, 128})
	near(t, pngWith(t, heicFile(t, "grey"), ""), 0.5, 0.5, color.Gray{127})
}

func TestDeepHEICKeepsItsDepth(t *testing.T) {
	pic := run(t, heicFile(t, "chart-10"), transform.Params{Format: transform.PNG, PreserveHDR: true})
	if got := sniffed(t, pic.Body).Bits; got != 16 {
		t.Errorf("%d bits, want 16", got)
	}
}

// A HEIC is turned as an AVIF is whose pixels were laid down in the same way.
func TestHEICIsTurnedByItsContainer(t *testing.T) {
	heic := heicFile(t, "chart")
	avif := run(t, heic, transform.Params{Format: transform.AVIF, Quality: 90}).Body
	for o := 1; o <= 8; o++ {
		got := pngWith(t, picturetest.AVIF(heic, o, nil), "")
		want := pngWith(t, picturetest.AVIF(avif, o, nil), "")
		if got.Bounds() != want.Bounds() {
			t.Errorf("orientation %d: %v, want %v", o, got.Bounds(), want.Bounds())
		}
		for _, p := range chartPoints {
			b := want.Bounds()
			near(t, got, p.x, p.y, want.At(int(p.x*float64(b.Dx())), int(p.y*float64(b.Dy()))))
		}
	}
}

func TestHEICOfTiles(t *testing.T) {
	tile := heicFile(t, "tile")
	one := pngWith(t, tile, "")
	turned := append([]byte{0, 0, 0, 9}, "irot\x01"...)
	for _, size := range []image.Point{{128, 128}, {150, 100}, {64, 70}, {300, 260}} {
		m := pngWith(t, picturetest.Grid(tile, size.X, size.Y), "")
		if m.Bounds().Size() != size {
			t.Fatalf("%v, want %v", m.Bounds().Size(), size)
		}
		for y := range size.Y {
			for x := range size.X {
				if got, want := m.At(x, y), one.At(x%64, y%64); got != want {
					t.Fatalf("%v: pixel at %d, %d is %v, want the tile's %v", size, x, y, got, want)
				}
			}
		}
		on := pngWith(t, picturetest.Grid(tile, size.X, size.Y, turned), "")
		if want := image.Pt(size.Y, size.X); on.Bounds().Size() != want {
			t.Errorf("turned: %v, want %v", on.Bounds().Size(), want)
		}
	}
}

func TestHEICIsReadAsItsThumbnail(t *testing.T) {
	b := picturetest.AVIF(heicFile(t, "chart"), 1, heicFile(t, "thumbnail"))
	near(t, pngWith(t, b, ""), 0.5, 0.5, picturetest.Grey)
	small := pngWith(t, b, "eth:1")
	near(t, small, 0.5, 0.5, picturetest.Yellow)
	if want := image.Pt(80, 64); small.Bounds().Size() != want {
		t.Errorf("%v, want the thumbnail's %v", small.Bounds().Size(), want)
	}
}
