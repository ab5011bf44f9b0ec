package container

// stripJXL drops the boxes of metadata, and with them what leads back to a JPEG file. What is
// compressed may tell whose the image is, and is not read.
func (s *stripper) stripJXL() bool {
	for rest := s.in; len(rest) > 0; {
		bx, next, ok := nextBox(rest)
		if !ok || !bx.whole {
			return false
		}
		whole := rest[:len(rest)-len(next)]
		rest = next
		switch string(bx.kind) {
		case "Exif":
			const offset = 4 // of the TIFF header
			if len(bx.body) > offset && !s.mayDrop(exifRights(bx.body[offset:])) {
				return false
			}
		case "xml ":
			if !s.mayDrop(CopyrightXMP(bx.body) != nil) {
				return false
			}
		case "brob", "jumb":
			if !s.mayDrop(true) {
				return false
			}
		case "jbrd":
		default:
			s.out = append(s.out, whole...)
		}
	}
	return true
}
