package transform

// hasInks says whether the samples of a TIFF are CMYK.
func (i Info) hasInks() bool { return i.Bands == 5 || i.Bands == 4 && !i.Alpha }

// tiffBytes is what libtiff and libvips hold of the parts of a TIFF: one that is being unpacked, those that lie in
// libvips' cache, which is made for two and cannot hold more than the image, and one as it is in the file, which
// libtiff reads in pieces into a buffer that grows. Those of JPEG compression may need their coefficients.
func tiffBytes(info Info) float64 {
	part := float64(info.PartBytes)
	image := float64(info.Pixels()) * bandsLoaded(info) * depthBytes(info)
	held := part + min(2*part, image) + 1.5*float64(info.PackedBytes)
	return held + float64(info.CoefficientBytes) + inkTableBytes(info)
}
