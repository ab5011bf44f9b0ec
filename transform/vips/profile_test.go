package vips

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// greyAVIF is 16 by 16 pixels of grey 55 in an AV1 stream without colour, made
// by avifenc 0.11.1 -y 400. libvips makes no such stream.
const greyAVIF = `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGliYXZpZgAAAA
AOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAFgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAA
AABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAOcGl4aQAAAAABCAAAAAxhdjFDgQAcAAAAABNjb2xybmNseAABAA0ABoAAAA
AXaXBtYQAAAAAAAAABAAEEAQKDBAAAAB5tZGF0EgAKCBgM/9hgIaDUMggQAAAeGLJO3g==`

// flat are 16 by 16 pixels of a colour, in the memory of to.
func flat[M draw.Image](to func(image.Rectangle) M, c color.Color) image.Image {
	m := to(image.Rect(0, 0, 16, 16))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

// greyAlphaPNG is a PNG of grey 55 and alpha 128, which Go's encoder writes as
// RGBA: the samples of that are cut down to two.
func greyAlphaPNG() []byte {
	return picturetest.RawPNG(16, 16, 8, 4, bytes.Repeat([]byte{55, 128}, 16*16))
}

var (
	plainGrey  = color.NRGBA{55, 55, 55, 255}
	plainGlass = color.NRGBA{55, 55, 55, 128}
	plainRGB   = color.NRGBA{200, 60, 30, 255}
	plainRGBA  = color.NRGBA{200, 60, 30, 128}
)

// samplesCase is an image whose samples are of one kind.
type samplesCase struct {
	name  string
	space string // of the profile that fits
	image func(profile []byte) []byte
	plain color.NRGBA // without a profile
	shown color.NRGBA // by the profile of picturetest that fits
}

// swapped lays a profile into an image that pictor wrote with another one.
func swapped(t testing.TB, options string, c color.Color) func([]byte) []byte {
	old := picturetest.Profile("mntr", "RGB ")
	in := picturetest.WithPNGProfile(picturetest.PNG(flat(image.NewNRGBA, c)), old)
	out := run(t, in, parse(t, options+"/scp:0")).Body
	if bytes.Count(out, old) != 1 {
		t.Fatalf("%s: its profile is not in it", options)
	}
	return func(profile []byte) []byte { return bytes.Replace(out, old, profile, 1) }
}

func samplesCases(t testing.TB) []samplesCase {
	intoPNG := func(b []byte) func([]byte) []byte {
		return func(profile []byte) []byte { return picturetest.WithPNGProfile(b, profile) }
	}
	intoJPEG := func(b []byte) func([]byte) []byte {
		return func(profile []byte) []byte { return picturetest.WithJPEGProfile(b, profile) }
	}
	avif := fromBase64(t, greyAVIF)
	deep := func(c color.Color) []byte { return picturetest.PNG(flat(image.NewNRGBA64, c)) }
	// 55 of 255 in linear light is 128 in sRGB: 1.055*(55/255)^(1/2.4)-0.055 = 0.502.
	grey, glass := color.NRGBA{128, 128, 128, 255}, color.NRGBA{128, 128, 128, 128}
	// Red and blue are exchanged.
	rgb, rgba := color.NRGBA{30, 60, 200, 255}, color.NRGBA{30, 60, 200, 128}
	white := color.NRGBA{255, 255, 255, 255}
	inks := picturetest.FlatJPEG(16, 0, 1, 255, 0, 255, 255)
	magenta := color.NRGBAModel.Convert(pixels(t, run(t, inks, parse(t, "f:png"))).At(8, 8)).(color.NRGBA)
	return []samplesCase{
		{"grey JPEG", "GRAY", intoJPEG(picturetest.FlatJPEG(16, -1, 1, 55)), plainGrey, grey},
		{"RGB JPEG", "RGB ", intoJPEG(picturetest.FlatJPEG(16, 0, 1, 200, 60, 30)), plainRGB, rgb},
		{"CMYK JPEG", "CMYK", intoJPEG(inks), magenta, white},
		{"grey PNG", "GRAY", intoPNG(picturetest.PNG(flat(image.NewGray, plainGrey))), plainGrey, grey},
		{"deep grey PNG", "GRAY", intoPNG(picturetest.PNG(flat(image.NewGray16, plainGrey))), plainGrey, grey},
		{"grey and alpha PNG", "GRAY", intoPNG(greyAlphaPNG()), plainGlass, glass},
		{"RGB PNG", "RGB ", intoPNG(picturetest.PNG(flat(image.NewNRGBA, plainRGB))), plainRGB, rgb},
		{"RGBA PNG", "RGB ", intoPNG(picturetest.PNG(flat(image.NewNRGBA, plainRGBA))), plainRGBA, rgba},
		{"deep RGB PNG", "RGB ", intoPNG(deep(plainRGB)), plainRGB, rgb},
		{"deep RGBA PNG", "RGB ", intoPNG(deep(plainRGBA)), plainRGBA, rgba},
		{"WebP", "RGB ", swapped(t, "f:webp/webpo:lossless", plainRGB), plainRGB, rgb},
		{"grey WebP", "RGB ", swapped(t, "f:webp/webpo:lossless", plainGrey), plainGrey, plainGrey},
		{"WebP with alpha", "RGB ", swapped(t, "f:webp/webpo:lossless", plainRGBA), plainRGBA, rgba},
		{"AVIF", "RGB ", swapped(t, "f:avif/q:100", plainRGB), plainRGB, rgb},
		{"AVIF with alpha", "RGB ", swapped(t, "f:avif/q:100", plainRGBA), plainRGBA, rgba},
		{"grey AVIF", "GRAY", func(p []byte) []byte { return picturetest.WithAVIFProfile(avif, p) }, plainGrey, grey},
	}
}

// fromBase64 is a file that is in the tests as text, in lines.
func fromBase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decoded is what any other program sees in a result, as far as Go decodes it.
func decoded(t testing.TB, pic transform.Picture) color.NRGBA {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(pic.Body))
	switch pic.Format {
	case transform.PNG:
	case transform.JPEG:
		m, err = jpeg.Decode(bytes.NewReader(pic.Body))
	default:
		m, err = pixels(t, pic), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return color.NRGBAModel.Convert(m.At(8, 8)).(color.NRGBA)
}

func apart(a, b color.NRGBA) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	if a.A == 0 && b.A == 0 {
		return 0
	}
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B), d(a.A, b.A))
}

// written is a colour as a format can show it: over white where there is no
// alpha, and without half of it in a GIF.
func written(c color.NRGBA, f transform.Format) color.NRGBA {
	over := func(v uint8) uint8 { return uint8((int(v)*int(c.A) + 255*(255-int(c.A))) / 255) }
	switch {
	case f == transform.JPEG:
		return color.NRGBA{over(c.R), over(c.G), over(c.B), 255}
	case f == transform.GIF:
		c.A = 255
	}
	return c
}

// A profile counts where its header names the colour space of the samples, and
// is ignored and dropped anywhere else. Values are by hand, from what the
// profiles say.
func TestProfileCountsWhereItFits(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep of seconds")
	}
	profiles := map[string][]byte{"cut": picturetest.Profile("mntr", "RGB ")[:100]}
	for _, space := range []string{"GRAY", "RGB ", "Lab "} {
		profiles[space] = picturetest.Profile("spac", space)
	}
	profiles["CMYK"] = picturetest.Profile("prtr", "CMYK")
	for _, class := range []string{"link", "abst", "nmcl"} {
		profiles[class] = picturetest.Profile(class, "RGB ")
	}
	for _, c := range samplesCases(t) {
		for space, profile := range profiles {
			if space == "cut" && (strings.Contains(c.name, "AVIF") || strings.Contains(c.name, "WebP")) {
				continue // another size, which would need another container
			}
			p := profileCase{in: c.image(profile), want: c.plain}
			switch {
			case space == c.space:
				p.keeps, p.grey, p.want = space != "CMYK", space == "GRAY", c.shown
			case c.name == "grey AVIF" && space == "RGB ":
				p.keeps = true // as Chromium does; of equal bands it makes equal ones
			}
			for _, f := range transform.Outputs {
				t.Run(fmt.Sprintf("%s, %s, %v", c.name, space, f), func(t *testing.T) { p.check(t, f) })
			}
		}
	}
}

// profileCase is an image, what it shows, and what scp:0 makes of its profile.
type profileCase struct {
	in    []byte
	want  color.NRGBA
	keeps bool // the profile fits, and is not of inks
	grey  bool // the profile is for grey
}

func (p profileCase) check(t *testing.T, f transform.Format) {
	want := written(p.want, f)
	pic := run(t, p.in, parse(t, "q:100/f:"+f.Ext()))
	if sniffed(t, pic.Body).Profile {
		t.Error("the profile is still in the result")
	}
	if got := decoded(t, pic); apart(got, want) > 3 {
		t.Errorf("%v, want %v", got, want)
	}
	kept := run(t, p.in, parse(t, "q:100/scp:0/f:"+f.Ext()))
	// The samples of WebP and AVIF are never grey.
	holds := f.HasProfile() && !(p.grey && (f == transform.WebP || f == transform.AVIF))
	is := sniffed(t, kept.Body) // libjxl writes a profile as numbers where it can
	if has := is.Profile || is.Declared != (transform.ColourSpace{}); has != (p.keeps && holds) {
		t.Errorf("scp:0: a profile in the result is %v", has)
	}
	if p.grey && p.want.A < 255 && f == transform.JPEG {
		return // laid over white in linear light, as the profile has it
	}
	if got := decoded(t, run(t, kept.Body, parse(t, "f:png"))); apart(got, want) > 4 {
		t.Errorf("scp:0: shown as %v, want %v", got, want)
	}
}

// Steps and formats that need colour go through a grey profile that was to be
// kept, and do not leave it on three channels.
func TestGreyProfileIsNotKeptOnColour(t *testing.T) {
	in := picturetest.WithPNGProfile(picturetest.PNG(flat(image.NewGray, plainGrey)),
		picturetest.Profile("mntr", "GRAY"))
	for options, keeps := range map[string]bool{
		"f:png": true, "f:png/w:8": true, "f:png/pd:4": true, "f:jpg": true, "f:png/bl:1": true, "f:png/sh:1": true,
		"f:jpg/pd:4": false, "f:png/rgb:0:0:1": false, "f:png/mc:0.01:808080": false, "f:png/pngo:0:1": false, "f:webp/bl:1": false,
		"f:png/ph:1": true, "f:avif/w:8": false, "f:png/pix:4": true, "f:png/rot:90": true, "f:png/rc:2": true,
	} {
		pic := run(t, in, parse(t, "scp:0/"+options))
		if info := sniffed(t, pic.Body); info.Profile != keeps {
			t.Errorf("%s: a profile is %v", options, info.Profile)
		}
		pic = run(t, pic.Body, parse(t, "f:png/rs:force:16:16/el:1"))
		if got := decoded(t, pic); apart(got, color.NRGBA{128, 128, 128, 255}) > 4 {
			t.Errorf("%s: shown as %v", options, got)
		}
	}
}

// A watermark needs colour, too.
func TestGreyProfileUnderWatermark(t *testing.T) {
	in := picturetest.WithPNGProfile(picturetest.PNG(flat(image.NewGray, plainGrey)),
		picturetest.Profile("mntr", "GRAY"))
	mark := picturetest.PNG(flat(image.NewNRGBA, color.NRGBA{}))
	var pic transform.Picture
	job := transform.Job{Source: source(t, in), Info: sniffed(t, in), Watermark: source(t, mark),
		WatermarkInfo: sniffed(t, mark),
		Outputs:       []transform.Params{parse(t, "f:png/scp:0/wm:1")}}
	if err := New().Transform(t.Context(), job, func(_ int, p transform.Picture) { pic = p }); err != nil {
		t.Fatal(err)
	}
	if sniffed(t, pic.Body).Profile {
		t.Error("the profile is still in the result")
	}
	if got := decoded(t, pic); apart(got, color.NRGBA{128, 128, 128, 255}) > 1 {
		t.Errorf("shown as %v", got)
	}
}
