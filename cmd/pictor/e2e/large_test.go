package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// enlarged is one colour of 5300 by 5300, 112 MB in four bands, as libvips saves it.
func enlarged(t *testing.T, ext, options string) []byte {
	t.Helper()
	small := image.NewNRGBA(image.Rect(0, 0, 53, 53))
	for i := range small.Pix {
		small.Pix[i] = 200
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.png"), filepath.Join(dir, "out."+ext)
	if err := os.WriteFile(in, picturetest.PNG(small), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("vips", "zoom", in, out+"["+options+"]", "100", "100").CombinedOutput()
	if err != nil {
		t.Fatalf("vips zoom to %s[%s]: %v\n%s", ext, options, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// libvips decodes an image of more than 100 MB into a file on disk, where its
// decoder cannot give it line by line (VIPS_DISC_THRESHOLD). A worker has no
// disk: the memory that a job was admitted with is all it uses.
func TestImagesOverTheDiskThresholdOfLibvips(t *testing.T) {
	long(t, "large images")
	needs(t, "vips")
	t.Parallel() // one image after the other
	origin := newSite(t)
	s := serveLocal(t, "--insecure")
	for i, form := range []struct{ name, ext, options string }{
		{"lossy WebP", "webp", "effort=0"},
		{"lossless WebP", "webp", "lossless,effort=0"},
		{"PNG", "png", "compression=1"},
		{"interlaced PNG", "png", "compression=1,interlace"},
		{"JPEG", "jpg", ""},
		{"progressive JPEG", "jpg", "interlace"},
		{"GIF", "gif", "effort=1"},
		{"AVIF", "avif", "effort=0"},
	} {
		path := origin.put(fmt.Sprintf("/%d.%s", i, form.ext), enlarged(t, form.ext, form.options))
		for _, options := range []string{"w:90/f:png", "t:10/w:90/f:png"} {
			got := s.get("/insecure/" + options + "/plain/" + path)
			if got.status != http.StatusOK {
				t.Errorf("%s, %s: %v", form.name, options, got)
				continue
			}
			m, _, err := image.Decode(bytes.NewReader(got.body))
			if err != nil {
				t.Errorf("%s, %s: %v", form.name, options, err)
			} else if c := color.NRGBAModel.Convert(m.At(45, 45)).(color.NRGBA); c.R < 150 || c.R > 202 {
				t.Errorf("%s, %s: the middle is %v", form.name, options, c)
			}
		}
	}
}
