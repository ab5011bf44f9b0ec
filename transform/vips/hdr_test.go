package vips

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// hdr is a space in HDR, by its numbers in ITU-T H.273 and its brightest light in cd/m².
type hdr struct {
	primaries, transfer int
	peak                float64
}

// Matrices of linear light to that of BT.2020: ITU-R BT.2087 §2 for BT.709, for Display P3 from
// the primaries of both, and back to sRGB from ITU-R BT.2407 §2, with two digits more.
var (
	toWide = map[int][3][3]float64{
		1:  {{0.627404, 0.329283, 0.043313}, {0.069097, 0.919541, 0.011362}, {0.016391, 0.088013, 0.895595}},
		9:  {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		12: {{0.753833, 0.198597, 0.047570}, {0.045744, 0.941777, 0.012479}, {-0.001210, 0.017602, 0.983609}},
	}
	wideToSRGB = [3][3]float64{
		{1.660491, -0.587641, -0.072850}, {-0.124550, 1.132900, -0.008349}, {-0.018151, -0.100579, 1.118730},
	}
)

func times(m [3][3]float64, v [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

// light is that of the screen, as multiples of 203 cd/m² and in BT.2020: of PQ by SMPTE ST 2084 §5.1,
// of HLG by ITU-R BT.2100 table 5 for a screen of 1000 cd/m².
func (h hdr) light(code [3]float64) (v [3]float64) {
	for i, e := range code {
		if h.transfer == 16 {
			p := math.Pow(e, 1/78.84375)
			v[i] = 10000.0 / 203 * math.Pow(max(p-0.8359375, 0)/(18.8515625-18.6875*p), 1/0.1593017578125)
		} else if v[i] = e * e / 3; e > 0.5 {
			v[i] = (math.Exp((e-0.55991073)/0.17883277) + 0.28466892) / 12
		}
	}
	v = times(toWide[h.primaries], v)
	if h.transfer == 18 {
		y := 0.2627*v[0] + 0.6780*v[1] + 0.0593*v[2]
		for i := range v {
			v[i] *= 1000.0 / 203 * math.Pow(max(y, 1e-12), 0.2)
		}
	}
	return v
}

// toned is what the operator of SMPTE ST 2094-50 makes of light: the point of its curve is looked for
// by halving.
func (h hdr) toned(v [3]float64) [3]float64 {
	peak := 1000.0 / 203
	if h.peak > 0 {
		peak = h.peak / 203
	}
	white := 1 - 0.5*min(math.Log(peak)/math.Log(1000.0/203), 1)
	most := max(v[0], v[1], v[2])
	by := white
	switch {
	case peak <= 1:
		by = 1
	case most >= peak:
		by = 1 / most
	case most > 1:
		middle := [2]float64{0.35 + 0.65/white, 0.35*white + 0.65}
		point := func(t, from, over, to float64) float64 {
			return (1-t)*(1-t)*from + 2*t*(1-t)*over + t*t*to
		}
		low, high := 0.0, 1.0
		for range 60 {
			if t := (low + high) / 2; point(t, 1, middle[0], peak) < most {
				low = t
			} else {
				high = t
			}
		}
		by = point(low, white, middle[1], 1) / most
	}
	return [3]float64{v[0] * by, v[1] * by, v[2] * by}
}

// shown are the samples of sRGB that a browser shows, 0 to 1.
func (h hdr) shown(code [3]float64) (out [3]float64) {
	for i, v := range times(wideToSRGB, h.toned(h.light(code))) {
		v = min(max(v, 0), 1)
		if out[i] = 12.92 * v; v > 0.0031308 {
			out[i] = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
	}
	return out
}

// shownNRGBA is shown for a colour of 8 bits.
func (h hdr) shownNRGBA(c color.NRGBA) color.NRGBA {
	v := h.shown([3]float64{float64(c.R) / 255, float64(c.G) / 255, float64(c.B) / 255})
	to := func(v float64) uint8 { return uint8(math.Round(255 * v)) }
	return color.NRGBA{to(v[0]), to(v[1]), to(v[2]), c.A}
}

func (h hdr) inPNG(b []byte) []byte {
	b = picturetest.WithPNGChunk(b, "cICP", []byte{byte(h.primaries), byte(h.transfer), 0, 1})
	if h.peak > 0 {
		b = picturetest.WithPNGChunk(b, "cLLI", be32(uint32(h.peak*10000), 0))
	}
	return b
}

var hdrs = []hdr{
	{9, 16, 0}, {9, 18, 0}, {12, 16, 0}, {1, 16, 0}, {1, 18, 0}, {12, 18, 0},
	{9, 16, 4000}, {9, 16, 400}, {9, 16, 203}, {9, 16, 10000}, {9, 18, 4000}, {9, 18, 100},
}

// ramps is a PNG of 16 bits with every colour of 17 steps a channel, and all greys of 12 bits.
func ramps(channels int) (b []byte, codes [][3]float64) {
	const wide = 127
	var samples []byte
	add := func(rgb [3]uint16) {
		codes = append(codes, [3]float64{float64(rgb[0]) / 65535, float64(rgb[1]) / 65535, float64(rgb[2]) / 65535})
		for c := range channels {
			v := rgb[min(c, 2)]
			if c == 1 && channels == 2 || c == 3 {
				v = uint16(len(codes)) * 7
			}
			samples = binary.BigEndian.AppendUint16(samples, v)
		}
	}
	for i := range 4096 {
		v := uint16(i*65535/4095) | 1
		add([3]uint16{v, v, v})
	}
	for i := range 17 * 17 * 17 * min(1, channels/3) {
		step := func(n int) uint16 { return uint16(n % 17 * 4095) }
		add([3]uint16{step(i), step(i / 17), step(i / 17 / 17)})
	}
	for len(codes)%wide != 0 {
		add([3]uint16{})
	}
	kind := map[int]byte{1: 0, 2: 4, 3: 2, 4: 6}[channels]
	return picturetest.RawPNG(wide, len(codes)/wide, 16, kind, samples), codes
}

// Each colour of PQ and HLG is shown as by the standards in double precision, in 8 bits and in 16, and
// alpha is what it was.
func TestToneMapping(t *testing.T) {
	for _, h := range hdrs {
		for channels := 1; channels <= 4; channels++ {
			in, codes := ramps(channels)
			in = h.inPNG(in)
			for options, loose := range map[string]float64{"f:png": 1, "f:png/ph:1/bg:000": 0.05} {
				if channels%2 == 0 && options != "f:png" {
					continue // bg would cover what is transparent
				}
				t.Run(fmt.Sprintf("%v, %d channels, %s", h, channels, options), func(t *testing.T) {
					m, err := png.Decode(bytes.NewReader(run(t, in, parse(t, options)).Body))
					if err != nil {
						t.Fatal(err)
					}
					checkShown(t, m, h, codes, channels, loose)
				})
			}
		}
	}
}

// checkShown holds pixels against what is shown of codes, in steps of 8 bits.
func checkShown(t *testing.T, m image.Image, h hdr, codes [][3]float64, channels int, loose float64) {
	wide := m.Bounds().Dx()
	worst, at := 0.0, 0
	for i, code := range codes {
		c := color.NRGBA64Model.Convert(m.At(i%wide, i/wide)).(color.NRGBA64)
		if want := uint16(i+1) * 7; channels%2 == 0 && (want-c.A > 128 && c.A-want > 128) {
			t.Fatalf("pixel %d has an alpha of %d instead of %d", i, c.A, want)
		}
		if channels%2 == 0 && c.A < 257 {
			continue
		}
		want := h.shown(code)
		for j, got := range []uint16{c.R, c.G, c.B} {
			if d := math.Abs(float64(got)/257 - 255*want[j]); d > worst {
				worst, at = d, i
			}
		}
	}
	if worst > loose {
		x := m.At(at%wide, at/wide)
		t.Errorf("%v is shown as %v, %.3f from %v", codes[at], x, worst, h.shown(codes[at]))
	}
}

// PQ and HLG are shown in every result, whatever they come in, or are kept and then declared.
func TestHDRInAllResults(t *testing.T) {
	grey8 := fromBase64(t, greyAVIF)
	rgb8 := run(t, picturetest.PNG(flat(image.NewNRGBA, plainRGB)), parse(t, "f:avif/q:100")).Body
	rgb12 := run(t, picturetest.PNG(flat(image.NewNRGBA64, plainRGB)), parse(t, "f:avif/q:100/ph:1")).Body
	for _, h := range hdrs {
		formats := transform.Outputs
		if h.peak > 0 { // which an AVIF that stays in HDR does not tell
			isAVIF := func(f transform.Format) bool { return f == transform.AVIF }
			formats = slices.DeleteFunc(slices.Clone(formats), isAVIF)
		}
		for name, m := range map[string]image.Image{
			"RGB": flat(image.NewNRGBA, plainRGB), "RGBA": flat(image.NewNRGBA, plainRGBA),
			"deep RGB": flat(image.NewNRGBA64, plainRGB), "deep RGBA": flat(image.NewNRGBA64, plainRGBA),
			"palette": image.NewPaletted(image.Rect(0, 0, 16, 16), color.Palette{plainRGB}),
			"grey":    flat(image.NewGray, plainGrey), "deep grey": flat(image.NewGray16, plainGrey),
		} {
			c := color.NRGBAModel.Convert(m.At(8, 8)).(color.NRGBA)
			checkDeclared(t, fmt.Sprint("PNG ", h, " ", name), h.inPNG(picturetest.PNG(m)), formats,
				h.shownNRGBA(c), c)
		}
		if h.peak > 0 {
			continue
		}
		for name, b := range map[string][]byte{"8 bits": rgb8, "12 bits": rgb12} {
			checkDeclared(t, fmt.Sprint("AVIF ", h, " ", name), picturetest.WithAVIFCode(b, h.primaries, h.transfer, 6),
				transform.Outputs, h.shownNRGBA(plainRGB), plainRGB)
		}
		checkDeclared(t, fmt.Sprint("AVIF ", h, " grey"), picturetest.WithAVIFCode(grey8, h.primaries, h.transfer, 6),
			transform.Outputs, h.shownNRGBA(plainGrey), plainGrey)
	}
}

// AVIFs of 10 bits of the colour 140, 110, 90, made by avifenc 0.11.1 with --cicp of these numbers, the
// second in narrow range.
var hdrAVIFs = map[hdr]string{
	{9, 16, 0}: `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAACIAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxh
djFDgSBAAAAAABNjb2xybmNseAAJABAACYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACptZGF0EgAKCDgM//nCRAJkMhQQAAAA
FLm5dCtNFGDB1UqOTxvQwA==`,
	{9, 18, 0}: `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAACIAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxh
djFDgSBAAAAAABNjb2xybmNseAAJABIACQAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACptZGF0EgAKCDgM//nCRIJEMhQQAAAA
FLm5rG5NFF/zTkqOTwRnwA==`,
}

func TestHDROfTenBits(t *testing.T) {
	c := color.NRGBA{140, 110, 90, 255}
	for h, file := range hdrAVIFs {
		checkDeclared(t, fmt.Sprint("AVIF of 10 bits ", h), fromBase64(t, file), transform.Outputs, h.shownNRGBA(c), c)
	}
}

// With preserve_hdr a result stays in HDR and says so, where it has the depth and nothing of SDR is mixed
// into it. All others say nothing: they are in sRGB.
func TestKeptHDRIsDeclared(t *testing.T) {
	deep := picturetest.PNG(flat(image.NewNRGBA64, plainRGBA))
	shallow := picturetest.PNG(flat(image.NewNRGBA, plainRGB))
	for _, h := range hdrs {
		for options, kept := range map[string]bool{
			"f:png/ph:1": true, "f:avif/ph:1": true, "f:png/ph:1/w:8": true, "f:avif/ph:1/rot:90/scp:0": true,
			"f:png/ph:1/bl:1": true, "f:png/ph:1/sm:0": true,
			"f:png": false, "f:avif/scp:0": false, "f:webp/ph:1": false, "f:jpg/ph:1/scp:0": false,
			"f:png/ph:1/bg:fff": false, "f:png/ph:1/br:9": false, "f:avif/ph:1/mc:0.5": false, "f:png/ph:1/pngo:0:1": false,
		} {
			in := h.inPNG(deep)
			source := sniffed(t, in)
			got := sniffed(t, run(t, in, parse(t, options)).Body).Declared
			want := transform.ColourSpace{}
			if kept {
				want = source.Declared
			}
			if strings.Contains(options, "avif") {
				want.Peak = 0 // what libheif writes has no place for it
			}
			if got != want {
				t.Errorf("%v, %s: the result declares %+v", h, options, got)
			}
			if sniffed(t, run(t, h.inPNG(shallow), parse(t, options)).Body).Declared.HDR() {
				t.Errorf("%v, 8 bits, %s: the result is in HDR", h, options)
			}
		}
	}
}

// Outputs that share a decode are each as they are alone, whether or not they stay in HDR.
func TestHDRInASharedDecode(t *testing.T) {
	h := hdrs[0]
	in := h.inPNG(picturetest.PNG(flat(image.NewNRGBA64, plainRGB)))
	job := []transform.Params{
		parse(t, "f:png/ph:1"), parse(t, "f:webp/q:100"), parse(t, "f:avif/ph:1/w:8"), parse(t, "f:png/w:4"),
	}
	shared, _ := together(t, in, job)
	for i, pic := range shared {
		if got := sniffed(t, pic.Body).Declared.HDR(); got != job[i].PreserveHDR {
			t.Errorf("output %d is in HDR: %v", i, got)
		}
		m := pixels(t, run(t, pic.Body, parse(t, "f:png")))
		if got := color.NRGBAModel.Convert(m.At(1, 1)).(color.NRGBA); apart(got, h.shownNRGBA(plainRGB)) > 4 {
			t.Errorf("output %d is %v, want %v", i, got, h.shownNRGBA(plainRGB))
		}
	}
}

// HDR is declared in the AV1 data where libheif writes no box. The image itself is what it was.
func TestHDRIsDeclaredInTheStream(t *testing.T) {
	h := hdr{9, 18, 0}
	in := h.inPNG(picturetest.PNG(flat(image.NewNRGBA64, plainRGBA)))
	space := sniffed(t, in).Declared
	for _, options := range []string{"", "/avifo:off", "/avifo:::1"} {
		whole := run(t, in, parse(t, "f:avif/ph:1/q:100"+options)).Body
		b := bytes.ReplaceAll(whole, []byte("colrnclx"), []byte("freenclx"))
		// Newer libheifs than 1.15, that of Debian 12, tell the encoder of it, or, without loss, of the matrix
		// alone, where there is no room for more. They always write the box.
		if !sniffed(t, b).Declared.HDR() && !container.DeclareAVIF(b, space) {
			if strings.HasPrefix(Version(), "8.14.") {
				t.Errorf("%s: HDR is not declared", options)
			}
			b = whole
		}
		if got := sniffed(t, b).Declared; got != space {
			t.Errorf("%s: the result declares %+v", options, got)
		}
		if got := decoded(t, run(t, b, parse(t, "f:png"))); apart(got, h.shownNRGBA(plainRGBA)) > 4 {
			t.Errorf("%s: %v, want %v", options, got, h.shownNRGBA(plainRGBA))
		}
	}
}
