package container

import (
	"encoding/binary"
	"slices"
)

// The tags of a TIFF that its sniffer or its decoder reads (TIFF 6.0 and its supplements).
const (
	tiffSubfileType     = 254
	tiffWidth           = 256
	tiffHeight          = 257
	tiffBits            = 258
	tiffCompression     = 259
	tiffPhotometric     = 262
	tiffFillOrder       = 266
	tiffStripOffsets    = 273
	tiffSamples         = 277
	tiffRowsPerStrip    = 278
	tiffStripCounts     = 279
	tiffPlanes          = 284
	tiffT4Options       = 292
	tiffT6Options       = 293
	tiffPredictor       = 317
	tiffPalette         = 320
	tiffTileWidth       = 322
	tiffTileHeight      = 323
	tiffTileOffsets     = 324
	tiffTileCounts      = 325
	tiffSubDirectories  = 330
	tiffInkSet          = 332
	tiffExtraSamples    = 338
	tiffSampleFormat    = 339
	tiffJPEGTables      = 347
	tiffYCbCrFactors    = 529
	tiffYCbCrSampling   = 530
	tiffYCbCrPosition   = 531
	tiffReferenceBlacks = 532
	tiffXMP             = 700
	tiffIPTC            = 33723
	tiffPhotoshop       = 34377
	tiffICC             = 34675
	tiffDNGVersion      = 50706
)

// tiffPixelTags are those that a decoder needs for pixels.
var tiffPixelTags = []uint16{
	tiffWidth, tiffHeight, tiffBits, tiffCompression, tiffPhotometric, tiffFillOrder, tiffStripOffsets,
	exifTagOrientation, tiffSamples, tiffRowsPerStrip, tiffStripCounts, tiffPlanes, tiffT4Options, tiffT6Options,
	tiffPredictor, tiffPalette, tiffTileWidth, tiffTileHeight, tiffTileOffsets, tiffTileCounts, tiffInkSet,
	tiffExtraSamples, tiffSampleFormat, tiffJPEGTables, tiffYCbCrFactors, tiffYCbCrSampling, tiffYCbCrPosition,
	tiffReferenceBlacks,
}

// tiffOtherTags are the others that are read: metadata, and what tells a camera's raw file.
var tiffOtherTags = []uint16{
	tiffSubfileType, tiffSubDirectories, tiffXMP, tiffIPTC, tiffPhotoshop, tiffICC, tiffDNGVersion,
}

// tiffKinds are the sizes of values by their type (TIFF 6.0 section 2, BigTIFF).
var tiffKinds = [19]uint64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8}

// tiffFile is a TIFF, classic or big.
type tiffFile struct {
	b     []byte
	order binary.ByteOrder
	big   bool
	// work is how many parts of images may still be looked at. Directories may share
	// their lists of parts, and each would be read anew.
	work int
}

// openTIFF reads the header, and gives the place of the first directory.
func openTIFF(b []byte) (f *tiffFile, first uint64, err error) {
	const slack = 4096
	f = &tiffFile{b: b, order: binary.LittleEndian, work: len(b) + slack}
	if hasMagic(b, 0, "MM") {
		f.order = binary.BigEndian
	}
	if len(b) < 16 {
		return f, 0, cutShort("the TIFF ends in its header")
	}
	if f.order.Uint16(b[2:]) == 42 {
		return f, uint64(f.order.Uint32(b[4:])), nil
	}
	f.big = true
	if f.order.Uint16(b[4:]) != 8 {
		return f, 0, malformedError("the TIFF has places of an unknown size")
	}
	return f, f.order.Uint64(b[8:]), nil
}

// sizes are those of an entry of a directory, of the number of its entries, and of a place.
func (f *tiffFile) sizes() (entry, number, place uint64) {
	if f.big {
		return 20, 8, 8
	}
	return 12, 2, 4
}

// number reads a number of 2, 4 or 8 bytes.
func (f *tiffFile) number(b []byte) uint64 {
	switch len(b) {
	case 8:
		return f.order.Uint64(b)
	case 4:
		return uint64(f.order.Uint32(b))
	}
	return uint64(f.order.Uint16(b))
}

// putNumber writes a number into 2, 4 or 8 bytes.
func (f *tiffFile) putNumber(to []byte, n int) {
	switch len(to) {
	case 8:
		f.order.PutUint64(to, uint64(n))
	case 4:
		f.order.PutUint32(to, uint32(n))
	default:
		f.order.PutUint16(to, uint16(n))
	}
}

// slice is a part of the file; ok is false where the file ends before it does.
func (f *tiffFile) slice(at, size uint64) (b []byte, ok bool) {
	if n := uint64(len(f.b)); at > n || size > n-at {
		return nil, false
	}
	return f.b[at : at+size], true
}

// tiffField is one entry of a directory. values are nil where they are not in the file.
type tiffField struct {
	tag, kind uint16
	count     uint64
	entry     []byte
	values    []byte
}

// tiffDirectory is the entries of one page that are read.
type tiffDirectory struct {
	*tiffFile
	fields []tiffField
	// next is the place of the next directory, 0 behind the last.
	next uint64
	// whole says that its entries are in the file, and plain that all of them are read.
	whole, plain bool
}

// directory reads the one at a place.
func (f *tiffFile) directory(at uint64) (d *tiffDirectory, err error) {
	entrySize, numberSize, placeSize := f.sizes()
	d = &tiffDirectory{tiffFile: f}
	number, ok := f.slice(at, numberSize)
	if !ok {
		return d, cutShort("the TIFF ends before its directory")
	}
	n := f.number(number)
	if n > 1<<16 {
		return d, malformedError("the TIFF has an impossible directory")
	}
	f.work -= int(n)
	end := at + numberSize + n*entrySize
	entries := f.b[at+numberSize : min(end, uint64(len(f.b)))]
	for ; uint64(len(entries)) >= entrySize; entries = entries[entrySize:] {
		d.addField(entries[:entrySize:entrySize])
	}
	next, ok := f.slice(end, placeSize)
	if !ok {
		return d, cutShort("the TIFF ends in its directory")
	}
	d.whole, d.plain = true, uint64(len(d.fields)) == n
	d.next = f.number(next)
	return d, nil
}

// addField keeps the first entry of each tag that is read.
func (d *tiffDirectory) addField(entry []byte) {
	field := tiffField{tag: d.order.Uint16(entry), kind: d.order.Uint16(entry[2:]), entry: entry}
	known := slices.Contains(tiffPixelTags, field.tag) || slices.Contains(tiffOtherTags, field.tag)
	if !known || int(field.kind) >= len(tiffKinds) || tiffKinds[field.kind] == 0 || d.has(field.tag) {
		return
	}
	value := entry[8:]
	if d.big {
		value = entry[12:]
	}
	field.count = d.number(entry[4 : len(entry)-len(value)])
	size := tiffKinds[field.kind]
	switch {
	case field.count <= uint64(len(value))/size:
		field.values = value[:field.count*size]
	case field.count <= uint64(len(d.b))/size:
		field.values, _ = d.slice(d.number(value), field.count*size)
	}
	d.fields = append(d.fields, field)
}

func (d *tiffDirectory) has(tag uint16) bool { return d.field(tag).tag != 0 }

// field is the zero value where there is none.
func (d *tiffDirectory) field(tag uint16) tiffField {
	for _, f := range d.fields {
		if f.tag == tag {
			return f
		}
	}
	return tiffField{}
}

// valueAt is the i-th of whole numbers; 0 where it is none.
func (d *tiffDirectory) valueAt(f tiffField, i uint64) uint64 {
	size := uint64(0)
	switch f.kind {
	case 1:
		if i < uint64(len(f.values)) {
			return uint64(f.values[i])
		}
		return 0
	case 3, 4, 13, 16, 18: // SHORT, LONG, IFD, LONG8, IFD8
		size = tiffKinds[f.kind]
	}
	if size == 0 || i >= uint64(len(f.values))/size {
		return 0
	}
	return d.number(f.values[i*size : (i+1)*size])
}

// first is the first value of a tag, or what counts without one.
func (d *tiffDirectory) first(tag uint16, without uint64) uint64 {
	f := d.field(tag)
	if f.count == 0 {
		return without
	}
	return d.valueAt(f, 0)
}

// all says whether each value of a tag is one of these.
func (d *tiffDirectory) all(tag uint16, allowed ...uint64) bool {
	const most = 64
	f := d.field(tag)
	for i := range min(f.count, most) {
		if !slices.Contains(allowed, d.valueAt(f, i)) {
			return false
		}
	}
	return f.count <= most
}
