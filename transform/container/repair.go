package container

import (
	"encoding/binary"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// NewRepair gives the repair of a source of which Sniff told info.End. ok is
// false where there is nothing to repair.
func NewRepair(b []byte, info transform.Info) (r Repair, ok bool) {
	end := info.End
	if end <= 0 || end > int64(len(b)) {
		return r, false
	}
	switch info.Format {
	case transform.JPEG:
		return cutAndEnd(end, 0xFF, jpegEOI), true
	case transform.GIF:
		return repairGIF(b, end)
	case transform.PNG:
		return repairPNG(b, end)
	case transform.WebP:
		return repairWebP(end), true
	}
	return r, false
}

// repairWebP makes the container as long as the chunks in it, of which the
// last may lack the byte that makes its length even.
func repairWebP(end int64) Repair {
	r := Repair{Size: end}
	if end%2 != 0 {
		r = cutAndEnd(end, 0)
	}
	size := binary.LittleEndian.AppendUint32(nil, uint32(r.Size-riffHeader))
	r.Patches = slices.Insert(r.Patches, 0, Patch{4, size})
	return r
}
