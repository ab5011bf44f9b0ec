package transform

// FormatSet is a set of formats, a bit for each.
type FormatSet uint16

// FormatSetOf is the set of a list.
func FormatSetOf(list []Format) (s FormatSet) {
	for _, f := range list {
		s |= 1 << f
	}
	return s
}

// Has says whether f is in the set.
func (s FormatSet) Has(f Format) bool { return s&(1<<f) != 0 }

// FormatAccess is what may be read and written.
type FormatAccess struct{ Read, Write FormatSet }

// AllFormats is all that pictor can read and write.
func AllFormats() FormatAccess { return FormatAccess{FormatSetOf(Inputs), FormatSetOf(Outputs)} }

// And is what both allow.
func (a FormatAccess) And(b FormatAccess) FormatAccess {
	return FormatAccess{a.Read & b.Read, a.Write & b.Write}
}
