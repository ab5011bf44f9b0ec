package container

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// isHEIC looks at the brands of an ftyp box (ISO/IEC 23008-12 §10, annex B.4): those
// of HEVC, and of any HEIF. What is inside tells then.
func isHEIC(b []byte) bool {
	if hasBrand(b, "avis") {
		return false
	}
	for _, brand := range []string{"mif1", "msf1", "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"} {
		if hasBrand(b, brand) {
			return true
		}
	}
	return false
}

var heicNames = strings.NewReplacer("an AVIF", "a HEIC", "AVIF", "HEIC", "AV1", "HEVC")

// named is an error with the names of HEIC, if the file is one: those who read its
// tables say AVIF.
func (a *heif) named(err error) error {
	if err == nil || !a.hevc {
		return err
	}
	for _, is := range []error{transform.ErrTruncated, transform.ErrMalformed, transform.ErrUnsupported} {
		if errors.Is(err, is) {
			clause := strings.TrimPrefix(err.Error(), is.Error()+": ")
			return fmt.Errorf("%w: %s", is, heicNames.Replace(clause))
		}
	}
	return err
}

// chooseFormat tells by the primary image or its first tile whether the file is an
// AVIF or a HEIC. Some have the brands of both.
func (a *heif) chooseFormat(p *heifItem, info *transform.Info) error {
	coding := p.kind
	if tile := a.firstTile(); p.kind == "grid" && tile != nil {
		coding = tile.kind
	}
	if coding == "hvc1" {
		a.hevc, info.Format = true, transform.HEIC
	}
	switch {
	case coding == "hev1":
		// libheif knows no such item.
		return notRead("HEICs whose primary image is of type hev1 are not supported")
	case p.kind != "grid" && p.kind != "av01" && p.kind != "hvc1", coding == "av01" && a.hevc:
		return notRead("AVIFs whose primary image is not AV1 are not supported")
	}
	return nil
}

// firstTile is that of the primary image, or nil.
func (a *heif) firstTile() *heifItem {
	for _, r := range a.refs {
		if string(r.kind) == "dimg" && r.from == a.primary {
			return a.byID[r.to]
		}
	}
	return nil
}

// isGrey says whether the primary image declares no colour. Some writers of HEIC list
// one channel (pixi) of images that have three, so that there hvcC counts.
func (a *heif) isGrey(p *heifItem) bool {
	if !a.hevc {
		return p.channels == 1 || (p.channels == 0 && p.mono)
	}
	if tile := a.firstTile(); p.kind == "grid" && tile != nil {
		return tile.mono
	}
	return p.mono
}

// takeHEVCConfig reads hvcC (ISO/IEC 14496-15 §8.3.3.1) up to its arrays.
func (i *heifItem) takeHEVCConfig(f *bmffFields) {
	if i.hasConfig {
		i.badConfig = malformedError("the AVIF has an item with two HEVC configurations")
		return
	}
	f.uint(8) // version, profile
	f.uint(8) // level, segmentation, parallelism
	const chroma, depth, lengths = 3, 7, 3
	i.mono = f.uint(1)&chroma == 0
	i.bits = 8 + int(max(f.uint(1)&depth, f.uint(1)&depth))
	f.uint(2) // frame rate
	i.otherLengths = f.uint(1)&lengths != hevcLengthSize-1
	i.hasConfig, i.config = true, f.b
	i.badConfig = tooShort(f)
}

// verifyHEVC visits every sequence parameter set of an item. What is decoded must have
// the size that is declared: with more, the size that memory was admitted for would
// not count, and with less something would be missing.
func (a *heif) verifyHEVC(item *heifItem, info *transform.Info) error {
	switch {
	case item.badConfig != nil:
		return item.badConfig
	case item.otherLengths:
		return notRead("HEICs whose data has lengths of other than 4 bytes are not supported")
	}
	if err := a.countReads(uint64(len(item.config)) + item.size()); err != nil {
		return err
	}
	headers := 0
	visit := func(s hevcSequence) error {
		headers++
		return a.takeSequence(s, item, info)
	}
	if err := hevcConfigUnits(item.config, visit); err != nil {
		return err
	}
	pictures, err := hevcUnits(a.itemData(item), hevcLengthSize, visit)
	switch {
	case err != nil:
		return err
	case headers == 0:
		return malformedError("the AVIF has HEVC data without a header")
	case pictures == 0:
		return malformedError("the AVIF has HEVC data without a picture")
	case pictures > 1:
		// libheif would decode all, and show the last one.
		return malformedError("the AVIF has HEVC data of several pictures in one item")
	}
	return nil
}

// takeSequence holds a sequence parameter set against what its item declares.
func (a *heif) takeSequence(s hevcSequence, item *heifItem, info *transform.Info) error {
	switch {
	case s.width != item.width || s.height != item.height ||
		s.codedWidth > s.width+mostPadding || s.codedHeight > s.height+mostPadding:
		return malformedError("the AVIF has HEVC data of another size than declared")
	case s.bits > 12:
		return notRead("HEICs of more than 12 bits are not supported")
	}
	if item.role == roleThumbnail || item.role == roleThumbnailTile {
		return nil
	}
	info.Bits = max(info.Bits, heifBits(s.bits))
	info.FullChroma = info.FullChroma || s.full
	if item.role == rolePrimary || item.role == roleTile {
		if !a.coded.given {
			a.coded = s.code
		}
		a.narrow = a.narrow || s.narrow
		a.colour = a.colour || !s.mono
	}
	return nil
}

// hevcConfigUnits visits the NAL units in the arrays of hvcC.
func hevcConfigUnits(config []byte, visit func(hevcSequence) error) error {
	f := bmffFields{b: config}
	for arrays := f.uint(1); arrays > 0 && !f.short; arrays-- {
		f.uint(1) // type
		for units := f.uint(2); units > 0 && !f.short; units-- {
			size := int(f.uint(2))
			if size > len(f.b) {
				f.short = true
				break
			}
			if _, err := visitHEVCUnit(f.b[:size], visit); err != nil {
				return err
			}
			f.b = f.b[size:]
		}
	}
	return tooShort(&f)
}
