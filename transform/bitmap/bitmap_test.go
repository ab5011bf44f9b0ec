package bitmap

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

var argb = [4]uint32{0xFF0000, 0xFF00, 0xFF, 0xFF000000}

func forms() map[string]picturetest.BMPForm {
	return map[string]picturetest.BMPForm{
		"1": {Bits: 1, Header: 40}, "2": {Bits: 2, Header: 40}, "4": {Bits: 4, Header: 40}, "8": {Bits: 8, Header: 40},
		"16": {Bits: 16, Header: 40}, "24": {Bits: 24, Header: 40}, "32": {Bits: 32, Header: 40},
		"os2 1": {Bits: 1, Header: 12}, "os2 4": {Bits: 4, Header: 12}, "os2 8": {Bits: 8, Header: 12},
		"os2 24": {Bits: 24, Header: 12}, "v4": {Bits: 24, Header: 108}, "v5": {Bits: 24, Header: 124},
		"top down": {Bits: 24, Header: 40, TopDown: true}, "top down 4": {Bits: 4, Header: 40, TopDown: true},
		"runs 8": {Bits: 8, Header: 40, RunLength: true}, "runs 4": {Bits: 4, Header: 40, RunLength: true},
		"565":        {Bits: 16, Header: 40, Masks: [4]uint32{0xF800, 0x7E0, 0x1F, 0}},
		"4444":       {Bits: 16, Header: 56, Masks: [4]uint32{0xF00, 0xF0, 0xF, 0xF000}},
		"alpha":      {Bits: 32, Header: 56, Masks: argb},
		"alpha v4":   {Bits: 32, Header: 108, Masks: argb},
		"alpha v5":   {Bits: 32, Header: 124, Masks: argb, TopDown: true},
		"10 bits":    {Bits: 32, Header: 56, Masks: [4]uint32{0x3FF, 0xFFC00, 0x3FF00000, 0}},
		"no alpha":   {Bits: 32, Header: 40, Masks: argb},
		"v5 profile": {Bits: 24, Header: 124, Profile: picturetest.Profile("mntr", "RGB ")},
	}
}

// shown is what a form holds of a colour.
func shown(f picturetest.BMPForm, c color.Color) color.NRGBA {
	if f.Bits <= 8 {
		return color.NRGBAModel.Convert(f.Colours().Convert(c)).(color.NRGBA)
	}
	v := color.NRGBAModel.Convert(c).(color.NRGBA)
	if f.Masks[3] == 0 || f.Header < rgbaHeader {
		v.A = 255
	}
	return v
}

func decoded(t *testing.T, m *Bitmap) *image.NRGBA {
	t.Helper()
	raw := make([]byte, m.Width*m.Height*m.Bands())
	m.Decode(raw)
	out := image.NewNRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		pixel := append(raw[i*m.Bands():(i+1)*m.Bands():(i+1)*m.Bands()], 255)
		copy(out.Pix[4*i:], pixel[:4])
	}
	return out
}

func isNear(a, b color.NRGBA, most int) bool {
	for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B), int(a.A) - int(b.A)} {
		if d > most || -d > most {
			return false
		}
	}
	return true
}

// Each kind of bitmap gives the pixels that were written, as exactly as it holds them.
func TestFormsOfABMP(t *testing.T) {
	for name, f := range forms() {
		for _, size := range [][2]int{{61, 17}, {64, 9}, {1, 1}, {7, 3}} {
			chart := picturetest.Chart(size[0], size[1])
			m, err := Read(picturetest.BMP(chart, f))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, most := decoded(t, m), 1
			if f.Bits == 16 {
				most = 17
			}
			for i := range size[0] * size[1] {
				x, y := i%size[0], i/size[0]
				if want := shown(f, chart.At(x, y)); !isNear(got.NRGBAAt(x, y), want, most) {
					t.Errorf("%s of %v: %v at %d, %d, want %v", name, size, got.NRGBAAt(x, y), x, y, want)
					break
				}
			}
			if string(m.Profile) != string(f.Profile) {
				t.Errorf("%s: a profile of %d bytes", name, len(m.Profile))
			}
		}
	}
}

func TestAlphaOfABMP(t *testing.T) {
	glass := picturetest.Glass(40, 30)
	form := picturetest.BMPForm{Bits: 32, Header: 108, Masks: argb}
	m, err := Read(picturetest.BMP(glass, form))
	if err != nil || !m.Alpha || decoded(t, m).NRGBAAt(20, 15).A != 0 || decoded(t, m).NRGBAAt(1, 1).A != 255 {
		t.Errorf("%+v, %v", m.Alpha, err)
	}
	// All transparent is what programs write that know nothing of alpha.
	m, err = Read(picturetest.BMP(image.NewNRGBA(glass.Rect), form))
	if err != nil || m.Alpha {
		t.Errorf("of zeros: %v, %v", m.Alpha, err)
	}
}

// What a run-length bitmap jumps over is transparent.
func TestJumpsOfABMP(t *testing.T) {
	f := picturetest.BMPForm{Bits: 8, Header: 40, RunLength: true}
	b := picturetest.BMP(image.NewGray(image.Rect(0, 0, 8, 3)), f)
	b = append(b[:14+40+1024], 3, 215, 0, 2, 2, 1, 3, 215, 0, 1)
	m, err := Read(b)
	if err != nil || !m.Alpha {
		t.Fatalf("%v", err)
	}
	got := decoded(t, m)
	for i, want := range map[[2]int]uint8{{0, 2}: 255, {3, 2}: 0, {5, 1}: 255, {4, 1}: 0, {0, 0}: 0} {
		if a := got.NRGBAAt(i[0], i[1]).A; a != want {
			t.Errorf("alpha at %v is %d", i, a)
		}
	}
}

func TestBitmapsOfIcons(t *testing.T) {
	glass := picturetest.Glass(24, 20)
	for _, bits := range []int{1, 4, 8, 24, 32} {
		f := picturetest.BMPForm{Bits: bits, Header: 40}
		m, err := ReadIcon(picturetest.IconBitmap(glass, f))
		if err != nil || m.Width != 24 || m.Height != 20 || !m.Alpha {
			t.Fatalf("%d bits: %v", bits, err)
		}
		got := decoded(t, m)
		if got.NRGBAAt(12, 10).A != 0 || !isNear(got.NRGBAAt(1, 1), shown(f, picturetest.Red), 1) {
			t.Errorf("%d bits: %v and %v", bits, got.NRGBAAt(12, 10), got.NRGBAAt(1, 1))
		}
	}
	// Without any alpha the mask counts, and without a mask alpha.
	b := picturetest.IconBitmap(glass, picturetest.BMPForm{Bits: 32, Header: 40})
	masked := bytes.Clone(b)
	for i := 40 + 3; i < 40+24*20*4; i += 4 {
		masked[i] = 0
	}
	m, err := ReadIcon(masked)
	if err != nil || decoded(t, m).NRGBAAt(12, 10).A != 0 || decoded(t, m).NRGBAAt(1, 1).A != 255 {
		t.Errorf("a mask alone: %v", err)
	}
	if m, err = ReadIcon(b[:40+24*20*4]); err != nil || decoded(t, m).NRGBAAt(12, 10).A != 0 {
		t.Errorf("no mask: %v", err)
	}
	if _, err = ReadIcon(masked[:40+24*20*4]); !errors.Is(err, ErrTruncated) {
		t.Errorf("neither: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, form := range forms() {
		f.Add(picturetest.BMP(picturetest.Chart(9, 5), form), false)
		f.Add(picturetest.IconBitmap(picturetest.Chart(9, 5), form), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, icon bool) {
		read := Read
		if icon {
			read = ReadIcon
		}
		m, err := read(b)
		if err != nil {
			for _, kind := range []error{ErrTruncated, ErrMalformed, ErrUnsupported} {
				if errors.Is(err, kind) {
					return
				}
			}
			t.Fatalf("an error of no kind: %v", err)
		}
		if m.Width < 1 || m.Height < 1 || len(m.Profile) > len(b) {
			t.Fatalf("%dx%d", m.Width, m.Height)
		}
		if int64(m.Width)*int64(m.Height) < 1<<20 {
			m.Decode(make([]byte, m.Width*m.Height*m.Bands()))
		}
	})
}
