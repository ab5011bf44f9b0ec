package container

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// PNGHeaderEnd is where the chunks of a PNG begin that come behind its header.
const PNGHeaderEnd = 8 + 12 + 13

// HDRChunks are the chunks with which a PNG says that it is in an HDR space: cICP, and cLLI where the
// brightest light is known (PNG 3rd edition §11.3.2). They belong directly behind the header. It is nil
// for a space that no code point is for.
func HDRChunks(s transform.ColourSpace) []byte {
	primaries, transfer, ok := CodeOf(s)
	if !ok {
		return nil
	}
	const rgb, fullRange = 0, 1
	b := appendPNGChunk(nil, "cICP", []byte{byte(primaries), byte(transfer), rgb, fullRange})
	if s.Peak > 0 {
		const perUnit = 10000
		light := binary.BigEndian.AppendUint32(nil, uint32(min(math.Round(s.Peak*perUnit), math.MaxUint32)))
		b = appendPNGChunk(b, "cLLI", append(light, 0, 0, 0, 0))
	}
	return b
}

func appendPNGChunk(b []byte, name string, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	from := len(b)
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}

// DeclareAVIF writes into an AVIF, in place, that it is in an HDR space: into its colr boxes, or without
// one into the AV1 data, as libheif since 1.18 writes no box for what is usual. It reports false where
// neither has a place for it, or where there is no code point for the space.
func DeclareAVIF(b []byte, s transform.ColourSpace) bool {
	primaries, transfer, ok := CodeOf(s)
	a, meta, err := openHEIF(b)
	if !ok || err != nil || meta == nil || a.readMeta(meta) != nil {
		return false
	}
	code := [4]byte{0, byte(primaries), 0, byte(transfer)}
	declared := false
	for _, p := range a.properties {
		const at = 4 // behind the kind of the box
		if string(p.kind) == "colr" && hasMagic(p.body, 0, "nclx") && len(p.body) >= at+len(code) {
			copy(p.body[at:], code[:])
			declared = true
		}
	}
	return declared || a.declareInStream(code[1], code[3])
}

// declareInStream writes code points into the AV1 data of all images but alpha.
func (a *heif) declareInStream(primaries, transfer byte) bool {
	declared := false
	for _, item := range a.items {
		if item.kind != "av01" || item.alpha {
			continue
		}
		if len(item.spans) != 1 {
			return false
		}
		b, ok := item.spans[0].bytesIn(a.holderOf(item))
		if !ok || !declareAV1(b, primaries, transfer) {
			return false
		}
		declared = true
	}
	return declared
}

// declareAV1 writes code points into every sequence header of a run of OBUs.
func declareAV1(b []byte, primaries, transfer byte) bool {
	const sequenceHeader = 1
	declared := false
	for len(b) > 0 {
		kind, head, size, ok := obuHead(b, uint64(len(b)))
		if !ok {
			return false
		}
		unit := b[head : head+size]
		b = b[head+size:]
		if kind != sequenceHeader {
			continue
		}
		r := bitReader{b: unit}
		code := readAV1Sequence(&r).code
		m := bitReader{b: unit, at: r.codeAt + 16}
		const identity = 0
		if r.codeAt == 0 || m.readUint(8) == identity && code.primaries == bt709 && code.transfer == srgbTransfer {
			return false // what follows the code points would be read in another way
		}
		putByte(unit, r.codeAt, primaries)
		putByte(unit, r.codeAt+8, transfer)
		declared = true
	}
	return declared
}

// putByte writes a byte at a place in bits, behind which there is another one.
func putByte(b []byte, at int, v byte) {
	i, shift := at>>3, at&7
	b[i] = b[i]&^(0xFF>>shift) | v>>shift
	b[i+1] = b[i+1]&(0xFF>>shift) | v<<(8-shift)
}
