package container

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// ue writes numbers in Exp-Golomb form.
func (w *bitWriter) ue(values ...uint64) {
	for _, v := range values {
		size := 0
		for v+1 >= 1<<(size+1) {
			size++
		}
		w.put(0, size)
		w.put(v+1, size+1)
	}
}

// hevcSet describes a sequence parameter set under construction.
type hevcSet struct {
	width, height, cutRight, cutBottom uint64
	chroma                             uint64
	bits                               uint64
	full                               bool // samples use their full range
	odd                                bool // has all that may be there before the colour
}

// unit is the NAL unit (ITU-T H.265 §7.3.2.2).
func (s hevcSet) unit() []byte {
	w := &bitWriter{}
	layers := uint64(0)
	if s.odd {
		layers = 1
	}
	w.put(0, 4)
	w.put(layers, 3)
	w.put(1, 1)
	w.put(1<<5, 8)
	w.put(0xFFFFFFFF, 32)
	w.put(0xFFFFFFFFFFFF, 48)
	w.put(93, 8)
	if s.odd {
		w.put(3<<14, 16)
		w.put(0xFFFFFFFFFFFFFFF, 60)
		w.put(0xFFFFFFFFF, 36)
	}
	w.ue(0, s.chroma)
	if s.chroma == 3 {
		w.put(0, 1)
	}
	w.ue(s.width, s.height)
	w.put(1, 1)
	w.ue(0, s.cutRight, 0, s.cutBottom)
	w.ue(s.bits-8, s.bits-8, 4)
	w.put(0, 1)
	w.ue(4, 0, 0)
	w.ue(0, 3, 0, 3, 0, 0)
	if !s.odd {
		w.put(0, 1) // no scaling lists
		w.put(0, 3)
		w.ue(0)
		w.put(0, 3)
	} else {
		s.oddTools(w)
	}
	w.put(1, 1) // VUI
	w.put(0, 2)
	w.put(1, 1)
	w.put(5, 3)
	full := uint64(0)
	if s.full {
		full = 1
	}
	w.put(full, 1)
	w.put(1, 1)
	w.put(1<<16|13<<8|6, 24)
	w.put(1<<7, 8)
	return append([]byte{33 << 1, 1}, withEmulation(w.b)...)
}

// oddTools are scaling lists, PCM, and sets of reference pictures of either form.
func (s hevcSet) oddTools(w *bitWriter) {
	w.put(3, 2)
	for size := range 4 {
		for matrix := range 6 {
			if size == 3 && matrix%3 != 0 {
				continue
			}
			if matrix == 0 {
				w.put(0, 1)
				w.ue(0)
				continue
			}
			w.put(1, 1)
			if size > 1 {
				w.ue(7)
			}
			for range min(64, 1<<(4+2*size)) {
				w.ue(2)
			}
		}
	}
	w.put(0, 2)
	w.put(1, 1)
	w.put(0x77, 8)
	w.ue(0, 1)
	w.put(1, 1)
	w.ue(2) // sets
	w.ue(1, 1)
	w.ue(0)
	w.put(1, 1)
	w.ue(0)
	w.put(1, 1)
	w.put(1, 1) // by the one before
	w.put(0, 1)
	w.ue(0)
	w.put(0b1_01_00, 5)
	w.put(1, 1)
	w.ue(1)
	w.put(0x1FF, 9)
	w.put(0, 2)
}

func withEmulation(b []byte) (out []byte) {
	zeros := 0
	for _, c := range b {
		if zeros == 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

func hvcC(chroma, bits, lengthSize byte, units ...[]byte) []byte {
	b := make([]byte, 16)
	b[0] = 1
	b = append(b, 0xFC|chroma, 0xF8|(bits-8), 0xF8|(bits-8), 0, 0, 0xFC|(lengthSize-1), byte(len(units)))
	for _, u := range units {
		b = append(b, be(1, uint64(u[0]>>1), 2, 1, 2, uint64(len(u)))...)
		b = append(b, u...)
	}
	return bmffBox("hvcC", b)
}

// hevcSlice is the start of a picture, or more of it.
func hevcSlice(first bool) []byte {
	b := []byte{19 << 1, 1, 0x2A, 0xBB, 0xCC}
	if first {
		b[2] |= 0x80
	}
	return b
}

func nals(units ...[]byte) (b []byte) {
	for _, u := range units {
		b = append(append(b, be(4, uint64(len(u)))...), u...)
	}
	return b
}

func set8(width, height int) hevcSet {
	return hevcSet{width: uint64(width), height: uint64(height), chroma: 1, bits: 8}
}

// heicPart is an item of HEVC of a size, with a parameter set that says the same.
func heicPart(width, height int, props ...[]byte) heifPart {
	return hevcPart(set8(width, height), props...)
}

func hevcPart(s hevcSet, props ...[]byte) heifPart {
	width, height := s.width, s.height
	switch s.chroma {
	case 1:
		width, height = width-2*s.cutRight, height-2*s.cutBottom
	case 2:
		width, height = width-2*s.cutRight, height-s.cutBottom
	default:
		width, height = width-s.cutRight, height-s.cutBottom
	}
	all := append([][]byte{ispe(width, height), hvcC(byte(s.chroma), byte(s.bits), 4, s.unit())}, props...)
	return heifPart{kind: "hvc1", data: nals(hevcSlice(true), hevcSlice(false)), props: all}
}

func heic(parts ...heifPart) []byte {
	return heifBuild{brand: "heic", wide: true, parts: parts}.bytes()
}

func heicSamples() []sample {
	base := transform.Info{Format: transform.HEIC, Width: 40, Height: 32, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	plain := heicPart(40, 32)
	alpha := heicPart(40, 32, auxAlpha)
	alpha.refs = []testRef{{"auxl", []uint64{1}}}
	thumbnail := heicPart(16, 8)
	thumbnail.refs = []testRef{{"thmb", []uint64{1}}}
	tile := heicPart(32, 32)
	cut, odd := set8(48, 40), set8(40, 32)
	cut.cutRight, cut.cutBottom, odd.odd = 4, 4, true
	grey, deep := set8(40, 32), set8(40, 32)
	grey.chroma, deep.chroma, deep.bits = 0, 2, 10
	inData := plain
	inData.props = [][]byte{ispe(40, 32), hvcC(1, 8, 4)}
	inData.data = nals(set8(40, 32).unit(), hevcSlice(true))
	return []sample{
		{"heic/plain", heic(plain), base},
		{"heic/otherBrand", heifBuild{brand: "mif1", parts: []heifPart{plain}}.bytes(), base},
		{"heic/brandOfAVIF", heifBuild{brand: "avif", parts: []heifPart{plain}}.bytes(), base},
		{"heic/window", heic(hevcPart(cut)), base},
		{"heic/everyTool", heic(hevcPart(odd)), base},
		{"heic/headerInData", heic(inData), base},
		{"heic/grey", heic(hevcPart(grey)), with(base, func(i *transform.Info) { i.Bands, i.NarrowGrey = 1, true })},
		{"heic/pixiOfOne", heic(withProp(plain, pixi(8))), base},
		{"heic/ten", heic(hevcPart(deep)), with(base, func(i *transform.Info) { i.Bits, i.FullChroma = 10, true })},
		{"heic/alpha", heic(plain, alpha), with(base, withAlpha)},
		{"heic/thumbnail", heic(plain, thumbnail),
			with(base, func(i *transform.Info) { i.ThumbWidth, i.ThumbHeight = 16, 8 })},
		{"heic/turned", heic(withProp(plain, bmffBox("irot", []byte{1}))), with(base, swapSides)},
		{"heic/cropped", heic(heicPart(64, 64, clap(40, 32))), base},
		{"heic/croppedAndTurned", heic(heicPart(64, 64, clap(40, 32), bmffBox("irot", []byte{3}))), with(base, swapSides)},
		{"heic/grid", heic(gridPart(1, 2, 40, 32, 2, 3), tile, tile), base},
	}
}

func TestSniffRefusesHEICsThatAreNotWhatTheySay(t *testing.T) {
	plain := heicPart(40, 32)
	of := func(change func(*heifPart)) []byte {
		p := plain
		p.props = slices.Clone(p.props)
		change(&p)
		return heic(p)
	}
	config := func(b []byte) []byte { return of(func(p *heifPart) { p.props[1] = b }) }
	data := func(units ...[]byte) []byte { return of(func(p *heifPart) { p.data = nals(units...) }) }
	padded := set8(140, 32)
	padded.cutRight = 50
	deep := set8(40, 32)
	deep.bits = 16
	alpha := heicPart(40, 24, auxAlpha)
	alpha.refs = []testRef{{"auxl", []uint64{1}}}
	tile := heicPart(32, 32)
	first := hevcSlice(true)
	wantRefusals(t, []refusal{
		{"type box alone", bmffBox("ftyp", []byte("heic"), be(4, 0)), transform.ErrTruncated, "the HEIC ends"},
		{"moving", slices.Concat(bmffBox("ftyp", []byte("hevc"), be(4, 0)), bmffBox("moov")), transform.ErrUnsupported, "HEIC image sequences"},
		{"AV1 inside", heic(av1Part(40, 30)), transform.ErrUnsupported, "not HEVC"},
		{"hev1", of(func(p *heifPart) { p.kind = "hev1" }), transform.ErrUnsupported, "hev1"},
		{"overlay", of(func(p *heifPart) { p.kind = "iovl" }), transform.ErrUnsupported, "not HEVC"},
		{"AV1 tile", heic(gridPart(1, 2, 40, 32, 2, 3), tile, av1Part(32, 32)), transform.ErrUnsupported, "not HEVC"},
		{"gap", heic(gridPart(1, 2, 70, 32, 2, 3), tile, tile), transform.ErrMalformed, "does not match"},
		{"uneven tiles", heic(gridPart(1, 2, 40, 32, 2, 3), tile, heicPart(16, 32)), transform.ErrMalformed, "does not match"},
		{"larger data", of(func(p *heifPart) { p.props[0] = ispe(32, 32) }), transform.ErrMalformed, "another size"},
		{"smaller data", of(func(p *heifPart) { p.props[0] = ispe(48, 32) }), transform.ErrMalformed, "another size"},
		{"far more than is shown", heic(hevcPart(padded)), transform.ErrMalformed, "another size"},
		{"cropped", heic(heicPart(140, 32, clap(70, 32))), transform.ErrUnsupported, "clap"},
		{"alpha of another size", heic(plain, alpha), transform.ErrUnsupported, "alpha has another size"},
		{"16 bits", heic(hevcPart(deep)), transform.ErrUnsupported, "more than 12 bits"},
		{"lengths of two bytes", config(hvcC(1, 8, 2, set8(40, 32).unit())), transform.ErrUnsupported, "4 bytes"},
		{"short configuration", config(bmffBox("hvcC", []byte{1, 2})), transform.ErrMalformed, "cut off"},
		{"unit past the configuration", config(bmffBox("hvcC", make([]byte, 21), []byte{3, 1, 33, 0, 1, 0, 99})), transform.ErrMalformed, "cut off"},
		{"header that breaks off", config(hvcC(1, 8, 4, set8(40, 32).unit()[:20])), transform.ErrMalformed, "broken"},
		{"no header", config(hvcC(1, 8, 4)), transform.ErrMalformed, "without a header"},
		{"no picture", data(hevcSlice(false)), transform.ErrMalformed, "without a picture"},
		{"two pictures", data(first, first), transform.ErrMalformed, "several pictures"},
		{"length past the data", of(func(p *heifPart) { p.data = append(nals(first), 0, 0, 1, 0, 5) }), transform.ErrMalformed, "cut off"},
		{"half a length", of(func(p *heifPart) { p.data = append(nals(first), 0, 0) }), transform.ErrMalformed, "cut off"},
		{"hole of zeros", data(append(slices.Clip(first), 1, 0, 0, 0, 1)), transform.ErrMalformed, "zeros"},
	})
}

func TestSniffRefusesEveryCutOfAHEIC(t *testing.T) {
	tile := heicPart(32, 32)
	whole := heic(gridPart(1, 2, 40, 32, 2, 3), tile, tile)
	for n := range whole {
		if got, err := Sniff(whole[:n]); !isRefusal(err) {
			t.Errorf("cut to %d of %d bytes: %+v, %v", n, len(whole), got, err)
		}
	}
	for n := bytes.Index(whole, []byte("meta")); n < len(whole); n++ {
		b := slices.Clone(whole)
		b[n] ^= 0xFF
		_, _ = Sniff(b) // whatever it says, it ends
	}
}
