package vips

/*
#include "score.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/pictor-proxy/pictor/transform"
)

// Pixels are rows of samples of eight bits: grey or sRGB, with alpha behind the colours where Bands is 2 or 4.
type Pixels struct {
	Width, Height, Bands int
	// Samples has Width*Height*Bands bytes.
	Samples []byte
}

// Score says how like a result is to its original, by one of the methods that look at pixels: SSIMULACRA2 from 100
// downwards, DSSIM from 0 upwards. Both have the same size, of which no side is 0.
func Score(method transform.Method, original, result Pixels) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer C.vips_thread_shutdown()
	var images [2]*C.VipsImage
	for i, p := range []Pixels{original, result} {
		if p.Width <= 0 || p.Height <= 0 || len(p.Samples) != p.Width*p.Height*p.Bands {
			return 0, fmt.Errorf("%d bytes are no %d x %d pixels of %d samples", len(p.Samples), p.Width, p.Height,
				p.Bands)
		}
		images[i] = C.vips_image_new_from_memory_copy(unsafe.Pointer(&p.Samples[0]), C.size_t(len(p.Samples)),
			C.int(p.Width), C.int(p.Height), C.int(p.Bands), C.VIPS_FORMAT_UCHAR)
		defer C.g_object_unref(C.gpointer(images[i]))
		images[i].Type = C.VIPS_INTERPRETATION_sRGB
		if p.Bands < 3 {
			images[i].Type = C.VIPS_INTERPRETATION_B_W
		}
	}
	var score C.double
	if status := C.pictor_score(images[0], images[1], C.int(method), &score); status != C.PICTOR_OK {
		return 0, errorOf(status)
	}
	return float64(score), nil
}
