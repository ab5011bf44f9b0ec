package transform

// Info is what the header and the structure of an image tell, before any
// pixel is decoded. container.Sniff makes it; Geometry and WorkingSet live off it.
type Info struct {
	Format Format
	// Inside is what the image in an ICO is: PNG, or BMP for a bitmap.
	Inside Format `json:",omitzero"`
	// Width and Height are pixels as stored, before Orientation is applied.
	// (AVIF and JPEG XL: after the container's or codestream's own, which decoders apply.)
	Width, Height int
	// Orientation is the EXIF orientation, 1 to 8; 1 where nothing is said.
	Orientation int
	// Frames is the number of frames or pages, at least 1.
	Frames int
	// Page is the page of a TIFF that the rest is about, from 0 on.
	Page int `json:",omitzero"`
	// Stacked is how many pages, from a page on, are the image: Width and Height are of all of them,
	// below each other. It is 0 for one page.
	Stacked int `json:",omitzero"`
	// Bands is the number of channels as stored, 1 to 4, alpha included; of a TIFF as
	// libvips gives them, up to 5.
	Bands int
	// Bits is the depth of one sample: 8, 10, 12 or 16 (less counts as 8).
	Bits int
	// Alpha says that some pixel may be transparent.
	Alpha bool
	// Lossless is a WebP of the VP8L kind, or a JPEG XL of the modular kind, which may be lossy.
	Lossless bool
	// FullChroma is an AVIF whose colour is not at half size both ways, as 4:2:0
	// is: its decoder takes twice as much.
	FullChroma bool
	// HeldPixels are those of frames that the decoder of a JPEG XL keeps or makes besides
	// the picture itself.
	HeldPixels int64 `json:",omitzero"`
	// Interlaced is an Adam7 PNG: its decoder holds the whole frame.
	Interlaced bool
	// Scans counts the scans of a JPEG; with more than one (progressive, or
	// planes apart) the decoder holds every coefficient of the image. Of a JPEG XL it
	// counts passes and layers.
	Scans int
	// CoefficientBytes is what those coefficients take; 0 for one scan.
	CoefficientBytes int64
	// PartBytes is what the decoder of a TIFF makes at once: a strip, a row of tiles or a line.
	PartBytes int64 `json:",omitzero"`
	// PackedBytes is the size of a TIFF's largest strip or tile in the file, and what libtiff's list of all of
	// them takes.
	PackedBytes int64 `json:",omitzero"`
	// AncillaryBytes is what metadata takes in the file: profiles, EXIF, text.
	AncillaryBytes int64
	// Profile says that there is a colour profile inside.
	Profile bool `json:",omitzero"`
	// NarrowGrey is an AVIF of grey samples that do not use their full range: 16
	// to 235 of 8 bits.
	NarrowGrey bool `json:",omitzero"`
	// Premultiplied is an AVIF, JPEG XL or TIFF whose colours were multiplied by its alpha.
	Premultiplied bool `json:",omitzero"`
	// HiddenProfile is a PNG whose profile stands behind an sRGB chunk, so that
	// its decoder might not see it: Decodable leaves the sRGB chunk out.
	HiddenProfile bool `json:",omitzero"`
	// Normalized says that the pipeline changes the meaning of the samples in any
	// case: those of a JPEG of inks, or of RGB instead of YCbCr, of a source with a
	// profile that does not fit and is ignored, and of a declared colour space.
	// Such a source is never served as it is in place of a result.
	Normalized bool `json:",omitzero"`
	// GainMap says that a second image in the source makes HDR of the first, which is
	// SDR: no result has it.
	GainMap bool `json:",omitzero"`
	// Declared is the colour space that the source declares by numbers, if it has
	// no profile or if the numbers go before the profile.
	Declared ColourSpace `json:",omitzero"`
	// ThumbWidth and ThumbHeight are of the thumbnail inside of an AVIF, 0
	// where there is none.
	ThumbWidth  int `json:",omitzero"`
	ThumbHeight int `json:",omitzero"`
	// Partial is a GIF whose first frame does not cover the canvas. Frame is
	// what it covers, which may be nothing; the rest is transparent.
	Partial bool `json:",omitzero"`
	Frame   Rect `json:",omitzero"`
	// BrokenOff is an animation that ends inside of a frame, or before one that it announces:
	// Frames counts the whole frames before that. A still image of one of them is complete, all
	// of them together are not.
	BrokenOff bool `json:",omitzero"`
	// Vector is what an SVG says of itself.
	Vector VectorInfo `json:",omitzero"`
	// End is how many bytes hold the whole image, if its end mark is missing, wrong
	// or behind junk; else 0. container.NewRepair makes these bytes decodable.
	End int64 `json:",omitzero"`
	// Content is the area that FindTrim found inside of a border. It is empty
	// before that, and no part of the header.
	Content Rect `json:",omitzero"`
}

// Pixels is Width times Height, of one frame.
func (i Info) Pixels() int64 { return int64(i.Width) * int64(i.Height) }

// Coding is the format that the decoder sees: that of the image in an ICO.
func (i Info) Coding() Format {
	if i.Format == ICO {
		return i.Inside
	}
	return i.Format
}

// Colour says whether there are samples of colour, and not of grey alone.
func (i Info) Colour() bool {
	if i.Alpha {
		return i.Bands > 2
	}
	return i.Bands > 1
}

// Used is what p works on: the image, or its thumbnail.
func (i Info) Used(p Params) Info {
	if p.EnforceThumbnail && i.ThumbWidth > 0 && i.ThumbHeight > 0 {
		i.Width, i.Height = i.ThumbWidth, i.ThumbHeight
	}
	return i
}

// IsLinear says whether samples are proportional to light.
func (s ColourSpace) IsLinear() bool { return s.Curve == [5]float64{1, 1, 0, 0, 0} }

// ColourSpace is a colour space that a source declares by numbers, without a
// profile. The zero value is for a source that declares none, or sRGB.
type ColourSpace struct {
	// Primaries are x and y of red, green, blue and white.
	Primaries [8]float64
	// Curve leads to linear light, as parametricCurveType 3 has it (ICC.1:2022
	// §10.18): (a*v+b)^g from d on, and c*v before, in the order g, a, b, c, d.
	// All zero where Transfer counts.
	Curve [5]float64
	// Transfer is set where no such curve leads to linear light.
	Transfer Transfer `json:",omitzero"`
	// Peak is the brightest light of an HDR image in cd/m², 0 where nothing is said.
	Peak float64 `json:",omitzero"`
}
