package container

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func riffFile(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(b, "WEBP"...), body...)
}

// webpChunk pads data to an even length.
func webpChunk(id string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(data)))
	b = append(b, data...)
	return append(b, make([]byte, len(data)%2)...)
}

func put24(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }

func webpHeader(flags byte, width, height int) []byte {
	return webpChunk("VP8X", put24(put24([]byte{flags, 0, 0, 0}, width-1), height-1)...)
}

// webpLossy is a key frame whose data is no longer than the header.
func webpLossy(width, height uint16) []byte {
	b := []byte{0x10, 0, 0, 0x9D, 0x01, 0x2A}
	b = binary.LittleEndian.AppendUint16(b, width)
	b = binary.LittleEndian.AppendUint16(b, height)
	return webpChunk("VP8 ", append(b, 1, 2, 3)...)
}

func webpLossless(width, height uint32, alpha bool) []byte {
	bits := width - 1 | (height-1)<<14
	if alpha {
		bits |= 1 << 28
	}
	return webpChunk("VP8L", append(binary.LittleEndian.AppendUint32([]byte{0x2F}, bits), 1, 2)...)
}

func webpFrame(x, y, width, height int, chunks ...[]byte) []byte {
	b := put24(put24(put24(put24(nil, x/2), y/2), width-1), height-1)
	b = append(b, 100, 0, 0, 0)
	return webpChunk("ANMF", append(b, slices.Concat(chunks...)...)...)
}

const (
	webpAnimated = 0x02
	webpWithEXIF = 0x08
	webpWithA    = 0x10
)

func webpSamples() []sample {
	base := transform.Info{Format: transform.WebP, Width: 40, Height: 30, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	but := func(change func(*transform.Info)) transform.Info {
		i := base
		change(&i)
		return i
	}
	alpha := func(i *transform.Info) { i.Alpha, i.Bands = true, 4 }
	exif := webpChunk("EXIF", exifBlock(binary.BigEndian, 8)...)
	prefixed := webpChunk("EXIF", append([]byte(exifPrefix), exifBlock(binary.LittleEndian, 8)...)...)
	upright := webpChunk("EXIF", exifBlock(binary.LittleEndian, 3)...)
	anim := webpChunk("ANIM", 0, 0, 0, 0, 0, 0)
	whole := webpFrame(0, 0, 40, 30, webpLossy(40, 30))
	return []sample{
		{"webp/lossy", riffFile(webpLossy(40, 30)), base},
		{"webp/scaled", riffFile(webpLossy(40|1<<14, 30|3<<14)), base},
		{"webp/lossless", riffFile(webpLossless(40, 30, false)), but(func(i *transform.Info) { i.Lossless = true })},
		{"webp/losslessAlpha", riffFile(webpLossless(40, 30, true)), but(func(i *transform.Info) { alpha(i); i.Lossless = true })},
		{"webp/largest", riffFile(webpLossless(1<<14, 1<<14, false)), but(func(i *transform.Info) { i.Lossless, i.Width, i.Height = true, 1<<14, 1<<14 })},
		{"webp/extended", riffFile(webpHeader(0, 40, 30), webpLossy(40, 30)), base},
		{"webp/alphaFlag", riffFile(webpHeader(webpWithA, 40, 30), webpLossy(40, 30)), but(alpha)},
		{"webp/alphaChunk", riffFile(webpHeader(0, 40, 30), webpChunk("ALPH", 0, 1, 2), webpLossy(40, 30)), but(alpha)},
		{"webp/exif", riffFile(webpHeader(webpWithEXIF, 40, 30), webpLossy(40, 30), exif),
			but(func(i *transform.Info) { i.Orientation, i.AncillaryBytes = 8, int64(len(exif)) })},
		{"webp/exifPrefixed", riffFile(webpHeader(webpWithEXIF, 40, 30), webpLossy(40, 30), prefixed, upright),
			but(func(i *transform.Info) { i.Orientation, i.AncillaryBytes = 8, int64(len(prefixed)+len(upright)) })},
		{"webp/exifUnannounced", riffFile(webpHeader(0, 40, 30), webpLossy(40, 30), exif),
			but(func(i *transform.Info) { i.AncillaryBytes = int64(len(exif)) })},
		{"webp/metadata", riffFile(webpHeader(0, 40, 30), webpChunk("ICCP", 1, 2), webpLossy(40, 30),
			webpChunk("XMP ", 1, 2), webpChunk("what")),
			but(func(i *transform.Info) { i.AncillaryBytes, i.Profile, i.Normalized = 10+10+8, true, true })},
		{"webp/animated", riffFile(webpHeader(webpAnimated, 40, 30), anim, whole, whole), but(func(i *transform.Info) { i.Frames = 2 })},
		{"webp/animatedOneLossless", riffFile(webpHeader(webpAnimated, 40, 30), anim, whole,
			webpFrame(0, 0, 40, 30, webpLossless(40, 30, false), webpChunk("what"))),
			but(func(i *transform.Info) { i.Frames, i.Lossless = 2, true })},
		{"webp/animatedAlpha", riffFile(webpHeader(webpAnimated, 40, 30), anim, webpFrame(0, 0, 40, 30, webpChunk("ALPH", 1), webpLossy(40, 30))), but(alpha)},
		{"webp/animatedSmallFrame", riffFile(webpHeader(webpAnimated, 40, 30), anim, webpFrame(20, 10, 20, 20, webpLossy(20, 20))), but(alpha)},
	}
}

func TestSniffRefusesBrokenWebPs(t *testing.T) {
	header := webpHeader(0, 40, 30)
	animated := webpHeader(webpAnimated, 40, 30)
	lossy := webpLossy(40, 30)
	inter := slices.Clone(lossy)
	inter[8] |= 1
	noStart := slices.Clone(lossy)
	noStart[8+3] = 0
	noSign := webpLossless(40, 30, false)
	noSign[8] = 0
	version := webpLossless(40, 30, false)
	version[8+4] |= 0x20
	long := riffFile(lossy)
	long[4]++ // one byte more than there is
	leaving := webpFrame(0, 0, 40, 30, lossy)
	leaving[8+16+4]++ // the inner chunk, now longer than its frame
	leaving[8+16+4]++
	wantRefusals(t, []refusal{
		{"nothing", riffFile(), transform.ErrTruncated, "before the image data"},
		{"header alone", riffFile(header), transform.ErrTruncated, "before the image data"},
		{"no picture", riffFile(header, webpChunk("EXIF", 1, 2)), transform.ErrTruncated, "before the image data"},
		{"no frame", riffFile(animated, webpChunk("ANIM", 0, 0, 0, 0, 0, 0)), transform.ErrTruncated, "before the image data"},
		{"container and chunk past the end", long[:len(long)-4], transform.ErrTruncated, "in the middle"},
		{"chunk past the container", riffFile(header, lossy[:len(lossy)-2]), transform.ErrTruncated, "in the middle"},
		{"container of 3 bytes", append([]byte("RIFF\x03\x00\x00\x00WEBP"), lossy...), transform.ErrMalformed, "length"},
		{"other chunk first", riffFile(webpChunk("ALPH", 1), lossy), transform.ErrMalformed, "start with an image"},
		{"two headers", riffFile(header, header, lossy), transform.ErrMalformed, "more than one header"},
		{"two pictures", riffFile(header, lossy, lossy), transform.ErrMalformed, "more than one image"},
		{"small header", riffFile(webpChunk("VP8X", 0, 0, 0), lossy), transform.ErrMalformed, "too small"},
		{"small lossy", riffFile(webpChunk("VP8 ", lossy[8:17]...)), transform.ErrMalformed, "too small"},
		{"small lossless", riffFile(webpChunk("VP8L", 0x2F, 0, 0)), transform.ErrMalformed, "too small"},
		{"small frame", riffFile(animated, webpChunk("ANMF", 1, 2, 3)), transform.ErrMalformed, "too small"},
		{"inter frame", riffFile(inter), transform.ErrMalformed, "key frame"},
		{"no start code", riffFile(noStart), transform.ErrMalformed, "key frame"},
		{"no signature", riffFile(noSign), transform.ErrMalformed, "signature"},
		{"version", riffFile(version), transform.ErrMalformed, "signature"},
		{"no width", riffFile(webpLossy(0, 30)), transform.ErrMalformed, "no width"},
		{"no height", riffFile(webpLossy(40, 1<<14)), transform.ErrMalformed, "no height"},
		{"giant canvas", riffFile(webpHeader(0, 1<<24, 1<<24), lossy), transform.ErrMalformed, "canvas"},
		{"picture smaller than canvas", riffFile(webpHeader(0, 41, 30), lossy), transform.ErrMalformed, "size of the canvas"},
		{"picture larger than canvas", riffFile(header, webpLossless(40, 31, false)), transform.ErrMalformed, "size of the canvas"},
		{"picture beside frames", riffFile(animated, lossy), transform.ErrMalformed, "outside of the animation frames"},
		{"frame outside", riffFile(animated, webpFrame(2, 0, 40, 30, lossy)), transform.ErrMalformed, "outside of its canvas"},
		{"frame of another size", riffFile(animated, webpFrame(0, 0, 38, 30, lossy)), transform.ErrMalformed, "another size"},
		{"frame without a picture", riffFile(animated, webpFrame(0, 0, 40, 30)), transform.ErrMalformed, "no image or more than one"},
		{"frame of two pictures", riffFile(animated, webpFrame(0, 0, 40, 30, lossy, lossy)), transform.ErrMalformed, "no image or more than one"},
		{"chunk leaves its frame", riffFile(animated, leaving), transform.ErrMalformed, "larger than the frame around it"},
		{"junk in a frame", riffFile(animated, webpFrame(0, 0, 40, 30, lossy, []byte{1, 2})), transform.ErrMalformed, "too small"},
	})
}

// The size of the container may be wrong, where the chunks are whole.
func TestSniffTakesTheWholeChunksOfAWebP(t *testing.T) {
	lossy, odd := webpLossy(40, 30), webpLossless(40, 30, false)
	header, exif := webpHeader(webpWithEXIF, 40, 30), webpChunk("EXIF", exifBlock(binary.BigEndian, 6)...)
	anim := webpHeader(webpAnimated, 40, 30)
	frame := webpFrame(0, 0, 40, 30, lossy)
	resized := func(by int, chunks ...[]byte) []byte {
		b := riffFile(chunks...)
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8+by))
		return b
	}
	for name, tc := range map[string]struct {
		b                   []byte
		end                 int // from the end of the file
		orientation, frames int
	}{
		"size too large":              {resized(7, lossy), 0, 1, 1},
		"size far too large":          {resized(1<<30, lossy), 0, 1, 1},
		"size too small":              {resized(-5, lossy), 0, 1, 1},
		"no padding":                  {resized(0, odd)[:12+8+7], 0, 1, 1},
		"size too small for metadata": {resized(-3, header, lossy, exif), 0, 6, 1},
		"junk behind":                 {append(resized(9, lossy), "junk"...), 4, 1, 1},
		"unknown chunk cut":           {resized(0, webpHeader(0, 40, 30), lossy, webpChunk("what", 1, 2, 3, 4))[:12+18+len(lossy)+10], 10, 1, 1},
		"second frame cut":            {resized(0, anim, frame, frame)[:12+18+2*len(frame)-3], len(frame) - 3, 1, 1},
	} {
		got, err := Sniff(tc.b)
		if err != nil || got.End != int64(len(tc.b)-tc.end) || got.Orientation != tc.orientation ||
			got.Frames != tc.frames || got.Width != 40 {
			t.Errorf("%s: %+v, %v, want the end at %d", name, got, err, len(tc.b)-tc.end)
			continue
		}
		r, ok := NewRepair(tc.b, got)
		whole, err := Sniff(r.Apply(tc.b))
		if got.BrokenOff != (name == "second frame cut") {
			t.Errorf("%s: broken off %v", name, got.BrokenOff)
		}
		if got.End, got.BrokenOff = 0, false; !ok || err != nil || whole != got {
			t.Errorf("%s repaired: %+v, %v", name, whole, err)
		}
	}
	wantRefusals(t, []refusal{
		{"orientation cut", riffFile(header, lossy, exif)[:12+18+len(lossy)+20], transform.ErrTruncated, "in the middle"},
		{"first frame cut", riffFile(anim, frame)[:12+18+len(frame)-3], transform.ErrTruncated, "image data"},
	})
}
