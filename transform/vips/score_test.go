package vips

import (
	"bytes"
	"errors"
	"image"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// keepScored is a directory to write the images to that are scored, for the reference.
const keepScored = "PICTOR_KEEP_SCORED"

// scored is a result that some arithmetic made of an original, so that no encoder's version matters.
type scored struct {
	name          string
	width, height int
	original      func(w, h int) image.Image
	spoil         func(m *image.NRGBA)
	// golden is what the authors' program (SSIMULACRA 2.1 of github.com/cloudinary/ssimulacra2) says of the images that
	// PICTOR_KEEP_SCORED=DIR go test -run TestSSIMULACRA2IsThatOfItsAuthors ./transform/vips
	// writes: ssimulacra2 DIR/NAME-original.png DIR/NAME-result.png
	golden float64
}

func photo(w, h int) image.Image { return picturetest.Photo(w, h, 7) }
func chart(w, h int) image.Image { return picturetest.Chart(w, h) }
func glass(w, h int) image.Image { return picturetest.Glass(w, h) }

// mixBlocks draws each sample by so much of 16 to the mean of its block, as a coarse encoder does.
func mixBlocks(side, by int) func(*image.NRGBA) {
	return func(m *image.NRGBA) {
		b := m.Bounds()
		for y := 0; y < b.Dy(); y += side {
			for x := 0; x < b.Dx(); x += side {
				mixBlock(m, image.Rect(x, y, x+side, y+side).Intersect(b), by)
			}
		}
	}
}

func mixBlock(m *image.NRGBA, r image.Rectangle, by int) {
	for c := range 3 {
		sum, n := 0, r.Dx()*r.Dy()
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				sum += int(m.Pix[m.PixOffset(x, y)+c])
			}
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				p := &m.Pix[m.PixOffset(x, y)+c]
				*p = uint8((int(*p)*(16-by) + sum/n*by) / 16)
			}
		}
	}
}

// posterize leaves so many bits of each sample of colour.
func posterize(bits int) func(*image.NRGBA) {
	return func(m *image.NRGBA) {
		for i := range m.Pix {
			if i%4 != 3 {
				m.Pix[i] = m.Pix[i]>>(8-bits)<<(8-bits) + 1<<(7-bits)
			}
		}
	}
}

// addNoise adds up to so much to each sample of colour.
func addNoise(most int) func(*image.NRGBA) {
	return func(m *image.NRGBA) {
		state := uint32(1)
		for i := range m.Pix {
			state = state*1664525 + 1013904223
			if i%4 != 3 {
				m.Pix[i] = uint8(max(0, min(int(m.Pix[i])+int(state>>16)%(2*most+1)-most, 255)))
			}
		}
	}
}

func thin(m *image.NRGBA) {
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] -= m.Pix[i] / 8
	}
}

var scoredImages = []scored{
	{"photo-blocks", 320, 240, photo, mixBlocks(8, 4), 63.72},
	{"photo-coarse", 257, 191, photo, mixBlocks(8, 12), -19.91},
	{"photo-noise", 320, 240, photo, addNoise(6), 79.70},
	{"photo-bits", 301, 77, photo, posterize(5), 83.81},
	{"photo-same", 100, 100, photo, func(*image.NRGBA) {}, 100.00},
	{"chart-blocks", 200, 320, chart, mixBlocks(4, 2), 87.70},
	{"chart-noise", 97, 33, chart, addNoise(3), 65.96},
	{"wide", 1001, 9, photo, addNoise(10), 91.50},
	{"least", 8, 8, photo, addNoise(10), 93.79},
	{"glass-blocks", 240, 180, glass, mixBlocks(8, 8), 0.03},
	{"glass-thin", 150, 131, glass, thin, 59.29},
}

func (s scored) images() (original, result *image.NRGBA) {
	m := s.original(s.width, s.height)
	original = image.NewNRGBA(m.Bounds())
	draw.Draw(original, original.Bounds(), m, image.Point{}, draw.Src)
	result = image.NewNRGBA(m.Bounds())
	copy(result.Pix, original.Pix)
	s.spoil(result)
	return original, result
}

// pixelsOf leaves out an alpha that says nothing.
func pixelsOf(m *image.NRGBA) Pixels {
	b := m.Bounds()
	p := Pixels{Width: b.Dx(), Height: b.Dy(), Bands: 4, Samples: m.Pix}
	if !m.Opaque() {
		return p
	}
	p.Bands, p.Samples = 3, nil
	for i := 0; i < len(m.Pix); i += 4 {
		p.Samples = append(p.Samples, m.Pix[i:i+3]...)
	}
	return p
}

func (s scored) keep(t *testing.T, dir string) {
	t.Helper()
	original, result := s.images()
	for name, m := range map[string]*image.NRGBA{"original": original, "result": result} {
		f, err := os.Create(filepath.Join(dir, s.name+"-"+name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSSIMULACRA2IsThatOfItsAuthors(t *testing.T) {
	for _, s := range scoredImages {
		t.Run(s.name, func(t *testing.T) {
			if dir := os.Getenv(keepScored); dir != "" {
				s.keep(t, dir)
			}
			original, result := s.images()
			got, err := Score(transform.BySSIMULACRA2, pixelsOf(original), pixelsOf(result))
			if err != nil {
				t.Fatal(err)
			}
			if want := referenceScore(original, result); math.Abs(got-want) > 0.1 {
				t.Errorf("score %.4f, the definition in double precision gives %.4f", got, want)
			}
			// The authors' program has floats, and a filter that adds up its errors: in flat areas they show.
			if math.Abs(got-s.golden) > 0.5 {
				t.Errorf("score %.4f, the authors' program says %.4f", got, s.golden)
			}
		})
	}
}

func TestDSSIMIsHalfOfWhatSSIMLacks(t *testing.T) {
	for _, s := range scoredImages {
		original, result := s.images()
		if !original.Opaque() {
			continue
		}
		got, err := Score(transform.ByDSSIM, pixelsOf(original), pixelsOf(result))
		if err != nil {
			t.Fatal(err)
		}
		if want := referenceDSSIM(original, result); math.Abs(got-want) > 0.001*want+1e-6 {
			t.Errorf("%s: %.6f, the definition in double precision gives %.6f", s.name, got, want)
		}
	}
}

func TestScoresOfOddImages(t *testing.T) {
	grey := Pixels{Width: 40, Height: 30, Bands: 1, Samples: make([]byte, 40*30)}
	colour := Pixels{Width: 40, Height: 30, Bands: 3}
	for i := range grey.Samples {
		grey.Samples[i] = byte(i * 7)
		colour.Samples = append(colour.Samples, grey.Samples[i], grey.Samples[i], grey.Samples[i])
	}
	tiny := Pixels{Width: 7, Height: 100, Bands: 1, Samples: make([]byte, 700)}
	white := Pixels{Width: 7, Height: 100, Bands: 1, Samples: bytes.Repeat([]byte{255}, 700)}
	for _, test := range []struct {
		name          string
		first, second Pixels
		want          float64
	}{{"grey beside the same in colour", grey, colour, 100}, {"too small to be compared", tiny, white, 100}} {
		got, err := Score(transform.BySSIMULACRA2, test.first, test.second)
		if err != nil || got != test.want {
			t.Errorf("%s: %v, %v, want %v", test.name, got, err, test.want)
		}
	}
	if _, err := Score(transform.BySSIMULACRA2, grey, tiny); !errors.Is(err, transform.ErrMalformed) {
		t.Errorf("images of two sizes: %v", err)
	}
	for _, p := range []Pixels{{}, {Width: 3, Height: 3, Bands: 3, Samples: make([]byte, 26)}} {
		if _, err := Score(transform.ByDSSIM, p, p); err == nil {
			t.Errorf("%d bytes of %d x %d pixels were compared", len(p.Samples), p.Width, p.Height)
		}
	}
}
