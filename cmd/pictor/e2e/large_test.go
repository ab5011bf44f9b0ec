package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"net/http"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// libvips decodes an image of more than 100 MB into a file on disk, where its
// decoder cannot give it line by line (VIPS_DISC_THRESHOLD). A worker has no
// disk: the memory that a job was admitted with is all it uses.
func TestImagesOverTheDiskThresholdOfLibvips(t *testing.T) {
	long(t, "large images")
	needs(t, "vips")
	large := image.NewNRGBA(image.Rect(0, 0, 5300, 5300)) // 112 MB of four bands
	for i := range large.Pix {
		large.Pix[i] = 200
	}
	drawn := picturetest.PNG(large)
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
		path := origin.put(fmt.Sprintf("/%d.%s", i, form.ext), saved(t, drawn, form.ext, form.options))
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
