package container

// reduceJXL gives the decoder the codestream without its boxes, which libjxl reads even
// behind the image and insists on, and of an animation the first picture: libvips before
// 8.17 gives the last of them. Where libjxl gives linear light, it is told of twelve
// bits, as libvips else asks it for eight, which do not do for shadows.
func (l *decodableView) reduceJXL() bool {
	f, err := openJXL(l.in)
	if err != nil {
		return false
	}
	r := newJXLBits(l.in, f.pieces)
	m, err := readJXLImage(r)
	if err != nil || r.short {
		return false
	}
	v := jxlView{jxlFile: f}
	end := r.pos
	if m.linearLight() && m.depth == (jxlDepth{bits: 8}) && m.depthAt > 0 {
		v.deepen(m.depthAt)
	}
	if m.pictures > 1 {
		v.endWith(m.picture.final.at)
		end = m.picture.end
	}
	v.copyUpTo(end / 8)
	return l.replaceAll(v.parts)
}

// jxlView collects the parts of a codestream in their order.
type jxlView struct {
	jxlFile
	at    int64 // up to where the codestream is in parts, in bytes
	parts []jxlPart
}

// jxlPart lies at a place of the file, or is made anew: then at is less than 0.
type jxlPart struct {
	at    int64
	bytes []byte
}

// copyUpTo adds what lies before a place of the codestream.
func (v *jxlView) copyUpTo(to int64) {
	start := int64(0)
	for _, s := range v.pieces {
		piece, _ := s.bytesIn(v.b)
		end := start + int64(len(piece))
		if from, upTo := max(start, v.at), min(end, to); from < upTo {
			v.parts = append(v.parts, jxlPart{int64(s.off) + from - start, piece[from-start : upTo-start]})
		}
		start = end
	}
	v.at = to
}

// jxlEdit puts bits in the place of others.
type jxlEdit struct {
	at, upTo int64 // in bits of the codestream
	value    uint64
	bits     int
}

// rewrite adds the bytes from the beginning of one to a place, with edits, and fills the
// last with zeros.
func (v *jxlView) rewrite(start, end int64, edits ...jxlEdit) {
	v.copyUpTo(start / 8)
	r := newJXLBits(v.b, v.pieces)
	r.skipBytes(uint64(start / 8))
	var w lowBits
	copyTo := func(at int64) {
		for r.pos < at && !r.short {
			w.appendBits(uint64(r.bits(1)), 1)
		}
	}
	for _, e := range edits {
		copyTo(e.at)
		w.appendBits(e.value, e.bits)
		for r.pos < e.upTo && !r.short {
			r.bits(1)
		}
	}
	copyTo(end)
	v.parts = append(v.parts, jxlPart{-1, w.bytes()})
	v.at = (end + 7) / 8
}

// deepen says 12 bits where a selector of two bits says 8.
func (v *jxlView) deepen(at int64) {
	const twelve, bits = 2, 2
	v.rewrite(at/8*8, (at+bits+7)/8*8, jxlEdit{at, at + bits, twelve, bits})
}

// endWith makes a frame the last one, of the regular kind, which is kept nowhere.
func (v *jxlView) endWith(at jxlPlaces) {
	const kindBits = 2
	v.rewrite(at.header, at.padding, jxlEdit{at.kind, at.kind + kindBits, jxlRegular, kindBits},
		jxlEdit{at.last, at.name, 1, 1})
}

// replaceAll makes parts the whole view. All but the last are small, and lie directly
// before it.
func (l *decodableView) replaceAll(parts []jxlPart) bool {
	n := len(parts) - 1
	if n < 0 || n == 0 && parts[0].at == 0 && len(parts[0].bytes) == len(l.in) {
		return false
	}
	size := int64(0)
	for _, p := range parts[:n] {
		size += int64(len(p.bytes))
	}
	last := parts[n]
	l.From, l.Size = last.at-size, last.at+int64(len(last.bytes))
	if last.at < size { // it is made anew
		l.From, l.Size = 0, size+int64(len(last.bytes))
		n++
	}
	place := l.From
	for _, p := range parts[:n] {
		l.Patches = append(l.Patches, Patch{place, p.bytes})
		place += int64(len(p.bytes))
	}
	return true
}
