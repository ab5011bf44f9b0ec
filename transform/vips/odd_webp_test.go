package vips

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func webpChunk(name string, data []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data))), data...)
	return append(b, make([]byte, len(data)&1)...)
}

func webpOf(chunks ...[]byte) []byte {
	return webpChunk("RIFF", append([]byte("WEBP"), slices.Concat(chunks...)...))
}

// A decoder uses of a WebP the chunks that its header announces, wherever they
// are, and none behind its container (RFC 9649 §2.3 and §2.7).
func TestWebPWithChunksInOddPlaces(t *testing.T) {
	const side, profiled, exif, xmp = 8, 0x20, 0x08, 0x04
	animation := webpFrames(t, 2)
	still := run(t, picturetest.PNG(picturetest.Photo(side, side, 1)), transform.Params{Format: transform.WebP}).Body
	vp8 := still[12:]
	header := func(flags byte) []byte { return webpChunk("VP8X", []byte{flags, 4: side - 1, 7: side - 1, 9: 0}) }
	icc := webpChunk("ICCP", picturetest.Profile("mntr", "RGB "))
	block := webpChunk("EXIF", picturetest.EXIF(6))
	packet := webpChunk("XMP ", []byte("<x:xmpmeta/>"))
	plain := webpOf(header(0), vp8)
	swapped := webpOf(header(profiled), icc, vp8)
	const anim, frames, frameSize = 30, 30 + 14, 4
	second := frames + 8 + int(binary.LittleEndian.Uint32(animation[frames+frameSize:]))
	moving := func(flags byte, before, between []byte) []byte {
		return webpOf(header(flags|2), before, animation[anim:second], between, animation[second:])
	}
	for _, tc := range []struct {
		name    string
		b, like []byte
	}{
		{"a profile", swapped, swapped},
		{"a profile behind the image", webpOf(header(profiled), vp8, icc), swapped},
		{"a profile twice", webpOf(header(profiled), icc, vp8, icc), swapped},
		{"a profile that is not announced", webpOf(header(0), icc, vp8), plain},
		{"a profile behind the container", append(webpOf(header(profiled), vp8), icc...), plain},
		{"alpha behind the container", append(webpOf(header(xmp), vp8, packet), webpChunk("ALPH", []byte{0})...), plain},
		{"an image behind the container", append(slices.Clone(plain), still[12:]...), plain},
		{"a long header", webpOf(webpChunk("VP8X", append(header(profiled)[8:], 0, 0)), icc, vp8, packet), swapped},
		{"a profile between frames", moving(profiled, nil, icc), moving(profiled, icc, nil)},
		{"metadata between frames", moving(exif|xmp, nil, slices.Concat(block, packet, packet)), animation},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := pixels(t, run(t, tc.like, transform.Params{Format: transform.PNG}))
			for _, p := range []transform.Params{{}, {DropCopyright: true}, {KeepMetadata: true}} {
				p.Format = transform.PNG
				if d := picturetest.Distance(pixels(t, run(t, tc.b, p)), want); d > 0 {
					t.Errorf("%+v: pixels differ by %v", p, d)
				}
			}
		})
	}
}
