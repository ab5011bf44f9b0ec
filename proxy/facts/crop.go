package facts

import "github.com/pictor-proxy/pictor/transform"

// cropFact is where an area lies, as shares of the image as it is shown.
type cropFact struct {
	Left   float64 `json:"left"`
	Top    float64 `json:"top"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// cropOf is where a crop lies; nil for none.
func cropOf(info transform.Info, c transform.Crop) *cropFact {
	if c == (transform.Crop{}) {
		return nil
	}
	d := shownDimensions(info)
	// Of a PNG that stands upright nothing is left out by the decoder, so that the cut is in pixels of the image.
	upright := transform.Info{Format: transform.PNG, Width: d.Width, Height: d.Height, Orientation: 1, Frames: 1,
		Bands: 3, Bits: 8}
	cut := transform.NewGeometry(upright, transform.Params{Format: transform.PNG, Crop: c}).Cut
	w, h := float64(d.Width), float64(d.Height)
	return &cropFact{float64(cut.Left) / w, float64(cut.Top) / h, float64(cut.Width) / w, float64(cut.Height) / h}
}
