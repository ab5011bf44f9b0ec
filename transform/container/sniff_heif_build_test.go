package container

import (
	"encoding/binary"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

func bmffBox(kind string, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+8)), kind...), b...)
}

// be writes numbers of the sizes in bytes that they are given with.
func be(pairs ...uint64) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], pairs[i+1])
		b = append(b, n[8-pairs[i]:]...)
	}
	return b
}

func ispe(width, height uint64) []byte { return bmffBox("ispe", be(4, 0, 4, width, 4, height)) }

func pixi(depths ...byte) []byte { return bmffBox("pixi", be(4, 0, 1, uint64(len(depths))), depths) }

// av1C has the flags of its third byte.
func av1C(flags byte, config ...byte) []byte {
	return bmffBox("av1C", []byte{0x81, 0, flags, 0}, config)
}

func clap(width, height uint64) []byte {
	return bmffBox("clap", be(4, width, 4, 1, 4, height, 4, 1, 4, 0, 4, 1, 4, 0, 4, 1))
}

var auxAlpha = bmffBox("auxC", be(4, 0), []byte("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00"))

// heifPart is an item of a file under construction; its number is its place
// in the list, from 1.
type heifPart struct {
	kind   string
	data   []byte
	inMeta bool
	props  [][]byte
	refs   []testRef
	// piece, if not 0, is the length of the extents that data lies in, the last
	// of them first.
	piece int
}

// stored is the data as the file has it, and the extents, from its start, in
// their order.
func (p heifPart) stored() (b []byte, extents [][2]uint64) {
	if p.piece == 0 {
		return p.data, [][2]uint64{{0, uint64(len(p.data))}}
	}
	for at := 0; at < len(p.data); at += p.piece {
		piece := p.data[at:min(at+p.piece, len(p.data))]
		b = append(slices.Clone(piece), b...)
		extents = append(extents, [2]uint64{uint64(len(p.data) - at - len(piece)), uint64(len(piece))})
	}
	return b, extents
}

type testRef struct {
	kind string
	to   []uint64
}

// heifBuild makes an AVIF. The zero values are what libheif writes; wide uses
// the other versions of all tables.
type heifBuild struct {
	brand   string
	primary uint64
	parts   []heifPart
	wide    bool
	// instead replaces tables of meta, by kind; extra is added to meta.
	instead map[string][]byte
	extra   []byte
	// tail comes after mdat.
	tail []byte
}

func (a heifBuild) bytes() []byte {
	brand := a.brand
	if brand == "" {
		brand = "avif"
	}
	ftyp := bmffBox("ftyp", []byte(brand), be(4, 0), []byte("mif1miaf"))
	mdatHeader := uint64(8)
	size := len(bmffBox("meta", a.tables(0))) // offsets do not change it
	b := append(ftyp, bmffBox("meta", a.tables(uint64(len(ftyp)+size)+mdatHeader))...)
	var data []byte
	for _, p := range a.parts {
		if !p.inMeta {
			b, _ := p.stored()
			data = append(data, b...)
		}
	}
	return slices.Concat(b, bmffBox("mdat", data), a.tail)
}

func (a heifBuild) tables(mdat uint64) []byte {
	v, idSize := uint64(0), uint64(2)
	ilocHead := be(1, 0, 3, 0, 2, 0x4400, 2, uint64(len(a.parts)))
	if a.wide {
		v, idSize = 1, 4
		ilocHead = be(1, 2, 3, 0, 2, 0x8844, 4, uint64(len(a.parts)))
	}
	n := uint64(len(a.parts))
	var infe, ipco, ipma, iref []byte
	props := uint64(0)
	for i, p := range a.parts {
		id := uint64(i + 1)
		infe = append(infe, bmffBox("infe", be(1, 2+v, 3, 0, idSize, id, 2, 0), []byte(p.kind), []byte{0})...)
		ipma = append(ipma, be(idSize, id, 1, uint64(len(p.props)))...)
		for _, prop := range p.props {
			props++
			ipco = append(ipco, prop...)
			ipma = append(ipma, be(1+v, props|1<<(7+8*v))...)
		}
		for _, r := range p.refs {
			body := be(idSize, id, 2, uint64(len(r.to)))
			for _, to := range r.to {
				body = append(body, be(idSize, to)...)
			}
			iref = append(iref, bmffBox(r.kind, body)...)
		}
	}
	places, idat := a.places(mdat)
	b := be(4, 0)
	for _, t := range []struct {
		kind string
		box  []byte
	}{
		{"hdlr", bmffBox("hdlr", be(4, 0, 4, 0), []byte("pict"), make([]byte, 13))},
		{"pitm", bmffBox("pitm", be(1, v, 3, 0, idSize, max(a.primary, 1)))},
		{"iloc", bmffBox("iloc", ilocHead, places)},
		{"iinf", bmffBox("iinf", be(1, v, 3, 0, 2+2*v, n), infe)},
		{"iprp", bmffBox("iprp", bmffBox("ipco", ipco), bmffBox("ipma", be(1, v, 3, v, 4, n), ipma))},
		{"iref", bmffBox("iref", be(1, v, 3, 0), iref)},
		{"idat", bmffBox("idat", idat)},
	} {
		if other, ok := a.instead[t.kind]; ok {
			t.box = other
		}
		b = append(b, t.box...)
	}
	return append(b, a.extra...)
}

// places are the entries of iloc, and what idat holds.
func (a heifBuild) places(mdat uint64) (iloc, idat []byte) {
	for i, p := range a.parts {
		id, size := uint64(i+1), uint64(len(p.data))
		at, method := mdat, uint64(0)
		if p.inMeta {
			at, method = uint64(len(idat)), 1
			b, _ := p.stored()
			idat = append(idat, b...)
		} else {
			mdat += size
		}
		_, extents := p.stored()
		if a.wide {
			// A base of 4 bytes, an index of 4, offsets and lengths of 8.
			iloc = append(iloc, be(4, id, 2, method, 2, 0, 4, at, 2, uint64(len(extents)))...)
		} else {
			iloc = append(iloc, be(2, id, 2, 0, 2, uint64(len(extents)))...)
		}
		for _, e := range extents {
			if a.wide {
				iloc = append(iloc, be(4, 0, 8, e[0], 8, e[1])...)
			} else {
				iloc = append(iloc, be(4, at+e[0], 4, e[1])...)
			}
		}
	}
	return iloc, idat
}

// av1Part is an AV1 item of a size, with a sequence header that says the same.
func av1Part(width, height int, props ...[]byte) heifPart {
	p := append([][]byte{ispe(uint64(width), uint64(height)), av1C(0)}, props...)
	return heifPart{kind: "av01", data: av1Data(av1Still(width, height, 8, false)), props: p}
}

// av1Data is a temporal delimiter, a sequence header and a frame without a size.
func av1Data(sequence []byte) []byte {
	b := append([]byte{2<<3 | 2, 0, 1<<3 | 2, byte(len(sequence))}, sequence...)
	return append(b, 6<<3, 0xAA, 0xBB)
}

func gridPart(rows, cols byte, width, height uint64, tiles ...uint64) heifPart {
	return heifPart{kind: "grid", data: append([]byte{0, 0, rows - 1, cols - 1}, be(2, width, 2, height)...),
		inMeta: true,
		props:  [][]byte{ispe(width, height)}, refs: []testRef{{"dimg", tiles}}}
}

func avifSamples() []sample {
	base := transform.Info{Format: transform.AVIF, Width: 40, Height: 30, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	alphaOf := func(to uint64) heifPart {
		p := av1Part(40, 30, auxAlpha)
		p.refs = []testRef{{"auxl", []uint64{to}}}
		return p
	}
	exif := heifPart{kind: "Exif", data: append([]byte{0, 0, 0, 0}, exifBlock(binary.BigEndian, 6)...),
		refs: []testRef{{"cdsc", []uint64{1}}}}
	profile := bmffBox("colr", []byte("prof"), make([]byte, 100))
	mono := heifPart{kind: "av01", data: av1Data(av1Still(40, 30, 8, true)), props: [][]byte{ispe(40, 30), av1C(0x10)}}
	deep := func(flags byte, bits int) heifPart {
		return heifPart{kind: "av01", data: av1Data(av1Still(40, 30, bits, false)),
			props: [][]byte{ispe(40, 30), av1C(flags)}}
	}
	config := av1Part(40, 30)
	config.data = []byte{6 << 3, 1, 2, 3}
	config.props[1] = av1C(0, av1Data(av1Still(40, 30, 8, false))[2:]...)
	thumbnail := av1Part(10, 8)
	thumbnail.refs = []testRef{{"thmb", []uint64{1}}}
	tile := av1Part(32, 32)
	multiplied := av1Part(40, 30)
	multiplied.refs = []testRef{{"prem", []uint64{2}}}
	return []sample{
		{"avif/plain", heifBuild{parts: []heifPart{av1Part(40, 30)}}.bytes(), base},
		{"avif/sequenceWithStill", heifBuild{brand: "avis", parts: []heifPart{av1Part(40, 30)}}.bytes(), base},
		{"avif/wideTables", heifBuild{wide: true, parts: []heifPart{av1Part(40, 30)}}.bytes(), base},
		{"avif/dataInMeta", heifBuild{wide: true, primary: 2,
			parts: []heifPart{{kind: "mime", data: []byte("x")}, withData(av1Part(40, 30), true)}}.bytes(),
			with(base, func(i *transform.Info) { i.AncillaryBytes = 1 })},
		{"avif/turned", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("irot", []byte{1}))}}.bytes(), with(base, swapSides)},
		{"avif/turnedBack", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("irot", []byte{3}), bmffBox("imir", []byte{1}))}}.bytes(), with(base, swapSides)},
		{"avif/upsideDown", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("irot", []byte{2}))}}.bytes(), base},
		{"avif/allLayers", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("lsel", be(2, 0xFFFF)))}}.bytes(), base},
		{"avif/notCropped", heifBuild{parts: []heifPart{av1Part(40, 30, clap(40, 30))}}.bytes(), base},
		{"avif/exifIsNotOrientation", heifBuild{parts: []heifPart{av1Part(40, 30, profile), exif}}.bytes(),
			with(base, func(i *transform.Info) {
				i.AncillaryBytes, i.Profile, i.Normalized = 104+int64(len(exif.data)), true, true
			})},
		{"avif/alpha", heifBuild{parts: []heifPart{av1Part(40, 30), alphaOf(1)}}.bytes(), with(base, withAlpha)},
		{"avif/premultiplied", heifBuild{parts: []heifPart{multiplied, alphaOf(1)}}.bytes(),
			with(base, func(i *transform.Info) { i.Bands, i.Alpha, i.Premultiplied = 4, true, true })},
		{"avif/premultipliedByNoAlpha", heifBuild{parts: []heifPart{multiplied, av1Part(40, 30)}}.bytes(), base},
		{"avif/alphaOfAnother", heifBuild{parts: []heifPart{av1Part(40, 30), alphaOf(3), av1Part(40, 30)}}.bytes(), base},
		{"avif/mono", heifBuild{parts: []heifPart{mono}}.bytes(), with(base, func(i *transform.Info) { i.Bands, i.NarrowGrey = 1, true })},
		{"avif/monoAlpha", heifBuild{parts: []heifPart{mono, alphaOf(1)}}.bytes(), with(base, func(i *transform.Info) { i.Bands, i.Alpha, i.NarrowGrey = 2, true, true })},
		{"avif/pixi", heifBuild{parts: []heifPart{av1Part(40, 30, pixi(10, 10, 10))}}.bytes(), with(base, func(i *transform.Info) { i.Bits = 10 })},
		{"avif/pixiOfOne", heifBuild{parts: []heifPart{av1Part(40, 30, pixi(8))}}.bytes(), with(base, func(i *transform.Info) { i.Bands = 1 })},
		{"avif/ten", heifBuild{parts: []heifPart{deep(0x40, 10)}}.bytes(), with(base, func(i *transform.Info) { i.Bits = 10 })},
		{"avif/twelve", heifBuild{parts: []heifPart{deep(0x60, 12)}}.bytes(), with(base, func(i *transform.Info) { i.Bits = 12 })},
		{"avif/deeperThanDeclared", heifBuild{parts: []heifPart{deep(0, 12)}}.bytes(), with(base, func(i *transform.Info) { i.Bits = 12 })},
		{"avif/fullColour", heifBuild{parts: []heifPart{{kind: "av01", data: av1Data(av1FullColour(40, 30)),
			props: [][]byte{ispe(40, 30), av1C(0)}}}}.bytes(),
			with(base, func(i *transform.Info) { i.FullChroma = true })},
		{"avif/headerInConfig", heifBuild{parts: []heifPart{config}}.bytes(), base},
		{"avif/thumbnail", heifBuild{parts: []heifPart{av1Part(40, 30), thumbnail}}.bytes(),
			with(base, func(i *transform.Info) { i.ThumbWidth, i.ThumbHeight = 10, 8 })},
		{"avif/largerPictureBeside", heifBuild{parts: []heifPart{av1Part(40, 30), av1Part(4000, 3000)}}.bytes(), base},
		{"avif/grid", heifBuild{wide: true, parts: []heifPart{gridPart(1, 2, 40, 30, 2, 3), tile, tile}}.bytes(), base},
		{"avif/gridTurned", heifBuild{wide: true, parts: []heifPart{tile,
			withProp(gridPart(1, 2, 40, 30, 1, 3), bmffBox("irot", []byte{1})), tile}, primary: 2}.bytes(),
			with(base, swapSides)},
	}
}

func with(i transform.Info, change func(*transform.Info)) transform.Info {
	change(&i)
	return i
}

func swapSides(i *transform.Info) { i.Width, i.Height = i.Height, i.Width }

func withAlpha(i *transform.Info) { i.Alpha, i.Bands = true, 4 }

func withData(p heifPart, inMeta bool) heifPart {
	p.inMeta = inMeta
	return p
}

func withProp(p heifPart, prop []byte) heifPart {
	p.props = append(slices.Clip(p.props), prop)
	return p
}
