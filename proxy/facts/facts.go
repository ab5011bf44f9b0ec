// Package facts tells facts about images as JSON, by the names of imgproxy Pro's info endpoint, and makes
// placeholders. It decodes no image but the small one that a worker made.
package facts

import (
	"context"
	"encoding/json"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// Source is an image to tell facts about.
type Source struct {
	// Bytes are those of the file. They are only read, and only where NeedsBytes says so.
	Bytes []byte
	Info  transform.Info
	// Size is the size of the file in bytes.
	Size int64
	// Pixels are those of the small image; nil where no fact needs them (signedurl.Facts.NeedPixels).
	Pixels *Pixels
}

// told is the JSON. Fields that nobody asked for are left out.
type told struct {
	Size   *int64 `json:"size,omitempty"`
	Format string `json:"format,omitempty"`
	MIME   string `json:"mime_type,omitempty"`
	dimensions
	Crop *cropFact `json:"crop,omitempty"`
	metadata
	samples
	pixelFacts
	Hashsums map[string]string `json:"hashsums,omitempty"`
}

// dimensions are those of the image as it is shown. Orientation is the EXIF orientation, which they account for.
type dimensions struct {
	Width       int `json:"width,omitempty"`
	Height      int `json:"height,omitempty"`
	Orientation int `json:"orientation,omitempty"`
}

// samples describe them as libvips loads them.
type samples struct {
	ColourSpace string `json:"colorspace,omitempty"`
	Bands       int    `json:"bands,omitempty"`
	Format      string `json:"sample_format,omitempty"`
	Pages       int    `json:"pages_number,omitempty"`
	Alpha       *bool  `json:"alpha,omitempty"`
}

// NeedsBytes says whether Tell reads the bytes of the source for these facts.
func NeedsBytes(asked signedurl.Facts) bool {
	return needsAllBytes(asked) || asked.Asked&signedurl.MetadataFacts != 0
}

// NeedsOnlyHeader says whether Tell needs no more for these facts than container.SniffHeader tells, the length, and
// what container.FindBlocks finds.
func NeedsOnlyHeader(asked signedurl.Facts) bool {
	return !needsAllBytes(asked) && !asked.NeedPixels()
}

// needsAllBytes says whether a fact is one of the whole file.
func needsAllBytes(asked signedurl.Facts) bool {
	return asked.Asked&hashsums != 0 || asked.Expected != ""
}

// Tell tells the facts that are asked for. It ends with the context. The error wraps ErrHashsum where the source is
// not the expected one.
func Tell(ctx context.Context, src Source, asked signedurl.Facts) ([]byte, error) {
	var t told
	t.describe(src, asked.Asked)
	t.Crop = cropOf(src.Info, asked.Crop)
	t.read(src, asked.Asked)
	if src.Pixels != nil {
		t.look(src.Pixels, asked)
	}
	if err := t.sum(ctx, src.Bytes, asked); err != nil {
		return nil, err
	}
	return json.Marshal(t)
}

// describe tells what the header says.
func (t *told) describe(src Source, asked signedurl.FactSet) {
	info := src.Info
	if asked.Has(signedurl.FactSize) {
		t.Size = &src.Size
	}
	if asked.Has(signedurl.FactFormat) {
		t.Format, t.MIME = info.Format.String(), info.Format.MIME()
	}
	if asked.Has(signedurl.FactDimensions) {
		t.dimensions = shownDimensions(info)
	}
	as := loadedAs(info)
	if asked.Has(signedurl.FactColourSpace) {
		t.ColourSpace = as.ColourSpace
	}
	if asked.Has(signedurl.FactBands) {
		t.Bands = as.Bands
	}
	if asked.Has(signedurl.FactSampleFormat) {
		t.samples.Format = as.Format
	}
	if asked.Has(signedurl.FactPages) {
		t.Pages = max(info.Frames, 1)
	}
	if asked.Has(signedurl.FactAlpha) {
		t.Alpha = &info.Alpha
	}
}

// shownDimensions turns the image by its EXIF orientation. Those that turn by a quarter are 5 to 8.
func shownDimensions(info transform.Info) dimensions {
	d := dimensions{info.Width, info.Height, max(info.Orientation, 1)}
	if d.Orientation > 4 {
		d.Width, d.Height = d.Height, d.Width
	}
	return d
}

// LoadedAs is how libvips loads the samples of an image: its name of their colour space, and the number of channels,
// with alpha.
func LoadedAs(info transform.Info) (space string, bands int) {
	as := loadedAs(info)
	return as.ColourSpace, as.Bands
}

// loadedAs is what libvips makes of the samples.
func loadedAs(info transform.Info) samples {
	s := samples{Bands: info.Bands, Format: "uchar"}
	deep := info.Bits > 8
	if deep {
		s.Format = "ushort"
	}
	colours := info.Bands
	if info.Alpha {
		colours--
	}
	switch {
	case colours >= 4:
		s.ColourSpace = "cmyk"
	case colours < 3 && deep:
		s.ColourSpace = "grey16"
	case colours < 3:
		s.ColourSpace = "b-w"
	case deep:
		s.ColourSpace = "rgb16"
	default:
		s.ColourSpace = "srgb"
	}
	return s
}
