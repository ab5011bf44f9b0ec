package transform

// heicBytes: libde265's planes and what it keeps of each block, libheif's copy of
// them, and its way from there to interleaved colour, of which only the end is kept.
func heicBytes(info Info) (opening, held float64) { return heifBytes(info, 9, 2*mib) }
