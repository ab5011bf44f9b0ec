package container

import "bytes"

// hevcSequence is what a sequence parameter set tells of the picture that uses it.
type hevcSequence struct {
	// width and height are what is shown of the coded picture, and coded what is decoded.
	width, height           uint64
	codedWidth, codedHeight uint64
	bits                    int
	mono                    bool
	// full says that colour is not at half size both ways.
	full   bool
	code   codePoints
	narrow bool // samples do not use their full range
	// broken says that it contradicts itself.
	broken bool
}

// HEVC NAL unit types (ITU-T H.265 table 7-1).
const (
	hevcLastPicture = 31 // of those that hold a part of a picture
	hevcSequenceSet = 33
)

// hevcLengthSize is how many bytes the length of a NAL unit has. A file may say
// otherwise, but libheif (1.15 to 1.19) reads no other.
const hevcLengthSize = 4

// maxHEVCSequence is more than a sequence parameter set can need up to its colour:
// 64 sets of reference pictures are most of it.
const maxHEVCSequence = 8 << 10

// hevcUnits visits the sequence parameter sets in a run of whole NAL units, each
// behind its length of lengthSize bytes, and counts the pictures that begin there.
func hevcUnits(p pieces, lengthSize uint64, visit func(hevcSequence) error) (pictures int, err error) {
	var space [maxHEVCSequence]byte
	for left := p.size(); left > 0; {
		if left < lengthSize {
			return 0, malformedError("the AVIF has HEVC data that is cut off")
		}
		f := bmffFields{b: p.peek(space[:lengthSize])}
		size := f.uint(int(lengthSize))
		p.skip(lengthSize)
		left -= lengthSize
		if size > left {
			return 0, malformedError("the AVIF has HEVC data that is cut off")
		}
		if p.hasZeros(size) {
			return 0, malformedError("the AVIF has HEVC data with holes of zeros")
		}
		unit := p.peek(space[:min(size, maxHEVCSequence)])
		first, err := visitHEVCUnit(unit, visit)
		if err != nil {
			return 0, err
		}
		if first {
			pictures++
		}
		p.skip(size)
		left -= size
	}
	return pictures, nil
}

// hasZeros says whether a NAL unit of n bytes has three zeros in a row, as it never may
// (ITU-T H.265 §7.4.2.1): they are what a download leaves where it has holes, and
// libde265 makes some picture of them. Zeros across a seam are not seen.
func (p *pieces) hasZeros(n uint64) bool {
	at := p.at
	for _, b := range p.list {
		b = b[at:]
		b = b[:min(uint64(len(b)), n)]
		if bytes.Contains(b, []byte{0, 0, 0}) {
			return true
		}
		if n -= uint64(len(b)); n == 0 {
			return false
		}
		at = 0
	}
	return false
}

// visitHEVCUnit says whether a picture begins in a NAL unit of which unit is the start.
func visitHEVCUnit(unit []byte, visit func(hevcSequence) error) (begins bool, err error) {
	const header, firstSlice = 2, 0x80
	if len(unit) <= header {
		return false, nil // decoders pass over it
	}
	layer := unit[0]&1<<5 | unit[1]>>3
	switch kind := unit[0] >> 1 & 0x3F; {
	case layer != 0: // of another picture, that is not decoded
	case kind <= hevcLastPicture:
		return unit[header]&firstSlice != 0, nil
	case kind == hevcSequenceSet:
		r := bitReader{b: withoutEmulation(unit[header:])}
		s := readHEVCSequence(&r)
		if r.short || s.broken {
			return false, malformedError("the AVIF has an HEVC header that is broken")
		}
		return false, visit(s)
	}
	return false, nil
}

// withoutEmulation drops the bytes that keep start codes out of a NAL unit (ITU-T
// H.265 §7.4.2).
func withoutEmulation(b []byte) []byte {
	const emulation = 3
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c == emulation {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

// readHEVCSequence reads a sequence parameter set up to its colour (ITU-T H.265
// §7.3.2.2).
func readHEVCSequence(r *bitReader) (s hevcSequence) {
	r.skipBits(4) // sps_video_parameter_set_id
	layers := int(r.readUint(3))
	r.skipBits(1) // sps_temporal_id_nesting_flag
	skipHEVCProfile(r, layers)
	r.readUE() // sps_seq_parameter_set_id
	s.readSize(r)
	luma, chroma := r.readUE(), r.readUE()
	pocBits := int(r.readUE()) + 4
	s.broken = s.broken || luma > 8 || chroma > 8 || pocBits > 16 || layers > 6
	if s.broken {
		return s
	}
	s.bits = 8 + int(max(luma, chroma))
	from := layers
	if r.readFlag() { // sps_sub_layer_ordering_info_present_flag
		from = 0
	}
	for ; from <= layers; from++ {
		r.skipUE(3)
	}
	r.skipUE(6)                       // sizes of blocks, depths of trees
	if r.readFlag() && r.readFlag() { // scaling lists
		skipHEVCScaling(r)
	}
	r.skipBits(2)     // amp_enabled_flag, sample_adaptive_offset_enabled_flag
	if r.readFlag() { // pcm_enabled_flag
		r.skipBits(8)
		r.skipUE(2)
		r.skipBits(1)
	}
	if !skipHEVCReferences(r, pocBits) {
		s.broken = true
		return s
	}
	r.skipBits(2)     // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
	if r.readFlag() { // vui_parameters_present_flag
		s.readColour(r)
	}
	return s
}

// readSize reads the size of the planes, and what of them is shown.
func (s *hevcSequence) readSize(r *bitReader) {
	format := r.readUE()
	s.mono, s.full = format == 0, format > 1
	apart := format == 3 && r.readFlag() // separate_colour_plane_flag
	s.codedWidth, s.codedHeight = r.readUE(), r.readUE()
	var cutWidth, cutHeight uint64
	if r.readFlag() { // conformance_window_flag
		cutWidth = r.readUE() + r.readUE()
		cutHeight = r.readUE() + r.readUE()
	}
	unitWidth, unitHeight := uint64(1), uint64(1)
	switch format {
	case 1:
		unitWidth, unitHeight = 2, 2
	case 2:
		unitWidth = 2
	}
	cutWidth *= unitWidth
	cutHeight *= unitHeight
	s.broken = format > 3 || apart || cutWidth >= s.codedWidth || cutHeight >= s.codedHeight
	s.width, s.height = s.codedWidth-cutWidth, s.codedHeight-cutHeight
}

// readColour reads the beginning of the VUI (ITU-T H.265 §E.2.1).
func (s *hevcSequence) readColour(r *bitReader) {
	const extended = 255
	if r.readFlag() && r.readUint(8) == extended { // aspect_ratio_idc
		r.skipBits(32)
	}
	if r.readFlag() { // overscan_info_present_flag
		r.skipBits(1)
	}
	if !r.readFlag() { // video_signal_type_present_flag
		return
	}
	r.skipBits(3) // video_format
	s.narrow = !r.readFlag()
	if r.readFlag() { // colour_description_present_flag
		s.code = codePoints{primaries: int(r.readUint(8)), transfer: int(r.readUint(8)), given: true, narrow: s.narrow}
	}
}

// skipHEVCProfile passes over profile_tier_level (ITU-T H.265 §7.3.3) of so many
// layers besides the first.
func skipHEVCProfile(r *bitReader, layers int) {
	const profile, level = 88, 8
	r.skipBits(profile + level)
	flags := make([]uint64, layers)
	for i := range flags {
		flags[i] = r.readUint(2)
	}
	if layers > 0 {
		r.skipBits(2 * (8 - layers))
	}
	for _, f := range flags {
		if f&2 != 0 {
			r.skipBits(profile)
		}
		if f&1 != 0 {
			r.skipBits(level)
		}
	}
}

// skipHEVCScaling passes over scaling_list_data (ITU-T H.265 §7.3.4).
func skipHEVCScaling(r *bitReader) {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			if !r.readFlag() { // scaling_list_pred_mode_flag
				r.skipUE(1)
				continue
			}
			if size > 1 {
				r.skipUE(1)
			}
			r.skipUE(min(64, 1<<(4+2*size)))
		}
	}
}

// skipHEVCReferences passes over the sets of reference pictures (ITU-T H.265
// §7.3.7), of which a still image has no use. It says whether there are no more than
// may be.
func skipHEVCReferences(r *bitReader, pocBits int) bool {
	const mostSets, mostPictures, mostLong = 64, 16, 32
	sets := r.readUE()
	if sets > mostSets {
		return false
	}
	before := uint64(0) // pictures of the set before
	for i := range sets {
		var n uint64
		if i > 0 && r.readFlag() { // inter_ref_pic_set_prediction_flag
			r.skipBits(1)
			r.skipUE(1)
			for range before + 1 {
				if r.readFlag() || r.readFlag() {
					n++
				}
			}
		} else {
			n = r.readUE() + r.readUE()
			if n > mostPictures {
				return false
			}
			for range n {
				r.skipUE(1)
				r.skipBits(1)
			}
		}
		if before = n; n > mostPictures {
			return false
		}
	}
	if r.readFlag() { // long_term_ref_pics_present_flag
		long := r.readUE()
		if long > mostLong {
			return false
		}
		r.skipBits(int(long) * (pocBits + 1))
	}
	return true
}

// readUE reads a number in Exp-Golomb form (ITU-T H.265 §9.2) of at most 32 bits. A
// larger one counts as the end of the data.
func (r *bitReader) readUE() uint64 {
	zeros := 0
	for !r.short && !r.readFlag() {
		zeros++
	}
	if zeros > 32 {
		r.short = true
	}
	if r.short {
		return 0
	}
	return 1<<zeros - 1 + r.readUint(zeros)
}

func (r *bitReader) skipUE(n int) {
	for range n {
		r.readUE()
	}
}
