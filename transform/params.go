package transform

import (
	"errors"
	"fmt"
)

// Params is what to make of an image. It is comparable; equal Params make
// equal images, and String is one canonical text for each. The zero value
// asks for the image as it is: upright, in sRGB, without metadata, in its
// own format.
//
// Fields that default to "on" are named by their opposite, so that the zero
// value is the default of every dialect. What a field means in full is said
// beside its option.
type Params struct {
	Mode ResizeMode `json:",omitzero"`
	// Width and Height are in pixels before DPR, 0 for "by proportion".
	Width  int `json:",omitzero"`
	Height int `json:",omitzero"`
	// MinWidth and MinHeight are the least that a resize leaves, in pixels.
	MinWidth  int `json:",omitzero"`
	MinHeight int `json:",omitzero"`
	// ZoomX and ZoomY multiply width and height. 0 means 1, and 1 is stored as 0.
	ZoomX float64 `json:",omitzero"`
	ZoomY float64 `json:",omitzero"`
	// DPR multiplies width and height, and what is in pixels beside them.
	// 0 means 1, and 1 is stored as 0.
	DPR float64 `json:",omitzero"`
	// Adaptive exchanges Width and Height where they lie otherwise than the source.
	Adaptive bool `json:",omitzero"`
	// Enlarge allows a result bigger than the source.
	Enlarge     bool    `json:",omitzero"`
	Extend      Extend  `json:",omitzero"`
	ExtendRatio Extend  `json:",omitzero"`
	Gravity     Gravity `json:",omitzero"`
	Crop        Crop    `json:",omitzero"`
	Trim        Trim    `json:",omitzero"`
	Padding     Padding `json:",omitzero"`
	// IgnoreOrientation leaves EXIF orientation unapplied (auto_rotate off).
	IgnoreOrientation bool `json:",omitzero"`
	// Rotate is clockwise in degrees, after EXIF: 0, 90, 180 or 270. The
	// mirrors come after it.
	Rotate         int  `json:",omitzero"`
	FlipHorizontal bool `json:",omitzero"`
	FlipVertical   bool `json:",omitzero"`
	// LateRotate turns clockwise by 0, 90, 180 or 270 degrees at the end, after
	// width and height have been met.
	LateRotate int        `json:",omitzero"`
	Background Background `json:",omitzero"`
	// Brightness is added to each channel, -255 to 255.
	Brightness int `json:",omitzero"`
	// Shift is added to red, green and blue, -255 to 255 each.
	Shift      [3]int `json:",omitzero"`
	Contrast   Factor `json:",omitzero"`
	Saturation Factor `json:",omitzero"`

	Monochrome Monochrome `json:",omitzero"`
	// Blur and Sharpen are standard deviations in pixels of the result.
	Blur    float64 `json:",omitzero"`
	Sharpen float64 `json:",omitzero"`
	// Pixelate is the side of a block in pixels; 0 and 1 are none.
	Pixelate  int       `json:",omitzero"`
	Watermark Watermark `json:",omitzero"`
	// Radius rounds the corners: in pixels, or below 1 as a share of the
	// shorter side.
	Radius float64 `json:",omitzero"`
	Mask   Mask    `json:",omitzero"`
	// KeepMetadata keeps EXIF, XMP and IPTC (strip_metadata off).
	KeepMetadata bool `json:",omitzero"`
	// DropCopyright strips also who made an image and whose it is
	// (keep_copyright off).
	DropCopyright bool `json:",omitzero"`
	// KeepProfile keeps the image's colours in its own profile where the
	// format can hold one (strip_color_profile off).
	KeepProfile bool `json:",omitzero"`
	// PreserveHDR keeps more than eight bits where source and format have them.
	PreserveHDR bool `json:",omitzero"`
	// EnforceThumbnail works on the embedded thumbnail of an AVIF, if it has one.
	EnforceThumbnail bool `json:",omitzero"`
	// Linear resizes in linear light.
	Linear bool `json:",omitzero"`
	// Quality is 1 to 100; 0 means FormatQuality or the format's default.
	Quality       int       `json:",omitzero"`
	FormatQuality Qualities `json:",omitzero"`
	// MaxBytes is the size that quality is lowered for; 0 for any size.
	MaxBytes int `json:",omitzero"`
	// AutoQuality takes the place of Quality where it is on.
	AutoQuality AutoQuality `json:",omitzero"`
	// Format is the format of the result; FormatUnknown means the source's.
	Format Format `json:",omitzero"`
	// Placeholder is what the result has beside it.
	Placeholder Placeholder `json:",omitzero"`
	// Best are the formats to choose the smallest result from, in place of Format; FormatUnknown among them
	// stands for those that the client accepts.
	Best FormatSet   `json:",omitzero"`
	JPEG JPEGOptions `json:",omitzero"`
	PNG  PNGOptions  `json:",omitzero"`
	WebP WebPOptions `json:",omitzero"`
	AVIF AVIFOptions `json:",omitzero"`
	JXL  JXLOptions  `json:",omitzero"`
	// Skip are the source formats that are left as they are.
	Skip FormatSet `json:",omitzero"`
	// Raw gives the source's bytes, whatever else is asked.
	Raw bool `json:",omitzero"`
	// Still gives one frame of an animation (disable_animation).
	Still bool `json:",omitzero"`
	// Page is the frame or page that a still image is made of, from 0 on.
	Page int `json:",omitzero"`
	// Pages is how many pages are stacked in a still image; 0 means 1, and 1 is stored as 0.
	Pages int `json:",omitzero"`
	// MaxFrames is the most frames of an animated result; those behind it are left out. 0 is any number.
	MaxFrames int `json:",omitzero"`
	// MaxSide bounds the result's sides by making it smaller; 0 means it is not.
	MaxSide int `json:",omitzero"`
}

// The ranges of Params; Normalize enforces them.
const (
	// MaxDimension bounds Width and Height: the largest side that JPEG can hold.
	MaxDimension = 65535
	// MaxDPR is far above any screen, and keeps a product with MaxDimension
	// inside an int32.
	MaxDPR = 100
)

// Normalize checks what the options cannot check by themselves and brings
// fields with several spellings to one: a full turn is no turn, a DPR of one
// is none. It returns what is wrong as one short sentence.
func (p Params) Normalize() (Params, error) {
	switch {
	case p.Width < 0 || p.Width > MaxDimension:
		return p, fmt.Errorf("width must be 0 to %d, got %d", MaxDimension, p.Width)
	case p.Height < 0 || p.Height > MaxDimension:
		return p, fmt.Errorf("height must be 0 to %d, got %d", MaxDimension, p.Height)
	case p.DPR != 0 && !(p.DPR > 0 && p.DPR <= MaxDPR):
		return p, fmt.Errorf("dpr must be above 0 and up to %d, got %v", MaxDPR, p.DPR)
	case p.Quality < 0 || p.Quality > 100:
		return p, fmt.Errorf("quality must be 0 to 100, got %d", p.Quality)
	case p.Rotate%90 != 0 || p.LateRotate%90 != 0:
		return p, fmt.Errorf("rotations must be multiples of 90 degrees, got %d and %d", p.Rotate, p.LateRotate)
	case p.Best != 0 && p.AutoQuality.Method == BySize:
		return p, errors.New("format best takes a score to compare formats at, not autoquality by size")
	case p.Extend.Gravity.Anchor == Smart || p.ExtendRatio.Gravity.Anchor == Smart:
		return p, errors.New("extend does not take smart gravity")
	}
	p.Rotate, p.LateRotate = (p.Rotate%360+360)%360, (p.LateRotate%360+360)%360
	if p.Width == 0 && p.Height == 0 {
		p.Adaptive = false
	}
	for _, one := range []*float64{&p.DPR, &p.ZoomX, &p.ZoomY} {
		if *one == 1 {
			*one = 0
		}
	}
	if p.Pixelate == 1 {
		p.Pixelate = 0
	}
	if p.Pages == 1 {
		p.Pages = 0
	}
	if p.MaxSide == MaxDimension {
		p.MaxSide = 0
	}
	if p.Format != FormatUnknown && !p.Format.Animates() {
		p.Still = false // it is still anyway
	}
	if p.Still || p.Format != FormatUnknown && !p.Format.Animates() {
		p.MaxFrames = 0
	}
	p.Extend = p.Extend.normalize()
	p.ExtendRatio = p.ExtendRatio.normalize()
	p.Gravity = p.Gravity.normalize()
	p.Crop = p.Crop.normalize(p.Gravity)
	p.Trim = p.Trim.normalize()
	p.Background = p.Background.normalize()
	p.Contrast, p.Saturation = p.Contrast.normalize(), p.Saturation.normalize()
	p.Monochrome = p.Monochrome.normalize()
	p.Watermark = p.Watermark.normalize()
	return p, nil
}
