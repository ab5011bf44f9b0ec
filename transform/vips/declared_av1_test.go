package vips

import (
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// AVIFs of plainRGB that name their colours in the AV1 data alone, made by avifenc
// 0.11.1 with --cicp of these numbers and without the colr box.
const (
	av1P3 = `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAACIAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwgICAAAAAxh
djFDgSAAAAAAABNmcmVlbmNseAAMAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACptZGF0EgAKCDgM/9hDA0GkMhQQAAAA
FLm+SRYDEiUkjTdr1r5kwA==`
	av12020 = `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAACEAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwgICAAAAAxh
djFDgSAAAAAAABNmcmVlbmNseAAJAA4ACYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACltZGF0EgAKCDgM/9hCQ4JkMhMQAAAA
FLm/KKIDEk0R9N2vWuyj`
)

func TestColourThatAnAV1StreamDeclares(t *testing.T) {
	for file, matrix := range map[string][3][3]float64{av1P3: fromP3, av12020: from2020} {
		b := fromBase64(t, file)
		name := "P3"
		if file == av12020 {
			name = "2020"
		}
		want := shownAs(plainRGB, matrix, 0)
		checkDeclared(t, name, b, transform.Outputs, want, plainRGB)
		if file == av1P3 { // the colr box counts where there is one
			checkDeclared(t, name+" and a box of sRGB", picturetest.WithAVIFCode(b, 1, 13, 6), transform.Outputs,
				plainRGB, plainRGB)
			checkDeclared(t, name+" and a box of nothing", picturetest.WithAVIFCode(b, 2, 2, 6), transform.Outputs,
				plainRGB, plainRGB)
		}
	}
}
