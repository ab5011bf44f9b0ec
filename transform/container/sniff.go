package container

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/bitmap"
)

// Sniff tells what image b is, from its bytes alone: neither a name nor a
// declared media type is asked. It reads the header and follows the structure
// to the end of the image, so that a source that was cut anywhere is refused
// here; libvips notices a cut only when it reads that far. What follows the
// end of the image is ignored, because phones append second images there.
// An image whose data is whole is taken though its end mark is missing: then
// Info.End is set, and Repair makes of it what decoders take.
//
// b is only read, in time linear to its length whatever it holds. Apart from
// the tables of an AVIF or HEIC, which are bounded, nothing is allocated by its size.
//
// The error wraps ErrUnsupported (not one of Inputs, or a kind of it that
// pictor does not read), ErrMalformed (it contradicts its format) or
// ErrTruncated. Its text is one plain clause that clients may see.
//
// With ErrTruncated the Info is not empty: Format is set, and so is all that
// was read before the end, Width and Height as soon as the header was there.
// A caller that limits dimensions can so name the limit rather than the cut.
// With the other errors the Info is zero.
func Sniff(b []byte) (transform.Info, error) {
	info := transform.Info{Orientation: 1, Frames: 1, Bits: 8}
	var read func([]byte, *transform.Info) error
	if info.Format, read = formatOf(b); read == nil {
		return transform.Info{}, refusalOf(b)
	}
	err := read(b, &info)
	if err != nil && !errors.Is(err, transform.ErrTruncated) {
		return transform.Info{}, err
	}
	return info, err
}

// formatOf is the format by the first bytes, and what sniffs it; nil for none of Inputs.
func formatOf(b []byte) (transform.Format, func([]byte, *transform.Info) error) {
	switch {
	case hasMagic(b, 0, "\xff\xd8\xff"):
		return transform.JPEG, sniffJPEG
	case hasMagic(b, 0, pngSignature):
		return transform.PNG, sniffPNG
	case hasMagic(b, 0, "GIF87a"), hasMagic(b, 0, "GIF89a"):
		return transform.GIF, sniffGIF
	case hasMagic(b, 0, "RIFF") && hasMagic(b, 8, "WEBP"):
		return transform.WebP, sniffWebP
	case isAVIF(b):
		return transform.AVIF, sniffHEIF
	case isSVG(b):
		return transform.SVG, sniffSVG
	case isJXL(b):
		return transform.JXL, sniffJXL
	case bitmap.IsFile(b):
		return transform.BMP, sniffBMP
	case hasMagic(b, 0, icoMagic):
		return transform.ICO, sniffICO
	case isTIFF(b):
		return transform.TIFF, sniffTIFF
	case isHEIC(b):
		return transform.HEIC, sniffHEIF
	}
	return transform.FormatUnknown, nil
}
