package container

// jpegColour is what a JPEG says of what its components mean.
type jpegColour struct {
	jfif, adobe bool
	transform   byte   // Adobe's
	profile     []byte // the first part of it
}

// readSegment takes an application segment before the first scan, as libjpeg does
// (jdmarker.c).
func (c *jpegColour) readSegment(marker byte, s []byte) {
	const adobeSize, transformAt = 12, 11
	switch {
	case marker == jpegAPP0 && hasMagic(s, 0, "JFIF\x00"):
		c.jfif = true
	case marker == jpegAPP14 && hasMagic(s, 0, "Adobe") && len(s) >= adobeSize:
		c.adobe, c.transform = true, s[transformAt]
	case marker == jpegAPP0+2 && hasMagic(s, 0, iccPrefix+"\x01") && len(s) > len(iccPrefix)+2:
		c.profile = s[len(iccPrefix)+2:]
	}
}

// normalized says whether decoding changes more than the encoding: inks, RGB
// that is stored as such, and a profile for other components than these.
func (w *jpegWalk) normalized() bool {
	space := map[int]string{1: "GRAY", 3: "RGB ", 4: "CMYK"}[len(w.parts)]
	return len(w.parts) == 4 || w.storesRGB() || w.info.Profile && !profileFits(w.colour.profile, space)
}

// storesRGB is libjpeg's guess (jdapimin.c, default_decompress_parms).
func (w *jpegWalk) storesRGB() bool {
	switch c := w.colour; {
	case len(w.parts) != 3 || c.jfif:
		return false
	case c.adobe:
		return c.transform == 0
	}
	return w.parts[0].id == 'R' && w.parts[1].id == 'G' && w.parts[2].id == 'B'
}
