package vips

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

var little = binary.LittleEndian

// asPNG is all of a source, decoded.
func asPNG(t testing.TB, b []byte) image.Image {
	t.Helper()
	return pixels(t, run(t, b, transform.Params{Format: transform.PNG}))
}

// tiffForms are the kinds of TIFF that are read, by their samples and by how these lie in the file.
func tiffForms() map[string]picturetest.TIFFForm {
	forms := map[string]picturetest.TIFFForm{}
	kinds := map[string][]picturetest.TIFFForm{
		"white is zero": {{Bits: 1}, {Bits: 2}, {Bits: 4}, {Bits: 8}, {Bits: 16}},
		"grey":          {{Kind: 1, Bits: 1}, {Kind: 1, Bits: 2}, {Kind: 1, Bits: 4}, {Kind: 1, Bits: 8}, {Kind: 1, Bits: 16}},
		"rgb":           {{Kind: 2, Bits: 8}, {Kind: 2, Bits: 16}},
		"palette":       {{Kind: 3, Bits: 8}},
	}
	for name, list := range kinds {
		for _, f := range list {
			plain := fmt.Sprintf("%s %d", name, f.Bits)
			forms[plain] = f
			for layout, change := range map[string]func(*picturetest.TIFFForm){
				"strips":         func(f *picturetest.TIFFForm) { f.Rows = 7 },
				"deflate":        func(f *picturetest.TIFFForm) { f.Deflate = true },
				"deflate strips": func(f *picturetest.TIFFForm) { f.Deflate, f.Rows = true, 50 },
				"tiles":          func(f *picturetest.TIFFForm) { f.Tile = 32 },
				"deflate tiles":  func(f *picturetest.TIFFForm) { f.Deflate, f.Tile = true, 48 },
				"planes":         func(f *picturetest.TIFFForm) { f.Separate, f.Rows = true, 33 },
				"deflate planes": func(f *picturetest.TIFFForm) { f.Separate, f.Deflate = true, true },
			} {
				g := f
				change(&g)
				if !g.Separate || f.Kind == 2 {
					forms[plain+" "+layout] = g
				}
			}
		}
	}
	return forms
}

// shown is what a form holds of a colour.
func shown(f picturetest.TIFFForm, c color.Color) color.Color {
	if f.Kind == picturetest.TIFFPalette {
		return color.Palette(palette.WebSafe).Convert(c)
	}
	if f.Kind > picturetest.TIFFBlackIsZero {
		return c
	}
	most := uint32(1)<<f.Bits - 1
	grey := uint32(color.Gray16Model.Convert(c).(color.Gray16).Y)
	level := grey >> (16 - f.Bits)
	if f.Kind == picturetest.TIFFWhiteIsZero {
		level = most - (65535-grey)>>(16-f.Bits)
	}
	return color.Gray16{uint16(level * 65535 / most)}
}

// Each kind of TIFF comes out as the picture that was written, as exactly as its samples hold it.
func TestFormsOfATIFF(t *testing.T) {
	chart := picturetest.Chart(150, 110)
	for name, f := range tiffForms() {
		t.Run(name, func(t *testing.T) {
			want := image.NewRGBA64(chart.Bounds())
			for i := range 150 * 110 {
				want.Set(i%150, i/150, shown(f, chart.At(i%150, i/150)))
			}
			for _, order := range []binary.ByteOrder{little, binary.BigEndian} {
				got := asPNG(t, picturetest.TIFF(chart, order, f))
				if d := picturetest.Distance(want, got); d > 1.5 {
					t.Errorf("%v: %.1f away from what was written", order, d)
				}
			}
		})
	}
}

func TestAlphaOfATIFF(t *testing.T) {
	glass := picturetest.Glass(150, 110)
	for _, extra := range []int{1, 2, 3} {
		for _, bits := range []int{8, 16} {
			for _, tile := range []int{0, 64} {
				f := picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: bits, Extra: extra, Tile: tile}
				m := asPNG(t, picturetest.TIFF(glass, little, f))
				if d := picturetest.Distance(glass, m); d > 1.5 {
					t.Errorf("%+v: %.1f away from what was written", f, d)
				}
				near(t, m, 0.5, 0.5, color.Transparent)
				near(t, m, 0.1, 0.1, picturetest.Red)
			}
		}
	}
	grey := picturetest.TIFFForm{Kind: picturetest.TIFFBlackIsZero, Bits: 8, Extra: 3}
	near(t, asPNG(t, picturetest.TIFF(glass, little, grey)), 0.5, 0.5, color.Transparent)
}

// Samples behind alpha are no part of the picture.
func TestATIFFWithMoreSamples(t *testing.T) {
	grey := picturetest.TIFFForm{Kind: picturetest.TIFFCMYK, Bits: 8, Extra: 3}.With(picturetest.TIFFShort(262, 1),
		picturetest.TIFFShort(338, 2, 0, 0, 0))
	if m := asPNG(t, picturetest.TIFF(picturetest.Chart(64, 48), little, grey)); m.Bounds().Dx() != 64 {
		t.Errorf("%v", m.Bounds())
	}
}

func TestInksOfATIFF(t *testing.T) {
	white := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	for _, extra := range []int{0, 3} {
		for _, bits := range []int{8, 16} {
			for _, separate := range []bool{false, true} {
				f := picturetest.TIFFForm{Kind: picturetest.TIFFCMYK, Bits: bits, Extra: extra, Separate: separate}
				m := asPNG(t, picturetest.TIFF(picturetest.Chart(64, 48), little, f))
				near(t, m, 0.5, 0.5, color.Gray{115}) // as the same inks are in a JPEG
				r, g, b, _ := m.At(2, 2).RGBA()
				if r < 2*g || r < 2*b {
					t.Errorf("%+v: red is %v", f, m.At(2, 2))
				}
				near(t, asPNG(t, picturetest.TIFF(white, little, f)), 0.5, 0.5, color.White)
			}
		}
	}
}

func TestPagesOfATIFF(t *testing.T) {
	rgb := picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8}
	grey := picturetest.TIFFForm{Kind: picturetest.TIFFBlackIsZero, Bits: 16, Tile: 16}
	turned := rgb.With(picturetest.TIFFShort(274, 6))
	b := picturetest.TIFF(picturetest.Chart(64, 48), binary.BigEndian, rgb, grey, turned)
	first, err := container.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	for page, width := range []int{64, 64, 48} {
		info, err := container.SniffPage(b, first, page)
		if err != nil {
			t.Fatal(err)
		}
		pic, err := runInfo(t, b, info, transform.Params{Format: transform.PNG})
		if err != nil || pic.Width != width {
			t.Fatalf("page %d is %d wide, %v", page, pic.Width, err)
		}
		_, grey := pixels(t, pic).(*image.Gray)
		if grey != (page == 1) {
			t.Errorf("page %d is grey: %v", page, grey)
		}
	}
}

// runVips runs vips' own program, which has all of libtiff's encoders.
func runVips(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("vips"); err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no vips program")
	}
	if out, err := exec.Command("vips", args...).CombinedOutput(); err != nil {
		t.Fatalf("vips %v: %v\n%s", args, err, out)
	}
}

func TestTIFFsOfLibtiff(t *testing.T) {
	dir := t.TempDir()
	photo := picturetest.PNG(picturetest.Photo(300, 220, 1))
	in := filepath.Join(dir, "in.png")
	if err := os.WriteFile(in, photo, 0o600); err != nil {
		t.Fatal(err)
	}
	lab, labs, inks := filepath.Join(dir, "labq.v"), filepath.Join(dir, "labs.v"), filepath.Join(dir, "cmyk.v")
	runVips(t, "colourspace", in, lab, "labq")
	runVips(t, "colourspace", in, labs, "labs")
	runVips(t, "icc_export", in, inks, "--output-profile", "cmyk")
	want := asPNG(t, photo)
	for name, args := range map[string][]string{
		"lzw":             {in, "--compression", "lzw", "--predictor", "horizontal"},
		"packbits":        {in, "--compression", "packbits"},
		"deflate":         {in, "--compression", "deflate", "--predictor", "none"},
		"jpeg":            {in, "--compression", "jpeg", "--Q", "95"},
		"jpeg tiles":      {in, "--compression", "jpeg", "--Q", "95", "--tile"},
		"lzw tiles":       {in, "--compression", "lzw", "--tile", "--tile-width", "64", "--tile-height", "32"},
		"bigtiff":         {in, "--bigtiff", "--compression", "lzw"},
		"pyramid":         {in, "--tile", "--pyramid", "--tile-width", "64", "--tile-height", "64"},
		"pyramid subifds": {in, "--tile", "--pyramid", "--subifd", "--compression", "jpeg", "--Q", "95"},
		"lab":             {lab},
		"lab of 16 bits":  {labs},
		"inks":            {inks},
		"jpeg inks":       {inks, "--compression", "jpeg", "--Q", "95"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "lab" && strings.HasPrefix(Version(), "8.18.") {
				t.Skip("libvips 8.18 refuses CIELAB of 8 bits (docs/formats.md)")
			}
			out := filepath.Join(t.TempDir(), "out.tif")
			runVips(t, append([]string{"tiffsave", args[0], out}, args[1:]...)...)
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			// The inks were made by relative colorimetry, where black ink is a dark grey. libvips 8.16 and 8.18 come
			// back by the perceptual intent that they are asked for, which makes it black: 5 of 255. Little CMS alone
			// (tificc -c 0 -t 1, and -t 0) makes 37 of black there and back, and 9.
			most := 3.0
			if strings.HasSuffix(name, "inks") && !strings.HasPrefix(Version(), "8.14.") {
				most = 6
			}
			if d := picturetest.Distance(want, asPNG(t, b)); d > most {
				t.Errorf("%.1f away from the photo", d)
			}
		})
	}
}

// What is broken inside ends in an error or in a picture of the size that was planned.
func TestFlippedBitsInATIFF(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	chart := picturetest.Chart(96, 64)
	done := 0
	for _, f := range []picturetest.TIFFForm{
		{Kind: picturetest.TIFFRGB, Bits: 8, Deflate: true, Tile: 32},
		{Kind: picturetest.TIFFRGB, Bits: 16, Extra: 2, Rows: 16},
		{Kind: picturetest.TIFFPalette, Bits: 8, Deflate: true},
		{Kind: picturetest.TIFFCMYK, Bits: 8, Separate: true},
		{Bits: 1},
	} {
		whole := picturetest.TIFF(chart, little, f)
		for range 60 {
			b := append([]byte(nil), whole...)
			for range 3 {
				at := len(b) - 1 - random.IntN(min(len(b), 400)) // most of it is directory
				b[at] ^= 1 << random.IntN(8)
			}
			info, err := container.Sniff(b)
			if err != nil || info.Pixels() > 1e6 {
				continue
			}
			pic, err := runInfo(t, b, info, transform.Params{Width: 40, Format: transform.PNG})
			switch {
			case err == nil && pic.Width > 40:
				t.Errorf("%+v became %dx%d", info, pic.Width, pic.Height)
			case err != nil && !errors.Is(err, transform.ErrMalformed):
				t.Errorf("%+v: %v", info, err)
			}
			done++
		}
	}
	t.Logf("%d were decoded", done)
	if done < 50 {
		t.Errorf("only %d got as far as the decoder", done)
	}
}
