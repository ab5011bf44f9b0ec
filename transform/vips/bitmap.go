package vips

/*
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// decodeBitmap decodes a bitmap, which libvips cannot, into memory outside of the Go heap: its pixels, and behind them
// its profile.
func decodeBitmap(s transform.Source, info transform.Info) (pixelsAndProfile []byte, free func(), err error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, nil, err
	}
	defer s.Release()
	m, err := container.Bitmap(b, info)
	if err != nil {
		return nil, nil, err
	}
	if m.Width != info.Width || m.Height != info.Height || m.Bands() != info.Bands {
		return nil, nil, fmt.Errorf("%w: the bitmap is not what was said of it", transform.ErrMalformed)
	}
	profile := m.Profile
	if !container.KeepsProfile(profile) {
		profile = nil
	}
	pixels := m.Width * m.Height * m.Bands()
	memory := C.malloc(C.size_t(pixels + len(profile)))
	if memory == nil {
		return nil, nil, fmt.Errorf("%w: for a bitmap of %d bytes", transform.ErrMemory, pixels)
	}
	out := unsafe.Slice((*byte)(memory), pixels+len(profile))
	m.Decode(out[:pixels])
	copy(out[pixels:], profile)
	return out, func() { C.free(memory) }, nil
}
