package container

import (
	"encoding/binary"
	"testing"
)

type appendOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// exifEntry is a directory entry whose values are in the entry itself.
func exifEntry(order appendOrder, tag, typ uint16, count uint32, value [4]byte) []byte {
	b := order.AppendUint16(nil, tag)
	b = order.AppendUint16(b, typ)
	b = order.AppendUint32(b, count)
	return append(b, value[:]...)
}

// exifDirectory is a TIFF header and, at offset at, a directory that names
// itself as the next one.
func exifDirectory(order appendOrder, at int, entries ...[]byte) []byte {
	b := []byte("II*\x00")
	if order.String() == binary.BigEndian.String() {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, uint32(at))
	b = append(b, make([]byte, at-8)...)
	b = order.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = append(b, e...)
	}
	return order.AppendUint32(b, uint32(at))
}

func exifShort(order appendOrder, tag, value uint16) []byte {
	var v [4]byte
	order.PutUint16(v[:], value)
	return exifEntry(order, tag, 3, 1, v)
}

func exifBlock(order appendOrder, orientation uint16) []byte {
	return exifDirectory(order, 8, exifShort(order, 0x010F, 7), exifShort(order, 0x0112, orientation))
}

func TestExifOrientationIsReadInBothByteOrders(t *testing.T) {
	for _, order := range []appendOrder{binary.LittleEndian, binary.BigEndian} {
		for o := range uint16(12) {
			want := int(o)
			if o < 1 || o > 8 {
				want = 1
			}
			if got := exifOrientation(exifBlock(order, o)); got != want {
				t.Errorf("%v %d: %d", order, o, got)
			}
		}
	}
}

func TestExifOrientationIsUprightWhereItCannotBeRead(t *testing.T) {
	le := binary.LittleEndian
	whole := exifBlock(le, 6)
	last := len(whole) - 4 // the directory after this one is of no interest
	for n := range last {
		if got := exifOrientation(whole[:n]); got != 1 {
			t.Errorf("cut to %d of %d bytes: %d", n, len(whole), got)
		}
	}
	if got := exifOrientation(whole[:last]); got != 6 {
		t.Errorf("without the next directory: %d", got)
	}
	for name, tc := range map[string]struct {
		b    []byte
		want int
	}{
		"far directory":     {exifDirectory(le, 200, exifShort(le, 0x0112, 6)), 6},
		"directory outside": {append([]byte("II*\x00\xff\xff\xff\xff"), whole[8:]...), 1},
		"wrong mark":        {append([]byte("IM*\x00"), whole[4:]...), 1},
		"too many entries":  {append(append([]byte{}, whole[:8]...), append([]byte{0xFF, 0xFF}, whole[10:]...)...), 6},
		"none":              {exifDirectory(le, 8, exifShort(le, 0x010F, 6)), 1},
		"byte":              {exifDirectory(le, 8, exifEntry(le, 0x0112, 1, 1, [4]byte{6})), 6},
		"long":              {exifDirectory(le, 8, exifEntry(le, 0x0112, 4, 1, [4]byte{6})), 6},
		"two shorts":        {exifDirectory(le, 8, exifEntry(le, 0x0112, 3, 2, [4]byte{6, 0, 3})), 6},
		"no short":          {exifDirectory(le, 8, exifEntry(le, 0x0112, 3, 0, [4]byte{6})), 1},
		"shorts elsewhere":  {exifDirectory(le, 8, exifEntry(le, 0x0112, 3, 3, [4]byte{6})), 1},
		"rational":          {exifDirectory(le, 8, exifEntry(le, 0x0112, 5, 1, [4]byte{6})), 1},
		"first counts":      {exifDirectory(le, 8, exifShort(le, 0x0112, 3), exifShort(le, 0x0112, 6)), 3},
	} {
		if got := exifOrientation(tc.b); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func FuzzExifOrientation(f *testing.F) {
	f.Add(exifBlock(binary.LittleEndian, 6))
	f.Add(exifBlock(binary.BigEndian, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := exifOrientation(b); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}
