package transform

import "strings"

// Options are all options, in the order of canonical texts. The slice is
// fresh.
func Options() []Option {
	return []Option{
		resizeOption, sizeOption,
		modeOption, widthOption, heightOption, minWidthOption, minHeightOption,
		zoomOption, dprOption, adaptiveOption, enlargeOption, linearOption,
		extendOption, extendRatioOption,
		gravityOption, cropOption, cropRatioOption, trimOption, paddingOption,
		autoRotateOption, rotateOption, flipOption, lateRotateOption,
		backgroundOption, backgroundAlphaOption,
		adjustOption, brightnessOption, shiftOption, contrastOption, saturationOption, monochromeOption,
		blurOption, sharpenOption, pixelateOption,
		watermarkOption, roundCornersOption, maskOption,
		stripMetadataOption, keepCopyrightOption, stripProfileOption, preserveHDROption,
		enforceThumbnailOption,
		qualityOption, formatQualityOption, maxBytesOption, autoQualityOption, formatOption, placeholderOption,
		jpegOption, pngOption, webpOption, avifOption, jxlOption,
		disableAnimationOption, pageOption, pagesOption, maxFramesOption,
		skipOption, rawOption, maxSideOption,
	}
}

// options is built once: it is looked at for every request.
var options = Options()

// String is the canonical text: options of the native dialect in a fixed
// order by their short names, defaults left out. Parsing it with the native
// dialect gives the same Params again. The zero Params are "".
func (p Params) String() string {
	var b strings.Builder
	for i := range options {
		o := &options[i]
		if o.Text == nil {
			continue
		}
		text := o.Text(p)
		if text == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(o.Short())
		b.WriteByte(':')
		b.WriteString(text)
	}
	return b.String()
}
