package container

import (
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"io"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

var errNoMore = io.ErrUnexpectedEOF

func be32At(b []byte, at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }

// pngRows is what the rows of a PNG take inflated (PNG 3rd edition §7.2 and
// §8.1), its filter bytes included; false where no file has so much.
func pngRows(b []byte) (uint64, bool) {
	const header = len(pngSignature) + 8
	width, height := uint64(be32At(b, header)), uint64(be32At(b, header+4))
	depth, colour := b[header+8], b[header+9]
	interlace := b[header+12]
	samples := uint64(pngBands[colour].bands)
	if colour == 3 {
		samples = 1
	}
	pass := func(x, y, dx, dy uint64) uint64 {
		w, h := (width+dx-1-x)/dx, (height+dy-1-y)/dy
		if w == 0 || h == 0 {
			return 0
		}
		return h * (1 + (w*samples*uint64(depth)+7)/8)
	}
	const most = 1 << 56
	if width > most/16/height {
		return 0, false
	}
	if interlace == 0 {
		return pass(0, 0, 1, 1), true
	}
	return pass(0, 0, 8, 8) + pass(4, 0, 8, 8) + pass(0, 4, 4, 8) + pass(2, 0, 4, 4) +
		pass(0, 2, 2, 4) + pass(1, 0, 2, 2) + pass(0, 1, 1, 2), true
}

// pngData walks the image data of a PNG whose header was read.
func pngData(b []byte) (w deflateWalk) {
	var ok bool
	if w.want, ok = pngRows(b); !ok {
		return w
	}
	w.in = idatBytes{b: b}
	if w.in.enterChunk(firstIDAT(b)) {
		w.walkStream()
	}
	return w
}

// firstIDAT is where the first chunk of image data is, or the end.
func firstIDAT(b []byte) int {
	const headerEnd = len(pngSignature) + 13 + 12
	at := int64(headerEnd)
	for at < int64(len(b)-8) && string(b[at+4:at+8]) != "IDAT" {
		at += int64(be32At(b, int(at))) + 12
	}
	return int(min(at, int64(len(b))))
}

// pngFix is a PNG under repair.
type pngFix struct {
	b    []byte
	data deflateWalk
	Repair
	// wrong says that a chunk with rows had a wrong checksum. Only the checksum of
	// the stream can then tell that the rows are right.
	wrong bool
}

// maxPNGFixes bounds the chunks that are given another checksum, and with them
// the pages that a worker copies.
const maxPNGFixes = 64

// NewPNGRepair corrects the checksums of a PNG that a decoder refused, if all rows
// are there. It inflates the whole image and is therefore called for such a PNG
// only.
func NewPNGRepair(b []byte, info transform.Info) (Repair, bool) {
	if info.Format != transform.PNG || info.End > int64(len(b)) {
		return Repair{}, false
	}
	return repairPNG(b, info.End)
}

// repairPNG corrects the checksums of a PNG and adds its end: behind all chunks
// where only the end is missing (end is not 0), else behind the last row.
func repairPNG(b []byte, end int64) (Repair, bool) {
	f := pngFix{b: b, data: pngData(b)}
	f.Size = int64(len(b))
	if !f.data.whole {
		return Repair{}, false
	}
	sum, ok := f.adlerOfRows()
	if !ok {
		return Repair{}, false
	}
	right := true
	if f.data.ended && f.data.summed {
		for i, at := range f.data.sum {
			if b[at] != sum[i] {
				right = false
				f.addPatch(at, sum[i])
			}
		}
		f.fixChecksums(end)
	} else {
		right = false
		f.endAfterRows(sum)
	}
	if f.wrong && !right || len(f.Patches) > maxPNGFixes || len(f.Patches) == 0 {
		return Repair{}, false
	}
	return f.Repair, true
}

// adlerOfRows is the checksum of the inflated stream, up to the last row if the
// stream has no end.
func (f *pngFix) adlerOfRows() (sum []byte, ok bool) {
	in := idatBytes{b: f.b}
	if !in.enterChunk(firstIDAT(f.b)) {
		return nil, false
	}
	for range 2 { // the header of zlib
		if _, err := in.ReadByte(); err != nil {
			return nil, false
		}
	}
	n := f.data.stop.out
	if f.data.ended && f.data.summed {
		n = f.data.out
	}
	h := adler32.New()
	r := flate.NewReader(&byteReader{&in, 2})
	defer r.Close()
	got, _ := io.CopyN(h, r, int64(n))
	return h.Sum(nil), got == int64(n)
}

func (f *pngFix) addPatch(at int, bytes ...byte) {
	f.Patches = append(f.Patches, Patch{int64(at), bytes})
}

// fixChecksums goes through the IDAT chunks and puts a mark at the end where there
// is none.
func (f *pngFix) fixChecksums(end int64) {
	behind := f.fixChunks(len(f.b))
	if end > 0 {
		end = max(end, int64(behind))
		f.addPatch(int(end), pngIEND...)
		f.Size = end + int64(len(pngIEND))
	}
	slices.SortFunc(f.Patches, func(a, b Patch) int { return int(a.At - b.At) })
}

// fixChunks corrects the IDAT chunks up to a place, and gives the place behind them.
func (f *pngFix) fixChunks(to int) (behind int) {
	in := idatBytes{b: f.b}
	for at := firstIDAT(f.b); at < to && in.enterChunk(at) && len(f.Patches) <= maxPNGFixes; at = in.next {
		behind = f.fixChecksum(at, in.next-4, in.end)
	}
	return behind
}

var pngIEND = []byte("\x00\x00\x00\x00IEND\xae\x42\x60\x82")

// fixChecksum corrects the CRC of the chunk at at. Its data should end at end, and
// the file has it up to there. It gives the place behind the chunk.
func (f *pngFix) fixChecksum(at, end, there int) int {
	if there < end { // cut behind the stream: what is there is the chunk
		f.addPatch(at, binary.BigEndian.AppendUint32(nil, uint32(there-at-8))...)
		end = there
	}
	crc := binary.BigEndian.AppendUint32(nil, f.patchedCRC(at+4, end))
	hasCRC := len(f.b)-end >= len(crc)
	if hasCRC && string(f.b[end:end+len(crc)]) == string(crc) {
		return end + len(crc)
	}
	if hasCRC && end <= f.data.stop.at && crc32.ChecksumIEEE(f.b[at+4:end]) != be32At(f.b, end) {
		f.wrong = true
	}
	f.addPatch(end, crc...)
	return end + len(crc)
}

// patchedCRC is the CRC of a range after the patches in it.
func (f *pngFix) patchedCRC(from, to int) uint32 {
	sum := uint32(0)
	for _, p := range f.Patches {
		if at := int(p.At); at >= from && at < to {
			sum = crc32.Update(sum, crc32.IEEETable, f.b[from:at])
			sum = crc32.Update(sum, crc32.IEEETable, p.Bytes)
			from = at + len(p.Bytes)
		}
	}
	return crc32.Update(sum, crc32.IEEETable, f.b[from:to])
}

// endAfterRows ends the stream, its chunk and the file behind the last row.
func (f *pngFix) endAfterRows(sum []byte) {
	s := f.data.stop
	tail := lowBits{acc: uint64(s.acc), n: s.bits}
	for i := s.size - 1; i >= 0; i-- {
		tail.appendBits(uint64(s.code)>>i&1, 1)
	}
	if !s.final {
		tail.appendBits(1|1<<1, 3) // a last block of fixed codes
		tail.appendBits(0, 7)      // and its end
	}
	data := append(tail.bytes(), sum...)
	f.fixChunks(s.chunk - 8)
	head := binary.BigEndian.AppendUint32(nil, uint32(s.at-s.chunk+len(data)))
	crc := crc32.ChecksumIEEE([]byte("IDAT"))
	crc = crc32.Update(crc, crc32.IEEETable, f.b[s.chunk:s.at])
	crc = crc32.Update(crc, crc32.IEEETable, data)
	f.addPatch(s.chunk-8, head...)
	f.addPatch(s.at, append(binary.BigEndian.AppendUint32(data, crc), pngIEND...)...)
	last := f.Patches[len(f.Patches)-1]
	f.Size = last.At + int64(len(last.Bytes))
}

// byteReader makes a Reader of what flate reads byte by byte. Some zeros follow:
// flate asks for the bits of the end of a block before it looks at a symbol.
type byteReader struct {
	*idatBytes
	zeros int
}

func (r *byteReader) ReadByte() (byte, error) {
	c, err := r.idatBytes.ReadByte()
	if err != nil && r.zeros > 0 {
		r.zeros--
		return 0, nil
	}
	return c, err
}

func (r *byteReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
