package vips

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Matrices between linear RGB of other primaries and sRGB's, as published: CSS
// Color 4 §18 for Display P3, ITU-R BT.2407 §2 for BT.2020; for XYZ that of CSS, adapted
// by Bradford from the white of equal energy.
var (
	fromSRGB = [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	fromP3   = [3][3]float64{{1.2249, -0.2247, 0}, {-0.0420, 1.0419, 0}, {-0.0197, -0.0786, 1.0979}}
	fromXYZ  = [3][3]float64{{3.1467, -1.6665, -0.4802}, {-0.9955, 1.9558, 0.0398}, {0.0636, -0.2146, 1.1510}}
	from2020 = [3][3]float64{{1.6605, -0.5876, -0.0728}, {-0.1246, 1.1329, -0.0083}, {-0.0182, -0.1006, 1.1187}}
)

// Transfers of ITU-T H.273 table 3 in the place of a power.
const st428, log100, log316 = -17, -9, -10

// toLight leads to linear light.
func toLight(v, gamma float64) float64 {
	switch {
	case gamma == st428:
		return math.Pow(v, 2.6) * 52.37 / 48
	case gamma == log100:
		return math.Pow(10, 2*(v-1))
	case gamma == log316:
		return math.Pow(10, 2.5*(v-1))
	case gamma > 0:
		return math.Pow(v, gamma)
	case v <= 0.04045:
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// shownAs is c in sRGB, where its numbers are of other primaries and of a power
// gamma; 0 is sRGB's own curve.
func shownAs(c color.NRGBA, matrix [3][3]float64, gamma float64) color.NRGBA {
	var linear [3]float64
	for i, v := range []uint8{c.R, c.G, c.B} {
		linear[i] = toLight(float64(v)/255, gamma)
	}
	var out [3]uint8
	for i, row := range matrix {
		f := row[0]*linear[0] + row[1]*linear[1] + row[2]*linear[2]
		if f <= 0.0031308 {
			f *= 12.92
		} else {
			f = 1.055*math.Pow(f, 1/2.4) - 0.055
		}
		out[i] = uint8(math.Round(255 * min(max(f, 0), 1)))
	}
	return color.NRGBA{out[0], out[1], out[2], c.A}
}

// pngSays are the chunks of a PNG that tell of its colours.
var pngSays = map[string][]byte{
	"cICP P3":      {12, 13, 0, 1},
	"cICP 2020":    {9, 14, 0, 1},
	"cICP sRGB":    {1, 13, 0, 1},
	"cICP linear":  {1, 8, 0, 1},
	"cICP ST 428":  {1, 17, 0, 1},
	"cICP log":     {1, 9, 0, 1},
	"cICP log316":  {1, 10, 0, 1},
	"cICP XYZ":     {10, 13, 0, 1},
	"cICP none":    {200, 13, 0, 1},
	"cICP narrow":  {12, 13, 0, 0},
	"cICP YCbCr":   {12, 13, 1, 1},
	"cICP short":   {12, 13, 0},
	"sRGB":         {0},
	"gAMA 1":       be32(100000),
	"gAMA 1.8":     be32(55556),
	"gAMA sRGB":    be32(45455),
	"gAMA 0":       be32(0),
	"gAMA absurd":  be32(1),
	"cHRM P3":      be32(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
	"cHRM 2020":    be32(31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
	"cHRM sRGB":    be32(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
	"cHRM zero":    be32(0, 0, 0, 0, 0, 0, 0, 0),
	"cHRM on line": be32(31270, 32900, 30000, 30000, 30000, 30000, 30000, 30000),
}

func be32(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// saying is a PNG with these chunks, named as in pngSays, or iCCP for the
// profile that exchanges red and blue.
func saying(t *testing.T, b []byte, chunks string) []byte {
	for name := range strings.SplitSeq(chunks, ", ") {
		if name == "iCCP" {
			b = picturetest.WithPNGProfile(b, picturetest.Profile("mntr", "RGB "))
			continue
		}
		data, ok := pngSays[name]
		if !ok {
			t.Fatalf("no chunk %s", name)
		}
		b = picturetest.WithPNGChunk(b, name[:4], data)
	}
	return b
}

// What a PNG's chunks say counts in the order of PNG 3rd edition §4.3. Values are
// by the published matrices and curves.
func TestColourThatAPNGDeclares(t *testing.T) {
	for chunks, as := range map[string]struct {
		matrix [3][3]float64
		gamma  float64
	}{
		"cICP P3": {fromP3, 0}, "cICP 2020": {from2020, 0}, "cICP sRGB": {fromSRGB, 0}, "cICP linear": {fromSRGB, 1},
		"cICP ST 428": {fromSRGB, st428}, "cICP log": {fromSRGB, log100}, "cICP log316": {fromSRGB, log316}, "cICP XYZ": {fromXYZ, 0}, "cICP none": {fromSRGB, 0}, "cICP narrow": {fromSRGB, 0}, "cICP YCbCr": {fromSRGB, 0}, "cICP short": {fromSRGB, 0},
		"gAMA 1": {fromSRGB, 1}, "gAMA 1.8": {fromSRGB, 1.8}, "gAMA sRGB": {fromSRGB, 0}, "gAMA 0": {fromSRGB, 0}, "gAMA absurd": {fromSRGB, 0},
		"cHRM P3": {fromP3, 0}, "cHRM 2020, gAMA 1": {from2020, 1}, "cHRM sRGB, gAMA sRGB": {fromSRGB, 0}, "gAMA 1, cHRM sRGB": {fromSRGB, 1},
		"cHRM zero": {fromSRGB, 0}, "cHRM on line, gAMA 1": {fromSRGB, 1},
		"sRGB": {fromSRGB, 0}, "sRGB, gAMA 1, cHRM P3": {fromSRGB, 0},
		"gAMA 1, cHRM P3, cICP sRGB": {fromSRGB, 0}, "sRGB, cICP P3": {fromP3, 0}, "cICP none, gAMA 1": {fromSRGB, 1}, "cICP none, sRGB, gAMA 1": {fromSRGB, 0},
		"iCCP, cICP P3": {fromP3, 0}, "iCCP, cICP sRGB": {fromSRGB, 0},
		"iCCP, sRGB": {[3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}, 0}, "iCCP, sRGB, gAMA 1": {[3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}, 0},
		"gAMA 1, sRGB, iCCP": {[3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}, 0}, "iCCP, cICP none": {[3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}, 0},
	} {
		for name, m := range map[string]image.Image{
			"RGB": flat(image.NewNRGBA, plainRGB), "RGBA": flat(image.NewNRGBA, plainRGBA),
			"deep RGB": flat(image.NewNRGBA64, plainRGB), "deep RGBA": flat(image.NewNRGBA64, plainRGBA),
			"palette": image.NewPaletted(image.Rect(0, 0, 16, 16), color.Palette{plainRGB}),
			"grey":    flat(image.NewGray, plainGrey), "deep grey": flat(image.NewGray16, plainGrey),
		} {
			grey := strings.Contains(name, "grey")
			if grey && strings.Contains(chunks, "iCCP") {
				continue // a misfit
			}
			c := color.NRGBAModel.Convert(m.At(8, 8)).(color.NRGBA)
			matrix := as.matrix
			if grey {
				matrix = fromSRGB // grey has no primaries
			}
			formats := transform.Outputs
			if name != "RGB" {
				formats = []transform.Format{transform.PNG}
			}
			checkDeclared(t, chunks+", "+name, saying(t, picturetest.PNG(m), chunks), formats,
				shownAs(c, matrix, as.gamma), c)
		}
	}
}

func TestColourThatAnAVIFDeclares(t *testing.T) {
	grey := fromBase64(t, greyAVIF)
	rgb := run(t, picturetest.PNG(flat(image.NewNRGBA, plainRGB)), parse(t, "f:avif/q:100")).Body
	for code, as := range map[[2]int]struct {
		matrix [3][3]float64
		gamma  float64
	}{
		{1, 13}: {fromSRGB, 0}, {2, 2}: {fromSRGB, 0}, {1, 1}: {fromSRGB, 0}, {1, 6}: {fromSRGB, 0}, {12, 13}: {fromP3, 0}, {12, 2}: {fromP3, 0},
		{9, 14}: {from2020, 0}, {9, 4}: {from2020, 2.2}, {1, 8}: {fromSRGB, 1}, {1, 5}: {fromSRGB, 2.8}, {1, 17}: {fromSRGB, st428}, {1, 9}: {fromSRGB, log100}, {12, 10}: {fromP3, log316}, {200, 13}: {fromSRGB, 0},
	} {
		name := fmt.Sprint("AVIF ", code)
		checkDeclared(t, name, picturetest.WithAVIFCode(rgb, code[0], code[1], 6), transform.Outputs,
			shownAs(plainRGB, as.matrix, as.gamma), plainRGB)
		checkDeclared(t, name+" grey", picturetest.WithAVIFCode(grey, code[0], code[1], 6), transform.Outputs,
			shownAs(plainGrey, fromSRGB, as.gamma), plainGrey)
	}
}

// checkDeclared asks for all formats with and without a profile, and that the
// source is not served in their place.
func checkDeclared(t *testing.T, name string, in []byte, formats []transform.Format, want, plain color.NRGBA) {
	for _, f := range formats {
		for _, scp := range []string{"scp:1", "scp:0", "scp:0/ph:1"} {
			t.Run(fmt.Sprintf("%s, %v, %s", name, f, scp), func(t *testing.T) {
				p := parse(t, "q:100/f:"+f.Ext()+"/"+scp)
				pic := run(t, in, p)
				info := sniffed(t, in)
				if !p.Changes(info, transform.NewGeometry(info, p)) && apart(want, plain) > 4 &&
					!strings.Contains(name, "iCCP") {
					t.Error("the source may be served as it is")
				}
				if f == transform.JPEG && want.A < 255 && scp != "scp:1" {
					return // laid over white in its own colours
				}
				if got := decoded(t, run(t, pic.Body, parse(t, "f:png"))); apart(got, written(want, f)) > 4 {
					t.Errorf("%v, want %v", got, written(want, f))
				}
			})
		}
	}
}
