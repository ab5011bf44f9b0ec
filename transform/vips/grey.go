package vips

/*
#include <stdlib.h>
#include "pipeline.h"
*/
import "C"

import (
	"encoding/base64"
	"sync"

	"github.com/pictor-proxy/pictor/transform"
)

// narrowGrey is an AVIF of 16 by 16 pixels of grey 100 in samples from 16 to 235,
// which are 102 then. It was made by avifenc 0.11.1.
const narrowGrey = `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABCAAAAAxhdjFDgQAc
AAAAABNjb2xybmNseAABAA0ABgAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB5tZGF0EgAKCBgM/9hgIaDEMggQAAAeGLoN4A==`

// widensGrey says whether the decoder of AVIF brings such grey to the full range,
// as it does with colour: libheif 1.15 does not. Only a try tells, as libvips
// loads libheif by itself.
var widensGrey = sync.OnceValue(func() bool {
	b, err := base64.StdEncoding.DecodeString(narrowGrey)
	if err != nil {
		return false // it is in this file
	}
	const inFile = 102
	bytes := C.CBytes(b)
	defer C.free(bytes)
	source := C.PictorSource{bytes: bytes, size: C.size_t(len(b)), format: C.int(transform.AVIF),
		width: 16, height: 16, shrink: 1, scale: 1, bits: 8, grey: 1}
	return C.pictor_read_first_sample(&source) < inFile-1
})
