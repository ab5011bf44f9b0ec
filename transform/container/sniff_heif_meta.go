package container

import (
	"bytes"
	"slices"
)

func (i *heifItem) size() (n uint64) {
	for _, s := range i.spans {
		n += min(s.size, 1<<40) // no sum of so many passes an uint64
	}
	return n
}

type heifRef struct {
	kind     []byte
	from, to uint32
}

type heifProperty struct{ kind, body []byte }

// itemByID finds or makes one: the tables may come in any order.
func (a *heif) itemByID(id uint32) (*heifItem, error) {
	if it := a.byID[id]; it != nil {
		return it, nil
	}
	if len(a.items) == heifMaxItems {
		return nil, malformedError("the AVIF has too many items")
	}
	it := &heifItem{}
	a.items = append(a.items, it)
	a.byID[id] = it
	return it, nil
}

// readMeta reads the tables. Each may be there once: of two, a decoder might
// believe the other one.
func (a *heif) readMeta(meta []byte) error {
	f := bmffFields{b: meta}
	f.versionAndFlags()
	readers := map[string]func([]byte) error{
		"pitm": a.readPrimary, "iinf": a.readItems, "iloc": a.readPlaces,
		"iref": a.readRefs, "iprp": a.readProperties, "idat": a.readData,
	}
	return eachBox(f.b, func(kind, body []byte) error {
		read, ok := readers[string(kind)]
		if !ok {
			return nil
		}
		if read == nil {
			return malformedError("the AVIF describes the image twice")
		}
		readers[string(kind)] = nil
		return read(body)
	})
}

func (a *heif) readData(b []byte) error {
	a.idat = b
	return nil
}

func tooShort(f *bmffFields) error {
	if f.short {
		return malformedError("the AVIF has a table that is cut off")
	}
	return nil
}

// readPrimary reads pitm (ISO/IEC 14496-12 §8.11.4).
func (a *heif) readPrimary(b []byte) error {
	f := bmffFields{b: b}
	version, _ := f.versionAndFlags()
	a.primary = f.id(version > 0)
	return tooShort(&f)
}

// readItems reads iinf and its infe boxes (ISO/IEC 14496-12 §8.11.6).
func (a *heif) readItems(b []byte) error {
	f := bmffFields{b: b}
	if version, _ := f.versionAndFlags(); version == 0 {
		f.uint(2)
	} else {
		f.uint(4)
	}
	if f.short {
		return tooShort(&f)
	}
	return eachBox(f.b, func(kind, body []byte) error {
		e := bmffFields{b: body}
		version, _ := e.versionAndFlags()
		if string(kind) != "infe" || version < 2 {
			return nil // the old versions name no type
		}
		id := e.id(version > 2)
		e.uint(2) // protection
		if len(e.b) < 4 {
			e.short = true
		}
		if e.short {
			return tooShort(&e)
		}
		it, err := a.itemByID(id)
		if err != nil {
			return err
		}
		if it.kind != "" {
			return malformedError("the AVIF has two items with the same ID")
		}
		it.kind, it.kindAt = string(e.b[:4]), a.offsetOf(e.b)
		_, more, _ := bytes.Cut(e.b[4:], []byte{0}) // the name
		it.isXMP = it.kind == "mime" && slices.Contains(xmpTypes, string(more))
		return nil
	})
}

// xmpTypes are the type of XMP, and behind it no coding.
var xmpTypes = []string{"application/rdf+xml", "application/rdf+xml\x00", "application/rdf+xml\x00\x00"}

// offsetOf is where b, a part of the file, starts.
func (a *heif) offsetOf(b []byte) int { return cap(a.file) - cap(b) }

// readPlaces reads iloc (ISO/IEC 14496-12 §8.11.3).
func (a *heif) readPlaces(b []byte) error {
	f := bmffFields{b: b}
	version, _ := f.versionAndFlags()
	sizes := int(f.uint(2))
	p := placeSizes{offset: sizes >> 12, length: sizes >> 8 & 15, base: sizes >> 4 & 15}
	if version > 0 {
		p.index = sizes & 15
	}
	if version > 2 || p.offset > 8 || p.length > 8 || p.base > 8 || p.index > 8 {
		return malformedError("the AVIF has an item location table of an unknown form")
	}
	a.lengthSize = p.length
	count := uint64(f.id(version > 1))
	for ; count > 0 && !f.short; count-- {
		it, err := a.itemByID(f.id(version > 1))
		if err != nil {
			return err
		}
		if it.placed {
			return malformedError("the AVIF has two locations for one item")
		}
		it.placed = true
		if err := a.readPlace(&f, version, p, it); err != nil {
			return err
		}
	}
	return tooShort(&f)
}

// placeSizes are the widths of the fields of iloc, in bytes.
type placeSizes struct{ offset, length, base, index int }

func (a *heif) readPlace(f *bmffFields, version byte, p placeSizes, it *heifItem) error {
	method := uint64(0)
	if version > 0 {
		method = f.uint(2) & 15
	}
	if method > 1 {
		return notRead("AVIFs with items inside other items are not supported")
	}
	it.inMeta = method == 1
	f.uint(2) // data reference
	base := f.uint(p.base)
	for count := f.uint(2); count > 0 && !f.short; count-- {
		f.uint(p.index)
		s := span{off: f.uint(p.offset)}.shiftedBy(base)
		it.sizesAt = append(it.sizesAt, a.offsetOf(f.b))
		s.size = f.uint(p.length)
		if s.size == 0 && s.off < uint64(len(a.file)) && !it.inMeta {
			s.size = uint64(len(a.file)) - s.off // no length means the rest
		}
		if a.spans++; a.spans > heifMaxSpans {
			return malformedError("the AVIF has items in too many pieces")
		}
		it.spans = append(it.spans, s)
	}
	return nil
}

// readRefs reads iref (ISO/IEC 14496-12 §8.11.12).
func (a *heif) readRefs(b []byte) error {
	f := bmffFields{b: b}
	version, _ := f.versionAndFlags()
	wide := version > 0
	return eachBox(f.b, func(kind, body []byte) error {
		r := bmffFields{b: body}
		from := r.id(wide)
		for count := r.uint(2); count > 0 && !r.short; count-- {
			if len(a.refs) == heifMaxRefs {
				return malformedError("the AVIF has too many references")
			}
			a.refs = append(a.refs, heifRef{kind: kind, from: from, to: r.id(wide)})
		}
		return tooShort(&r)
	})
}

// readProperties reads iprp: the properties in ipco, and which item has which
// in ipma (ISO/IEC 23008-12 §9.3). ipma may be there more than once.
func (a *heif) readProperties(b []byte) error {
	return eachBox(b, func(kind, body []byte) error {
		switch string(kind) {
		case "ipco":
			if a.properties != nil {
				return malformedError("the AVIF lists its properties twice")
			}
			return eachBox(body, func(kind, body []byte) error {
				if len(a.properties) == heifMaxProperties {
					return malformedError("the AVIF has too many properties")
				}
				a.properties = append(a.properties, heifProperty{kind: kind, body: body})
				if string(kind) == "colr" && isProfile(body) {
					a.profileBytes += uint64(len(body))
					a.profiles = append(a.profiles, body[4:])
				}
				return nil
			})
		case "ipma":
			return a.readAssociations(body)
		}
		return nil
	})
}

// isProfile tells a colr box with a profile, not code points.
func isProfile(colr []byte) bool { return hasMagic(colr, 0, "prof") || hasMagic(colr, 0, "rICC") }

func (a *heif) readAssociations(b []byte) error {
	f := bmffFields{b: b}
	version, flags := f.versionAndFlags()
	size, mask := 1, uint64(1<<7-1)
	if flags&1 != 0 {
		size, mask = 2, 1<<15-1
	}
	for count := f.uint(4); count > 0 && !f.short; count-- {
		it, err := a.itemByID(f.id(version > 0))
		if err != nil {
			return err
		}
		for n := f.uint(1); n > 0 && !f.short; n-- {
			index := int(f.uint(size) & mask)
			if index == 0 || index > len(a.properties) {
				continue // 0 means none
			}
			if a.given++; a.given > heifMaxGiven {
				return malformedError("the AVIF has too many properties")
			}
			if err := it.setProperty(a.properties[index-1]); err != nil {
				return err
			}
		}
	}
	return tooShort(&f)
}

// setProperty gives the item a property.
func (i *heifItem) setProperty(p heifProperty) error {
	f := bmffFields{b: p.body}
	switch string(p.kind) {
	case "ispe":
		if i.width != 0 || i.height != 0 {
			return malformedError("the AVIF has an item with two sizes")
		}
		f.versionAndFlags()
		i.width, i.height = f.uint(4), f.uint(4)
	case "pixi":
		f.versionAndFlags()
		i.channels = int(f.uint(1))
		for range i.channels {
			i.channelBits = max(i.channelBits, int(f.uint(1)))
		}
	case "av1C":
		i.takeConfig(&f)
		return nil
	case "hvcC":
		i.takeHEVCConfig(&f)
		return nil
	case "irot":
		i.turns += int(f.uint(1) & 3)
	case "auxC":
		f.versionAndFlags()
		i.alpha = hasMagic(f.b, 0, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00") ||
			hasMagic(f.b, 0, "urn:mpeg:hevc:2015:auxid:1\x00")
	case "colr":
		i.code.readColr(p.body)
		if isProfile(p.body) && i.profile == nil {
			i.profile = p.body[4:]
		}
	case "clli":
		i.code.readLight(&f)
	case "clap":
		return i.takeCrop(&f)
	case "lsel": // ISO/IEC 23008-12 §6.5.11
		const all = 0xFFFF
		i.layered = f.uint(2) != all
	}
	return tooShort(&f)
}

// takeConfig reads av1C (AV1-ISOBMFF §2.3.3): marker and version, profile and
// level, flags.
func (i *heifItem) takeConfig(f *bmffFields) {
	const high, twelve, mono = 1 << 6, 1 << 5, 1 << 4
	if i.hasConfig {
		i.badConfig = malformedError("the AVIF has an item with two AV1 configurations")
		return
	}
	f.uint(2)
	flags := f.uint(1)
	f.uint(1)
	i.hasConfig, i.config = true, f.b
	i.mono = flags&mono != 0
	switch {
	case flags&high != 0 && flags&twelve != 0:
		i.bits = 12
	case flags&high != 0:
		i.bits = 10
	}
	i.badConfig = tooShort(f)
}
