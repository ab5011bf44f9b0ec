package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func TestSniffRefusesAVIFsWithoutAPicture(t *testing.T) {
	one := []heifPart{av1Part(40, 30)}
	ftyp := bmffBox("ftyp", []byte("avif"), be(4, 0))
	kind := func(kind string) []byte {
		p := av1Part(40, 30)
		p.kind = kind
		return heifBuild{parts: []heifPart{p}}.bytes()
	}
	size := func(width, height uint64) []byte {
		return heifBuild{parts: []heifPart{{kind: "av01", props: [][]byte{ispe(width, height)}}}}.bytes()
	}
	without := func(table string) []byte {
		return heifBuild{parts: one, instead: map[string][]byte{table: nil}}.bytes()
	}
	twice := func(table string) []byte {
		return heifBuild{parts: one, extra: bmffBox(table, be(4, 0, 4, 0))}.bytes()
	}
	whole := heifBuild{parts: one}.bytes()
	layer := av1Part(32, 32, bmffBox("lsel", be(2, 0)))
	all := []refusal{
		{"type box alone", ftyp, transform.ErrTruncated, "before the image is described"},
		{"moving only", append(slices.Clip(ftyp), bmffBox("moov")...), transform.ErrUnsupported, "without a still image"},
		{"box of 7 bytes", append(slices.Clip(ftyp), be(4, 7, 4, 0, 4, 0)...), transform.ErrMalformed, "impossible length"},
		{"two descriptions", append(slices.Clip(whole), whole[len(ftyp)+8:]...), transform.ErrMalformed, "twice"},
		{"box past the end", append(slices.Clip(whole), be(4, 9, 4, 0x66726565)...), transform.ErrTruncated, "in the middle"},
		{"large box past the end", append(slices.Clip(whole), be(4, 1, 4, 0x66726565, 8, math.MaxUint64)...), transform.ErrTruncated, "in the middle"},
		{"bytes after the boxes", append(slices.Clip(whole), 1, 2, 3), transform.ErrTruncated, "in the middle"},
		{"no main item", without("pitm"), transform.ErrMalformed, "primary image"},
		{"no items", without("iinf"), transform.ErrUnsupported, "not AV1"},
		{"no properties", without("iprp"), transform.ErrMalformed, "no width"},
		{"no places", without("iloc"), transform.ErrMalformed, "without a header"},
		{"main item is not there", heifBuild{parts: one, primary: 9}.bytes(), transform.ErrMalformed, "primary image"},
		{"HEVC without its configuration", kind("hvc1"), transform.ErrMalformed, "HEIC"},
		{"HEVC of another type", kind("hev1"), transform.ErrUnsupported, "type hev1"},
		{"overlay", kind("iovl"), transform.ErrUnsupported, "not AV1"},
		{"no width", size(0, 30), transform.ErrMalformed, "no width"},
		{"no height", size(40, 0), transform.ErrMalformed, "no width or no height"},
		{"width of 32 bits", size(1<<31, 30), transform.ErrMalformed, "no width"},
		{"layer", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("lsel", be(2, 1)))}}.bytes(), transform.ErrUnsupported, "lsel"},
		{"layer of a tile", heifBuild{wide: true,
			parts: []heifPart{gridPart(1, 2, 40, 30, 2, 3), layer, layer}}.bytes(),
			transform.ErrUnsupported, "lsel"},
		{"layer cut off", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("lsel", be(1, 1)))}}.bytes(), transform.ErrMalformed, "table"},
		{"cropped", heifBuild{parts: []heifPart{av1Part(140, 30, clap(70, 30))}}.bytes(), transform.ErrUnsupported, "cropped"},
		{"cropped twice", heifBuild{parts: []heifPart{av1Part(40, 30, clap(39, 30), clap(38, 30))}}.bytes(), transform.ErrUnsupported, "cropped"},
	}
	for _, table := range []string{"pitm", "iloc", "iinf", "iprp", "iref", "idat"} {
		all = append(all, refusal{"two of " + table, twice(table), transform.ErrMalformed, "twice"})
	}
	wantRefusals(t, all)
}

func TestSniffRefusesAVIFsWithBrokenTables(t *testing.T) {
	one := []heifPart{av1Part(40, 30)}
	instead := func(table string, body ...[]byte) []byte {
		return heifBuild{parts: one, instead: map[string][]byte{table: bmffBox(table, body...)}}.bytes()
	}
	manyProps := make([][]byte, heifMaxProperties+1)
	for i := range manyProps {
		manyProps[i] = bmffBox("skip")
	}
	manyIDs := be(4, 0, 4, heifMaxItems+1)
	for i := range uint64(heifMaxItems + 1) {
		manyIDs = append(manyIDs, be(2, i, 1, 0)...)
	}
	manyGiven := bytes.Repeat(append(be(2, 1, 1, 255), bytes.Repeat([]byte{1}, 255)...), 300)
	manyRefs := be(4, 0)
	refs := be(2, 1, 2, heifMaxRefs/2)
	for range heifMaxRefs / 2 {
		refs = append(refs, 0, 1)
	}
	for range 3 {
		manyRefs = append(manyRefs, bmffBox("dimg", refs)...)
	}
	infe := bmffBox("infe", be(4, 2<<24, 2, 1, 2, 0), []byte("av01"))
	wantRefusals(t, []refusal{
		{"short pitm", instead("pitm", be(4, 0, 1, 1)), transform.ErrMalformed, "is cut off"},
		{"short iinf", instead("iinf", be(2, 0)), transform.ErrMalformed, "is cut off"},
		{"short infe", instead("iinf", be(4, 0, 2, 1), bmffBox("infe", be(4, 2<<24, 2, 1, 2, 0, 2, 0))), transform.ErrMalformed, "is cut off"},
		{"item twice", instead("iinf", be(4, 0, 2, 2), infe, infe), transform.ErrMalformed, "the same ID"},
		{"table leaves its box", instead("iinf", be(4, 0, 2, 1, 4, 100), []byte("infe")), transform.ErrMalformed, "larger than the box around it"},
		{"short iloc", instead("iloc", be(4, 0, 2, 0x4400, 2, 1, 2, 1)), transform.ErrMalformed, "is cut off"},
		{"fields of 9 bytes", instead("iloc", be(4, 0, 2, 0x9400, 2, 0)), transform.ErrMalformed, "unknown form"},
		{"version 3", instead("iloc", be(4, 3<<24, 2, 0x4400, 4, 0)), transform.ErrMalformed, "unknown form"},
		{"two locations", instead("iloc", be(4, 0, 2, 0x4400, 2, 2, 2, 1, 2, 0, 2, 0, 2, 1, 2, 0, 2, 0)), transform.ErrMalformed, "two locations"},
		{"item in an item", instead("iloc", be(4, 1<<24, 2, 0x4400, 2, 1, 2, 1, 2, 2, 2, 0, 2, 0)), transform.ErrUnsupported, "inside other items"},
		// Pieces of no bytes at all: 65535 for the price of one number.
		{"many pieces", instead("iloc", be(4, 0, 2, 0, 2, 1, 2, 1, 2, 0, 2, 65535)), transform.ErrMalformed, "too many pieces"},
		{"place past the end", instead("iloc", be(4, 0, 2, 0x8880, 2, 1, 2, 1, 2, 0, 8, math.MaxUint64, 2, 1, 8, 2, 8, 8)), transform.ErrTruncated, "in the middle"},
		{"length past the end", instead("iloc", be(4, 0, 2, 0x8800, 2, 1, 2, 1, 2, 0, 2, 1, 8, 8, 8, math.MaxUint64)), transform.ErrTruncated, "in the middle"},
		{"place past idat", instead("iloc", be(4, 1<<24, 2, 0x4400, 2, 1, 2, 1, 2, 1, 2, 0, 2, 1, 4, 0, 4, 1)), transform.ErrTruncated, "in the middle"},
		{"short iref", instead("iref", be(4, 0), bmffBox("auxl", be(2, 1, 2, 2, 2, 1))), transform.ErrMalformed, "is cut off"},
		{"many refs", instead("iref", manyRefs), transform.ErrMalformed, "too many references"},
		{"many items", instead("iprp", bmffBox("ipco"), bmffBox("ipma", manyIDs)), transform.ErrMalformed, "too many items"},
		{"many properties", instead("iprp", bmffBox("ipco", manyProps...)), transform.ErrMalformed, "too many properties"},
		{"two lists of properties", instead("iprp", bmffBox("ipco", ispe(1, 1)), bmffBox("ipco")), transform.ErrMalformed, "twice"},
		{"many associations", instead("iprp", bmffBox("ipco", bmffBox("skip")), bmffBox("ipma", be(4, 0, 4, 300), manyGiven)), transform.ErrMalformed, "too many properties"},
		{"short ipma", instead("iprp", bmffBox("ipma", be(4, 0, 4, 1, 2, 1, 1, 3, 1, 0))), transform.ErrMalformed, "is cut off"},
		{"short ispe", heifBuild{parts: []heifPart{av1Part(40, 30, bmffBox("pixi", be(4, 0, 1, 3)))}}.bytes(), transform.ErrMalformed, "is cut off"},
		{"two sizes", heifBuild{parts: []heifPart{av1Part(40, 30, ispe(41, 30))}}.bytes(), transform.ErrMalformed, "two sizes"},
		{"two configurations", heifBuild{parts: []heifPart{av1Part(40, 30, av1C(0))}}.bytes(), transform.ErrMalformed, "two AV1"},
	})
}

// What is declared decides about memory, and what is in the data is decoded.
func TestSniffRefusesAVIFsThatHideALargerPicture(t *testing.T) {
	sized := func(declared, real heifPart) heifPart {
		declared.data = real.data
		return declared
	}
	alpha := func(p heifPart) []heifPart {
		p.props = append(p.props, auxAlpha)
		p.refs = []testRef{{"auxl", []uint64{1}}}
		return []heifPart{av1Part(40, 30), p}
	}
	tile, huge := av1Part(32, 32), av1Part(4000, 32)
	grid := func(data []byte, tiles ...heifPart) []byte {
		g := gridPart(1, 2, 40, 30, 2, 3)
		if data != nil {
			g.data = data
		}
		return heifBuild{wide: true, parts: append([]heifPart{g}, tiles...)}.bytes()
	}
	file := func(parts ...heifPart) []byte { return heifBuild{wide: true, parts: parts}.bytes() }
	inConfig := av1Part(40, 30)
	inConfig.props[1] = av1C(0, av1Data(av1Still(4000, 30, 8, false))...)
	second := av1Part(40, 30)
	second.data = append(av1Data(av1Still(40, 30, 8, false))[:2], av1Data(av1Still(40, 31, 8, false))...)
	extraTiles := gridPart(1, 2, 40, 30, 2, 3, 2)
	inner := gridPart(1, 1, 40, 30, 3)
	notAV1 := tile
	notAV1.kind = "jpeg"
	headless := av1Part(40, 30)
	headless.data = []byte{6 << 3, 1, 2}
	breaks := av1Part(40, 30)
	breaks.data = []byte{6<<3 | 2, 100, 1}
	noSpan := gridPart(1, 2, 40, 30, 2, 3)
	wantRefusals(t, []refusal{
		{"wider data", file(sized(av1Part(40, 30), av1Part(41, 30))), transform.ErrMalformed, "larger than declared"},
		{"higher data", file(sized(av1Part(40, 30), av1Part(40, 31))), transform.ErrMalformed, "larger than declared"},
		{"in the configuration", file(inConfig), transform.ErrMalformed, "larger than declared"},
		{"in a second header", file(second), transform.ErrMalformed, "larger than declared"},
		{"no header", file(headless), transform.ErrMalformed, "without a header"},
		{"data breaks off", file(breaks), transform.ErrMalformed, "is cut off"},
		{"alpha", file(alpha(av1Part(40, 3000))...), transform.ErrMalformed, "larger than the image"},
		{"alpha without a size", file(alpha(heifPart{kind: "av01", props: [][]byte{}})...), transform.ErrMalformed, "larger than the image"},
		{"alpha data", file(alpha(sized(av1Part(40, 30), av1Part(40, 3000)))...), transform.ErrMalformed, "larger than declared"},
		{"tile", grid(nil, tile, huge), transform.ErrMalformed, "does not match"},
		{"tiles that leave a gap", grid(be(4, 1, 2, 70, 2, 30), tile, tile), transform.ErrMalformed, "does not match"},
		{"tile data", grid(nil, tile, sized(tile, huge)), transform.ErrMalformed, "larger than declared"},
		{"tile of another kind", grid(nil, tile, notAV1), transform.ErrUnsupported, "not AV1"},
		{"grid of another size", grid([]byte{0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF}, tile, tile), transform.ErrMalformed, "does not match"},
		{"grid of more tiles", grid([]byte{0, 0, 0, 2, 0, 40, 0, 30}, tile, tile), transform.ErrMalformed, "does not match"},
		{"grid breaks off", grid([]byte{0, 0, 0, 1, 0, 40}, tile, tile), transform.ErrMalformed, "does not match"},
		{"more tiles than the grid", file(extraTiles, tile, tile), transform.ErrMalformed, "does not match"},
		{"grid in a grid", file(gridPart(1, 1, 40, 30, 2), inner, tile), transform.ErrUnsupported, "not AV1"},
		{"grid in itself", file(gridPart(1, 1, 40, 30, 1)), transform.ErrUnsupported, "not AV1"},
		{"grid without a layout", heifBuild{parts: []heifPart{noSpan, tile, tile}, instead: map[string][]byte{"iloc": nil}}.bytes(), transform.ErrMalformed, "does not match its size"},
	})
}

// A thumbnail that does not hold what it says is none: it is not decoded, and
// the image itself is whole.
func TestSniffTakesNoThumbnailThatIsBroken(t *testing.T) {
	part := func(change func(*heifPart)) heifPart {
		p := av1Part(10, 8)
		change(&p)
		p.refs = append(p.refs, testRef{"thmb", []uint64{1}})
		return p
	}
	tile := av1Part(32, 32)
	hugeTile := tile
	hugeTile.data = av1Part(4000, 32).data
	grid := part(func(p *heifPart) { *p = gridPart(1, 2, 40, 30, 3, 4) })
	for name, tc := range map[string]struct {
		parts []heifPart
		want  int // its width
	}{
		"whole":                    {[]heifPart{part(func(*heifPart) {})}, 10},
		"whole grid":               {[]heifPart{grid, tile, tile}, 40},
		"larger than the image":    {[]heifPart{part(func(p *heifPart) { *p = av1Part(40, 3000) })}, 0},
		"larger data":              {[]heifPart{part(func(p *heifPart) { p.data = av1Part(4000, 8).data })}, 0},
		"larger in configuration":  {[]heifPart{part(func(p *heifPart) { p.props[1] = av1C(0, av1Data(av1Still(4000, 8, 8, false))...) })}, 0},
		"configuration breaks off": {[]heifPart{part(func(p *heifPart) { p.props[1] = bmffBox("av1C", []byte{0x81}) })}, 0},
		"OBU there breaks off":     {[]heifPart{part(func(p *heifPart) { p.props[1] = av1C(0, 1<<3|2, 100) })}, 0},
		"two configurations":       {[]heifPart{part(func(p *heifPart) { p.props = append(p.props, av1C(0)) })}, 0},
		"no header":                {[]heifPart{part(func(p *heifPart) { p.data = []byte{6 << 3, 1, 2} })}, 0},
		"not AV1":                  {[]heifPart{part(func(p *heifPart) { p.kind = "jpeg" })}, 0},
		"grid of a larger tile":    {[]heifPart{grid, tile, hugeTile}, 0},
		"grid without a tile":      {[]heifPart{grid, tile}, 0},
	} {
		got, err := Sniff(heifBuild{wide: true, parts: append([]heifPart{av1Part(40, 30)}, tc.parts...)}.bytes())
		if err != nil || got.Width != 40 || got.Height != 30 || got.ThumbWidth != tc.want ||
			(got.ThumbHeight == 0) != (tc.want == 0) {
			t.Errorf("%s: %+v, %v, want a thumbnail %d wide", name, got, err, tc.want)
		}
	}
	// A tile that the image itself has too counts as the image's.
	shared := heifBuild{wide: true, parts: []heifPart{gridPart(1, 2, 40, 30, 3, 4), grid, tile, hugeTile}}.bytes()
	wantRefusals(t, []refusal{{"shared tile", shared, transform.ErrMalformed, "larger than declared"}})
}

// Items that all are the whole file would make the work quadratic.
func TestSniffReadsTheBytesOfAnAVIFAFewTimesAtMost(t *testing.T) {
	first := av1Part(40, 30)
	const lastUnit = 3
	head := first.data[:len(first.data)-lastUnit]
	first.data = append(slices.Clip(head), bytes.Repeat([]byte{15<<3 | 2, 0}, 1<<19)...)
	alpha := av1Part(40, 30, auxAlpha)
	alpha.data, alpha.refs = nil, []testRef{{"auxl", []uint64{1}}}
	build := heifBuild{parts: []heifPart{first, alpha, alpha, alpha, alpha, alpha}}
	at := uint64(bytes.Index(build.bytes(), first.data))
	places := be(4, 0, 2, 0x4400, 2, 6)
	for id := range uint64(6) {
		places = append(places, be(2, id+1, 2, 0, 2, 1, 4, at, 4, uint64(len(first.data)))...)
	}
	build.instead = map[string][]byte{"iloc": bmffBox("iloc", places)}
	if b := build.bytes(); uint64(bytes.Index(b, first.data)) != at {
		t.Fatal("the data moved")
	}
	wantRefusals(t, []refusal{{"shared bytes", build.bytes(), transform.ErrMalformed, "same bytes"}})
	build.parts, build.instead = build.parts[:2], nil
	build.parts[1].data = first.data
	if got, err := Sniff(build.bytes()); err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSniffFollowsAnAVIFItemInPieces(t *testing.T) {
	data := av1Data(av1Still(40, 30, 8, false))
	n := uint64(len(data))
	const lastUnit = 3
	file := func(at, first, second uint64) []byte {
		pieces := be(4, 0, 2, 0x4400, 2, 1, 2, 1, 2, 0, 2, 2, 4, at, 4, first, 4, at+first, 4, second)
		return heifBuild{parts: []heifPart{av1Part(40, 30)},
			instead: map[string][]byte{"iloc": bmffBox("iloc", pieces)}}.bytes()
	}
	at := uint64(bytes.Index(file(0, 0, 0), data))
	for _, length := range []uint64{lastUnit, 0} { // 0 is "to the end"
		if got, err := Sniff(file(at, n-lastUnit, length)); err != nil || got.Width != 40 {
			t.Errorf("second piece of %d: %+v, %v", length, got, err)
		}
	}
	wantRefusals(t, []refusal{
		{"second piece cut", file(at, n-lastUnit, lastUnit+1), transform.ErrTruncated, "in the middle"},
	})
}

// Where the seams of an item lie makes no difference: OBUs, their headers and
// the layout of a grid may go across.
func TestSniffReadsAnAVIFItemAcrossItsSeams(t *testing.T) {
	alpha := av1Part(40, 30, auxAlpha)
	alpha.refs = []testRef{{"auxl", []uint64{1}}}
	tile := av1Part(32, 32)
	large := tile
	large.data = av1Part(4000, 32).data
	for name, tc := range map[string]struct {
		parts []heifPart
		says  string
	}{
		"item":          {[]heifPart{av1Part(40, 30)}, ""},
		"item in meta":  {[]heifPart{withData(av1Part(40, 30), true)}, ""},
		"alpha":         {[]heifPart{av1Part(40, 30), alpha}, ""},
		"grid":          {[]heifPart{gridPart(1, 2, 40, 30, 2, 3), tile, tile}, ""},
		"grid in file":  {[]heifPart{withData(gridPart(1, 2, 40, 30, 2, 3), false), withData(tile, true), tile}, ""},
		"tile too wide": {[]heifPart{gridPart(1, 2, 40, 30, 2, 3), tile, large}, "larger than declared"},
	} {
		whole, _ := Sniff(heifBuild{wide: true, parts: tc.parts}.bytes())
		for piece := 1; piece < 40; piece++ {
			for i := range tc.parts {
				tc.parts[i].piece = piece
			}
			b := heifBuild{wide: true, parts: tc.parts}.bytes()
			if tc.says != "" {
				wantRefusals(t, []refusal{{name, b, transform.ErrMalformed, tc.says}})
				continue
			}
			if got, err := Sniff(b); err != nil || got != whole {
				t.Errorf("%s in pieces of %d: %+v, %v\nwant %+v", name, piece, got, err, whole)
			}
		}
	}
}

func TestSniffReadsAVIFBoxesOfEveryLength(t *testing.T) {
	b := heifBuild{parts: []heifPart{av1Part(40, 30)}}.bytes()
	data := bytes.Index(b, []byte("mdat")) - 4
	toEnd := slices.Clone(b)
	copy(toEnd[data:], be(4, 0))
	large := append(slices.Clip(b), be(4, 1, 4, 0x66726565, 8, 16)...) // an empty "free"
	for name, b := range map[string][]byte{"to the end": toEnd, "of 64 bits": large} {
		if got, err := Sniff(b); err != nil || got.Width != 40 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for n := range toEnd {
		if got, err := Sniff(toEnd[:n]); !isRefusal(err) {
			t.Errorf("cut to %d of %d bytes: %+v, %v", n, len(toEnd), got, err)
		}
	}
	tooLarge := append(slices.Clip(b), be(4, 1, 4, 0x66726565, 8, 15)...)
	wantRefusals(t, []refusal{{"64 bits that say 15", tooLarge, transform.ErrMalformed, "impossible length"}})
}

func TestSniffTakesEveryBrandOfAVIF(t *testing.T) {
	whole := heifBuild{parts: []heifPart{av1Part(40, 30)}}.bytes()
	rest := whole[binary.BigEndian.Uint32(whole):]
	for brands, want := range map[string]bool{
		"avif\x00\x00\x00\x00":         true,
		"mif1\x00\x00\x00\x00avifmiaf": true,
		"avis\x00\x00\x00\x00avifmsf1": true,
		"avis\x00\x00\x00\x00msf1mif1": true,
		"mp42\x00\x00\x00\x00isomavif": true,
		"iso8\x00\x00\x00\x00mif1avis": true,
		"iso8\x00\x00\x00\x00avis":     false,
		"avis\x00\x00\x00\x00msf1":     false,
		"mif1\x00\x00\x00\x00miaf":     false,
		"heic\x00\x00\x00\x00mif1":     false,
		"mif1avif":                     false,
		"mif1\x00\x00\x00\x00miafavi":  false,
	} {
		// Places in the file move with the brands, so a good file may count as cut.
		_, err := Sniff(append(bmffBox("ftyp", []byte(brands)), rest...))
		if taken := !errors.Is(err, transform.ErrUnsupported); taken != want {
			t.Errorf("%q: %v, want it taken for an AVIF: %v", brands, err, want)
		}
	}
}
