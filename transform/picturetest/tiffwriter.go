package picturetest

import (
	"encoding/binary"
	"slices"
)

type tiffWriter struct {
	b     []byte
	order binary.AppendByteOrder
}

// writePage writes parts and directory, puts the directory's place into link, and gives
// the place of the next link.
func (w *tiffWriter) writePage(link int, fields []TIFFField, parts [][]byte, f TIFFForm) int {
	places, sizes := 273, 279
	if f.Tile > 0 {
		places, sizes = 324, 325
	}
	var at, size []uint64
	for _, part := range parts {
		at, size = append(at, uint64(len(w.b))), append(size, uint64(len(part)))
		w.b = append(w.b, part...)
	}
	fields = append(fields, TIFFLong(places, at...), TIFFLong(sizes, size...))
	for _, field := range f.Fields {
		fields = slices.DeleteFunc(fields, func(old TIFFField) bool { return old.Tag == field.Tag })
		fields = append(fields, field)
	}
	slices.SortFunc(fields, func(a, b TIFFField) int { return int(a.Tag) - int(b.Tag) })
	dir := w.order.AppendUint16(nil, uint16(len(fields)))
	for _, field := range fields {
		dir = append(dir, w.entry(field)...)
	}
	w.putLong(link, len(w.b))
	next := len(w.b) + len(dir)
	w.b = append(append(w.b, dir...), 0, 0, 0, 0)
	return next
}

// entry writes values of more than four bytes before the directory.
func (w *tiffWriter) entry(field TIFFField) []byte {
	data, count := slices.Clone(field.Bytes), len(field.Bytes)
	for _, v := range field.Values {
		count = len(field.Values)
		if field.Kind == 3 {
			data = w.order.AppendUint16(data, uint16(v))
		} else {
			data = w.order.AppendUint32(data, uint32(v))
		}
	}
	entry := w.order.AppendUint16(nil, field.Tag)
	entry = w.order.AppendUint32(w.order.AppendUint16(entry, field.Kind), uint32(count))
	if len(data) <= 4 {
		return append(append(entry, data...), make([]byte, 4-len(data))...)
	}
	entry = w.order.AppendUint32(entry, uint32(len(w.b)))
	w.b = append(w.b, data...)
	return entry
}

func (w *tiffWriter) putLong(at, v int) { copy(w.b[at:], w.order.AppendUint32(nil, uint32(v))) }
