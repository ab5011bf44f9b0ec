package e2e

import (
	"os"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Resizing in linear light takes rows of 16 bits and tables, which its estimate knows.
func TestWorkingSetHoldsLinearLight(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	forms := []string{"jpeg", "png-alpha"}
	if os.Getenv(calibrateAll) != "" {
		forms = sharedForms
	}
	set := newPictures(t)
	var charges []charge
	for _, form := range forms {
		from := megapixels(form, 6)
		for _, options := range []string{"w:720/f:jpg", "w:300/f:png/ph:1", "w:2000/f:webp",
			"rs:fill:600:600/g:sm/f:jpg"} {
			req, err := signedurl.ParseUnsigned("/linear:1/" + options + "/plain/x")
			if err != nil {
				t.Fatal(err)
			}
			c := set.measure(calibration{from, req.Params})
			charges = append(charges, c)
			c.check(t)
		}
		set.forget(from)
	}
	t.Logf("working sets in linear light, MiB:\n%s", table(charges))
}
