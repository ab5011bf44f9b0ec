package container

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// isAVIF looks at the brands of an ftyp box (AVIF 1.1 §6): "avif" for a still
// image, or "avis" of a sequence that holds a still image as well.
func isAVIF(b []byte) bool {
	return hasBrand(b, "avif") || hasBrand(b, "avis") && hasBrand(b, "mif1")
}

// hasBrand looks for a brand in an ftyp box, major or compatible.
func hasBrand(b []byte, name string) bool {
	const header, brand, maxBrands = 8, 4, 256
	if !hasMagic(b, 4, "ftyp") {
		return false
	}
	size := int64(binary.BigEndian.Uint32(b))
	end := min(size, int64(len(b)), header+brand*maxBrands)
	for at := header; int64(at+brand) <= end; at += brand {
		// Behind the first is the minor version.
		if at != header+brand && string(b[at:at+brand]) == name {
			return true
		}
	}
	return false
}

// sniffHEIF reads the tables of the meta box and checks that all they point at
// is there. A sequence counts as its still image: one frame.
func sniffHEIF(b []byte, info *transform.Info) error {
	a, meta, err := openHEIF(b)
	a.hevc = info.Format == transform.HEIC
	return a.named(a.sniffOpened(meta, err, info))
}

// sniffOpened goes on where openHEIF ended.
func (a *heif) sniffOpened(meta []byte, opened error, info *transform.Info) error {
	short := errors.Is(opened, transform.ErrTruncated)
	if opened != nil && !short {
		return opened
	}
	if meta == nil {
		return cutShort("the AVIF ends before the image is described")
	}
	if err := a.readMeta(meta); err != nil {
		return err
	}
	if err := a.fillInfo(info); err != nil {
		return err
	}
	if short || !a.allBytesPresent() {
		return cutShort("the AVIF ends in the middle of the image data")
	}
	return a.verifyDeclared(info)
}

// openHEIF finds the meta box of a file. Where the file is cut, that may be
// nil, or whole.
func openHEIF(b []byte) (a *heif, meta []byte, err error) {
	a = &heif{file: b, byID: map[uint32]*heifItem{}}
	var moving bool
	for rest := b; len(rest) > 0; {
		bx, next, ok := nextBox(rest)
		if !ok {
			return a, nil, malformedError("the AVIF has a box of an impossible length")
		}
		if !bx.whole {
			return a, meta, transform.ErrTruncated
		}
		switch string(bx.kind) {
		case "meta":
			if meta != nil {
				return a, nil, malformedError("the AVIF describes the image twice")
			}
			meta = bx.body
		case "moov":
			moving = true
		}
		rest = next
	}
	if meta == nil && moving {
		return a, nil, notRead("AVIF image sequences without a still image are not supported")
	}
	return a, meta, nil
}

// fillInfo fills info from the primary item and what belongs to it.
func (a *heif) fillInfo(info *transform.Info) error {
	p := a.byID[a.primary]
	if a.primary == 0 || p == nil {
		return malformedError("the AVIF does not name a primary image")
	}
	if err := a.chooseFormat(p, info); err != nil {
		return err
	}
	switch {
	case p.width == 0 || p.height == 0 || p.width > math.MaxInt32 || p.height > math.MaxInt32:
		return malformedError("the AVIF has no width or no height")
	case p.croppedDeep:
		return notRead("AVIFs that are cropped by the container (clap) are not supported")
	}
	a.assignRoles()
	width, height := p.shownSize()
	info.Width, info.Height = int(width), int(height)
	info.Profile = a.profileBytes > 0
	info.Bands = 3
	bits, ancillary := p.channelBits, a.profileBytes
	for _, item := range a.items {
		switch item.role {
		case rolePrimary, roleTile:
			bits = max(bits, item.bits)
		case roleAlpha:
			bits = max(bits, item.bits)
			info.Alpha = true
		case roleThumbnail:
			a.setThumbnail(item, info)
		}
		info.GainMap = info.GainMap || item.kind == "tmap" // ISO/IEC 23008-12 §6.6.2.4
		if item.kind == "Exif" || item.kind == "mime" || item.kind == "uri " {
			ancillary += item.size()
		}
	}
	// Items may share bytes, but no more than there are can be metadata.
	info.AncillaryBytes = int64(min(ancillary, uint64(len(a.file))))
	info.Bits = heifBits(bits)
	if a.isGrey(p) {
		info.Bands = 1
	}
	spaces := []string{"RGB ", "GRAY"} // grey is decoded to RGB, and may be either
	if info.Bands > 1 {
		spaces = spaces[:1]
	}
	for _, profile := range a.profiles {
		info.Normalized = info.Normalized || !profileFits(profile, spaces...)
	}
	if info.Alpha {
		info.Bands++
	}
	return nil
}

// declareColour takes the colour space: that of a colr box, or without one that of the
// coded data, as MIAF has it (ISO/IEC 23000-22 §7.3.6.4).
func (a *heif) declareColour(info *transform.Info) {
	code, narrow := a.byID[a.primary].code, a.narrow
	if code.given {
		narrow = code.narrow
	} else {
		peak := code.peak
		code = a.coded
		code.peak = peak
	}
	info.NarrowGrey = narrow && !info.Colour()
	info.Premultiplied = a.premultiplied && info.Alpha
	if !info.Profile {
		space, unread := code.space()
		declareSpace(info, space, unread)
	}
}

// setThumbnail takes the size of the first one, which is the one that is decoded.
func (a *heif) setThumbnail(item *heifItem, info *transform.Info) {
	if info.ThumbWidth > 0 || item.width > math.MaxInt32 || item.height > math.MaxInt32 {
		return
	}
	width, height := item.shownSize()
	info.ThumbWidth, info.ThumbHeight = int(width), int(height)
}

// heifBits rounds up to a depth that AV1 has.
func heifBits(bits int) int {
	switch {
	case bits <= 8:
		return 8
	case bits <= 10:
		return 10
	}
	return 12
}

// assignRoles gives roles to the items that decoding the primary one may decode
// too: alpha and thumbnail, and then the tiles of a grid.
func (a *heif) assignRoles() {
	a.byID[a.primary].role = rolePrimary
	for _, r := range a.refs {
		from := a.byID[r.from]
		if from == nil || from.role != roleNone || r.to != a.primary {
			continue
		}
		switch {
		case string(r.kind) == "auxl" && from.alpha:
			from.role = roleAlpha
		case string(r.kind) == "thmb":
			from.role = roleThumbnail
		}
	}
	for _, r := range a.refs {
		from, to := a.byID[r.from], a.byID[r.to]
		if string(r.kind) == "prem" && r.from == a.primary && to != nil && to.role == roleAlpha {
			a.premultiplied = true // ISO/IEC 23008-12 §6.4.5, from the image to its alpha
		}
		if string(r.kind) != "dimg" || from == nil || to == nil || from.kind != "grid" || from.role == roleNone {
			continue
		}
		from.countTile(to)
		switch {
		case from.role == roleThumbnail && to.role == roleNone:
			to.role = roleThumbnailTile
		case from.role != roleThumbnail && (to.role == roleNone || to.role == roleThumbnailTile):
			to.role = roleTile
		}
	}
}

// allBytesPresent says whether every byte that an item points at is there.
func (a *heif) allBytesPresent() bool {
	for _, item := range a.items {
		for _, s := range item.spans {
			if _, ok := s.bytesIn(a.holderOf(item)); !ok {
				return false
			}
		}
	}
	return true
}

// holderOf is what the spans of an item count in.
func (a *heif) holderOf(item *heifItem) []byte {
	if item.inMeta {
		return a.idat
	}
	return a.file
}

// itemData is what the spans of an item, one behind the other, make of bytes that
// are all there (ISO/IEC 14496-12 §8.11.3).
func (a *heif) itemData(item *heifItem) (p pieces) {
	for _, s := range item.spans {
		b, _ := s.bytesIn(a.holderOf(item))
		p.add(b)
	}
	return p
}

// verifyDeclared holds what is declared against what will be decoded. The declared
// size decides whether there is memory for the image, so AV1 data that is
// larger than its item says, a grid that makes another size, or a tile or
// alpha far larger than the image are refused: libheif decodes them first. A
// thumbnail is decoded only if it is asked for, and one that does not hold is
// none.
func (a *heif) verifyDeclared(info *transform.Info) error {
	for _, item := range a.items {
		if item.role == roleNone {
			if err := a.countReads(item.size()); err != nil {
				return err
			}
			continue
		}
		err := a.verifyItem(item, info)
		if err != nil && (item.role == roleThumbnail || item.role == roleThumbnailTile) {
			info.ThumbWidth, info.ThumbHeight = 0, 0 // then it is not decoded
			err = nil
		}
		if err != nil {
			return err
		}
	}
	if a.hevc && a.colour && !info.Colour() {
		info.Bands += 2
	}
	a.declareColour(info)
	return nil
}

func (a *heif) verifyItem(item *heifItem, info *transform.Info) error {
	const small = 512 // a tile may be this large beside a smaller image
	p := a.byID[a.primary]
	maxWidth, maxHeight := max(p.width, small), max(p.height, small)
	switch {
	case item.width == 0 || item.height == 0 || item.width > maxWidth || item.height > maxHeight:
		return malformedError("the AVIF has a part without a size or larger than the image")
	case item.croppedDeep:
		return notRead("AVIFs that are cropped by the container (clap) are not supported")
	case item.role == roleAlpha && !item.sameSize(p):
		return notRead("AVIFs whose alpha has another size are not supported")
	case item.layered:
		// libheif shows another one.
		return notRead("AVIFs of which one layer is selected (lsel) are not supported")
	case a.hevc && item.kind == "hvc1":
		return a.verifyHEVC(item, info)
	case !a.hevc && item.kind == "av01":
		return a.verifyAV1(item, info)
	case item.kind == "grid" && !item.isTile:
		return a.verifyGrid(item)
	}
	return notRead("AVIFs whose parts are not AV1 are not supported")
}

// countReads counts what is read. Items may share bytes, and libheif reads those of
// every item that is no image, so that what is read in all is bounded: more
// than a few times the file is malice.
func (a *heif) countReads(bytes uint64) error {
	const slack = 1 << 20
	a.read += bytes
	if a.read > 4*uint64(len(a.file))+slack {
		return malformedError("the AVIF has too many items that share the same bytes")
	}
	return nil
}

// verifyAV1 visits every sequence header of an item.
func (a *heif) verifyAV1(item *heifItem, info *transform.Info) error {
	if item.badConfig != nil {
		return item.badConfig
	}
	if err := a.countReads(uint64(len(item.config)) + item.size()); err != nil {
		return err
	}
	headers := 0
	visit := func(s av1Sequence) error {
		headers++
		if s.width > item.width || s.height > item.height {
			return malformedError("the AVIF has AV1 data larger than declared")
		}
		if item.role != roleThumbnail && item.role != roleThumbnailTile {
			info.Bits = max(info.Bits, s.bits)
			info.FullChroma = info.FullChroma || s.full
		}
		if item.role == rolePrimary || item.role == roleTile {
			if !a.coded.given {
				a.coded = s.code
			}
			a.narrow = a.narrow || s.narrow
		}
		return nil
	}
	var config pieces
	config.add(item.config)
	for _, data := range []pieces{config, a.itemData(item)} {
		if err := av1Sequences(data, visit); err != nil {
			return err
		}
	}
	if headers == 0 {
		return malformedError("the AVIF has AV1 data without a header")
	}
	return nil
}

// verifyGrid reads the item data of a grid (ISO/IEC 23008-12 §6.6.2.3).
func (a *heif) verifyGrid(item *heifItem) error {
	var space [4 + 2*4]byte
	data := a.itemData(item)
	f := bmffFields{b: data.peek(space[:])}
	f.uint(1) // version
	size := 2
	if f.uint(1)&1 != 0 {
		size = 4
	}
	rows, columns := f.uint(1)+1, f.uint(1)+1
	width, height := f.uint(size), f.uint(size)
	if f.short || width != item.width || height != item.height || rows*columns != item.tiles ||
		!item.isCovered(rows, columns) {
		return malformedError("the AVIF has a grid that does not match its size or tiles")
	}
	return nil
}
