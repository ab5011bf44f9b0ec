package signedurl

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

var errSeenCrop = errors.New("the place of a crop with gravity sm is not told, as it is found in the pixels")

// cropFact has the arguments of the option crop of images.
var cropFact = factOption{
	Usage: transform.Usage{Names: []string{"crop", "c"}, Args: "width:height:gravity:x:y", Most: 5, Default: "none",
		Text: "Where the area lies that `crop` cuts out, as shares of the image (`crop`). Gravity `sm` is a 404: its " +
			"place is found in the pixels."},
	set: func(f *Facts, args []string) error {
		c, err := transform.ParseCrop(args)
		switch {
		case err != nil:
			return err
		case c.Width == 0 && c.Height == 0:
			c = transform.Crop{}
		case c.Gravity.Anchor == transform.Smart:
			return errSeenCrop
		}
		f.Crop = c
		return nil
	},
	text: func(f Facts) string { return f.Crop.String() },
	isOn: func(f Facts) bool { return f.Crop != (transform.Crop{}) },
}
