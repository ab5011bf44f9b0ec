package vips

import (
	"bytes"
	"image/color"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// AVIFs of grey 100 without colour, made by avifenc 0.11.1 in every depth and range.
// Chromium 156 shows 100 for each, or 99 for the 12 bits of less range.
var greyRanges = map[string]string{
	"8 bits": narrowGrey, "8 bits, full": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABCAAAAAxhdjFDgQAc
AAAAABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB5tZGF0EgAKCBgM/9hgIaDUMggQAAAeGLrk4A==`, "10 bits": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABCgAAAAxhdjFDgQBc
AAAAABNjb2xybmNseAABAA0ABgAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB5tZGF0EgAKCBgM/9jgIaDEMggQAAAeGLMgJg==`, "10 bits, full": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABCgAAAAxhdjFDgQBc
AAAAABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB5tZGF0EgAKCBgM/9jgIaDUMggQAAAeGLNPZg==`, "12 bits": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABDAAAAAxhdjFDgUB8
AAAAABNjb2xybmNseAABAA0ABgAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB9tZGF0EgAKCFgM/9jwENBiMgkQAAAeGLEm/2A=`, "12 bits, full": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGli
YXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAA
AAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABDAAAAAxhdjFDgUB8
AAAAABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB9tZGF0EgAKCFgM/9jwENBqMgkQAAAeGLExH6A=`,
}

func TestGreyOfAnAVIFHasItsFullRange(t *testing.T) {
	for name, file := range greyRanges {
		b := fromBase64(t, file)
		inStream := bytes.Replace(b, []byte("colrnclx"), []byte("freenclx"), 1)
		wrong := bytes.Clone(b) // the box counts before the stream
		wrong[bytes.Index(b, []byte("colrnclx"))+len("colrnclx")+6] ^= 0x80
		for where, b := range map[string][]byte{"box": b, "stream": inStream, "box against stream": wrong} {
			info := sniffed(t, b)
			narrow := !strings.Contains(name, "full")
			if info.NarrowGrey != (narrow != (where == "box against stream")) {
				t.Errorf("%s in the %s: %+v", name, where, info)
			}
			if where == "box against stream" {
				continue
			}
			for _, f := range transform.Outputs {
				for _, options := range []string{"", "/ph:1", "/w:12", "/scp:0", "/rot:90"} {
					got := decoded(t, run(t, run(t, b, parse(t, "q:100/f:"+f.Ext()+options)).Body, parse(t, "f:png")))
					if apart(got, color.NRGBA{100, 100, 100, 255}) > 4 {
						t.Errorf("%s in the %s, %v%s: %v", name, where, f, options, got)
					}
				}
			}
		}
	}
}
