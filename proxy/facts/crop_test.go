package facts

import (
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// The place of a crop is that of the image as it is shown.
func TestPlaceOfACrop(t *testing.T) {
	turned := transform.Info{Format: transform.JPEG, Width: 400, Height: 1000, Orientation: 6}
	for option, want := range map[string]string{
		"c:500:200":          `{"crop":{"left":0.25,"top":0.25,"width":0.5,"height":0.5}}`,
		"c:0.5:0:we":         `{"crop":{"left":0,"top":0,"width":0.5,"height":1}}`,
		"crop:100:100:soea":  `{"crop":{"left":0.9,"top":0.75,"width":0.1,"height":0.25}}`,
		"c:9000:100:no:0:40": `{"crop":{"left":0,"top":0.1,"width":1,"height":0.25}}`,
		"c:0:0:we":           `{}`,
	} {
		r, err := (&signedurl.Dialect{}).ParseUnsignedInfo("/s:0/f:0/d:0/" + option + "/plain/x")
		if err != nil {
			t.Fatal(option, err)
		}
		got, err := Tell(t.Context(), Source{Info: turned}, r.Meta.Facts)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", option, got, err, want)
		}
	}
}
