package vips

/*
#include "pipeline.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// errUndeclared is for a libheif that writes no code points into an AVIF: nobody could tell that it is in HDR.
var errUndeclared = errors.New("the encoder left no place to declare HDR")

// keepsHDR says whether the result stays in PQ or HLG, which it then has to declare.
func keepsHDR(info transform.Info, p transform.Params) bool {
	_, _, ok := container.CodeOf(info.Declared)
	return ok && p.KeepsHDR(info)
}

// newHDR says how the pipeline shows an HDR image in sRGB.
func newHDR(s transform.ColourSpace) (hdr C.PictorHDR) {
	m, ok := container.ToneMapOf(s)
	if !ok {
		return hdr
	}
	hdr.transfer, hdr.peak = C.int(m.Transfer), C.double(m.Peak)
	for i := range m.ToWide {
		hdr.to_wide[i], hdr.to_srgb[i] = C.double(m.ToWide[i]), C.double(m.ToSRGB[i])
	}
	return hdr
}

// declareHDR makes a result that was left in PQ or HLG say so. It reports false where that is not possible.
func declareHDR(result *C.PictorResult, s transform.ColourSpace, f transform.Format) bool {
	switch f {
	case transform.AVIF:
		return container.DeclareAVIF(unsafe.Slice((*byte)(result.body), int(result.size)), s)
	case transform.PNG:
		chunks := container.HDRChunks(s)
		if len(chunks) == 0 || result.size < container.PNGHeaderEnd {
			return false
		}
		C.pictor_insert_bytes(result, container.PNGHeaderEnd, unsafe.Pointer(&chunks[0]), C.size_t(len(chunks)))
		return true
	}
	return false
}
