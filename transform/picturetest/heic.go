package picturetest

import "slices"

// Grid lays out an image of tiles (ISO/IEC 23008-12 §6.6.2.3), as phones write their
// HEICs. Each tile is the same, an AVIF or HEIC of one item without alpha, and those at
// the right and the lower edge are cut. more are properties of the image.
func Grid(tile []byte, width, height int, more ...[]byte) []byte {
	item := codedOf(tile)
	tileWidth, tileHeight := be32At(item.size, 12), be32At(item.size, 16)
	columns, rows := (width+tileWidth-1)/tileWidth, (height+tileHeight-1)/tileHeight
	tiles := columns * rows
	size := fullBox("ispe", 0, be32(width, height))
	properties := append([][]byte{item.config, item.size, size}, more...)
	associated := []byte{3}
	for n := 4; n <= len(properties); n++ {
		associated = append(associated, 0x80|byte(n))
	}
	infos := fullBox("infe", 2, be16(1, 0), []byte("grid\x00"))
	entries := slices.Concat(be16(1), []byte{byte(len(associated))}, associated)
	refs := be16(1, tiles)
	for n := range tiles {
		infos = append(infos, fullBox("infe", 2, be16(n+2, 0), []byte(item.kind+"\x00"))...)
		entries = slices.Concat(entries, be16(n+2), []byte{2, 0x81, 2})
		refs = append(refs, be16(n+2)...)
	}
	layout := slices.Concat([]byte{0, 0, byte(rows - 1), byte(columns - 1)}, be16(width, height))
	meta := func(start int) []byte {
		places := slices.Concat(be16(1, 1, 0, 1), be32(0, len(layout)))
		for n := range tiles {
			places = slices.Concat(places, be16(n+2, 0, 0, 1), be32(start+n*len(item.data), len(item.data)))
		}
		return fullBox("meta", 0,
			fullBox("hdlr", 0, be32(0), []byte("pict"), make([]byte, 13)),
			fullBox("pitm", 0, be16(1)),
			fullBox("iloc", 1, []byte{0x44, 0}, be16(tiles+1), places),
			fullBox("iinf", 0, be16(tiles+1), infos),
			fullBox("iref", 0, box("dimg", refs)),
			box("iprp", box("ipco", properties...), fullBox("ipma", 0, be32(tiles+1), entries)),
			box("idat", layout))
	}
	head := item.typeBox()
	start := len(head) + len(meta(0)) + 8
	return slices.Concat(head, meta(start), box("mdat", slices.Repeat(item.data, tiles)))
}

func be32At(b []byte, at int) int {
	return int(b[at])<<24 | int(b[at+1])<<16 | int(b[at+2])<<8 | int(b[at+3])
}
