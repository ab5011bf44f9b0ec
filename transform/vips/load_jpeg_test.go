package vips

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// vipsProgram runs libvips' own command.
func vipsProgram(t *testing.T, args ...string) error {
	t.Helper()
	if _, err := exec.LookPath("vips"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the vips program is not installed: run .ci/setup test")
	}
	return exec.Command("vips", args...).Run()
}

// JPEGs have the pixels that libvips' loader gives, and where it fails they fail, whatever is damaged.
func TestJPEGsHavePixelsOfLibvips(t *testing.T) {
	dir := t.TempDir()
	photo := filepath.Join(dir, "photo.png")
	if err := os.WriteFile(photo, picturetest.PNG(noise(203, 157)), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(18, 1))
	for name, args := range map[string][]string{
		"4:2:0":       {"copy", photo, "[Q=75]"},
		"4:4:4":       {"copy", photo, "[Q=95]"},
		"progressive": {"copy", photo, "[interlace]"},
		"restarts":    {"copy", photo, "[restart_interval=3]"},
		"grey":        {"colourspace", photo, "", "b-w"},
		"four inks":   {"colourspace", photo, "[strip]", "cmyk"},
		"optimised":   {"copy", photo, "[optimize_coding]"},
	} {
		t.Run(name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), "in.jpg")
			args[2] = in + args[2]
			if err := vipsProgram(t, args...); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			if !hasPixelsOfLibvips(t, in, whole) {
				t.Fatal("the whole file has no pixels")
			}
			compared := 0
			for range 12 {
				damaged := bytes.Clone(whole)
				damaged[random.IntN(len(damaged))] = byte(random.IntN(256))
				if hasPixelsOfLibvips(t, in, damaged) {
					compared++
				}
			}
			if compared == 0 {
				t.Error("no damaged file has pixels")
			}
		})
	}
}

// hasPixelsOfLibvips compares what pictor makes of a file, if anything, with what libvips' loader gives.
func hasPixelsOfLibvips(t *testing.T, path string, file []byte) bool {
	t.Helper()
	info, err := container.Sniff(file)
	if err != nil {
		return false
	}
	out := path + ".png"
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	of := vipsProgram(t, "colourspace", path+"[fail_on=error]", out, "srgb")
	pic, err := runInfo(t, file, info, transform.Params{Format: transform.PNG})
	if err != nil || of != nil {
		if (err == nil) != (of == nil) {
			t.Errorf("pictor says %v, libvips %v", err, of)
		}
		return false
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := firstDifference(pixels(t, pic), want); !ok {
		t.Errorf("the pixel at %v is not libvips'", at)
	}
	return true
}

func firstDifference(a, b image.Image) (at image.Point, equal bool) {
	for y := range b.Bounds().Dy() {
		for x := range b.Bounds().Dx() {
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if r != r2 || g != g2 || bl != b2 {
				return image.Pt(x, y), false
			}
		}
	}
	return at, a.Bounds() == b.Bounds()
}
