package facts

import (
	"encoding/base64"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// Side is the most that either side of the image has that facts about pixels are told of, in pixels. A worker makes
// it, within its budget, as small as the decoder can load it.
const Side = placeholder.Side

// lqipSide and lqipQuality are those of the image in a data: URL, which comes to about 150 to 400 bytes.
const lqipSide, lqipQuality = 24, 40

// ImageFor is the image that a worker makes for a request: p itself, or what facts and placeholders are told of.
func ImageFor(asked signedurl.Meta, p transform.Params) transform.Params {
	request := signedurl.Request{Meta: asked}
	switch {
	case request.IsInfo() && asked.Facts.NeedPixels():
		return transform.Params{Width: Side, Height: Side, Format: transform.PNG, Still: true, Page: p.Page,
			DropCopyright: true}
	case !request.IsPlaceholder():
		return p
	}
	p.Format, p.Still = transform.PNG, true
	p.MaxFrames, p.MaxBytes = 0, 0
	p.Best, p.AutoQuality = 0, transform.AutoQuality{}
	side := Side
	if asked.Form == signedurl.FormLQIP {
		p.Format, side = transform.WebP, lqipSide
		if p.Quality == 0 && p.FormatQuality == (transform.Qualities{}) {
			p.Quality = lqipQuality
		}
	}
	if p.MaxSide == 0 || p.MaxSide > side {
		p.MaxSide = side
	}
	p.KeepMetadata, p.DropCopyright = false, true
	p.KeepProfile, p.PreserveHDR = false, false
	p.Raw, p.Skip = false, 0
	p.Placeholder = transform.NoPlaceholder
	p.PNG, p.WebP = transform.PNGOptions{}, transform.WebPOptions{}
	return p
}

// placeholders are those that are told of pixels, by the names of their formats.
var placeholders = map[string]transform.Placeholder{signedurl.FormBlurhash: transform.BlurHash,
	signedurl.FormThumbhash: transform.ThumbHash, signedurl.FormColour: transform.MeanColour}

// Placeholder is the text of a placeholder, one of signedurl.Placeholders, of the image that ImageFor asks for.
func Placeholder(form string, picture []byte) (string, error) {
	if form == signedurl.FormLQIP {
		return "data:image/webp;base64," + base64.StdEncoding.EncodeToString(picture), nil
	}
	p, err := ReadPixels(picture)
	if err != nil {
		return "", err
	}
	return p.Text(placeholders[form]), nil
}
