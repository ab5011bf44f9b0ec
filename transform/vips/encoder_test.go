package vips

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func sniffed(t testing.TB, b []byte) transform.Info {
	t.Helper()
	info, err := container.Sniff(b)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func size(t testing.TB, b []byte, options string) int {
	t.Helper()
	return len(run(t, b, parse(t, options)).Body)
}

func TestQuality(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(600, 450, 3), 92)
	for _, f := range []string{"jpg", "webp", "avif"} {
		fine, usual, coarse := size(t, photo, "w:300/q:95/f:"+f), size(t, photo, "w:300/f:"+f),
			size(t, photo, "w:300/q:10/f:"+f)
		if !(fine > usual && usual > coarse) {
			t.Errorf("%s: %d, %d, %d bytes at 95, as usual, at 10", f, fine, usual, coarse)
		}
		if got := size(t, photo, "w:300/fq:jpg:10:webp:10:avif:10/f:"+f); got != coarse {
			t.Errorf("%s: %d bytes by its format's quality of 10, %d by that of 10", f, got, coarse)
		}
		if got := size(t, photo, "w:300/fq:jpg:95:webp:95:avif:95/q:10/f:"+f); got != coarse {
			t.Errorf("%s: the quality of a format goes over that of all", f)
		}
	}
}

// The result is within the bytes that are allowed, and no better one would be.
func TestMaxBytes(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(600, 450, 3), 92)
	for _, f := range []string{"jpg", "webp", "avif"} {
		full := size(t, photo, "w:500/f:"+f)
		most := full / 2
		got := run(t, photo, parse(t, "w:500/mb:"+itoa(most)+"/f:"+f))
		if len(got.Body) > most || len(got.Body) < most/2 {
			t.Errorf("%s: %d bytes where %d are allowed and %d are usual", f, len(got.Body), most, full)
		}
		better := 0
		for q := 10; q <= 80; q++ {
			if n := size(t, photo, "w:500/f:"+f+"/q:"+itoa(q)); n <= most {
				better = max(better, n)
			}
			if f == "avif" {
				q += 9 // it is slow
			}
		}
		// Sizes of WebP do not quite follow the quality, which the search takes for granted.
		if len(got.Body) < better*95/100 {
			t.Errorf("%s: %d bytes, %d would have fitted", f, len(got.Body), better)
		}
		if n := size(t, photo, "w:500/mb:1/f:"+f); n != size(t, photo, "w:500/q:10/f:"+f) {
			t.Errorf("%s: what cannot be met gives %d bytes, not what quality 10 gives", f, n)
		}
		if n := size(t, photo, "w:500/mb:10000000/f:"+f); n != full {
			t.Errorf("%s: a limit that is met anyway changes the result", f)
		}
	}
	if size(t, photo, "w:500/mb:100/f:png") != size(t, photo, "w:500/f:png") {
		t.Error("a PNG has no quality to lower")
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func TestEncoderOptions(t *testing.T) {
	photo := picturetest.PNG(picturetest.Photo(300, 200, 3))
	want := pixels(t, run(t, photo, parse(t, "f:png")))
	info := func(options string) transform.Info { return sniffed(t, run(t, photo, parse(t, options)).Body) }
	if i := info("f:jpg"); i.Scans != 1 {
		t.Errorf("a JPEG has %d scans", i.Scans)
	}
	if i := info("f:jpg/jpgo:1"); i.Scans < 2 {
		t.Error("a progressive JPEG has one scan")
	}
	for options, ratio := range map[string]image.YCbCrSubsampleRatio{"f:jpg": image.YCbCrSubsampleRatio420,
		"f:jpg/jpgo:0:1": image.YCbCrSubsampleRatio444, "f:jpg/q:90": image.YCbCrSubsampleRatio444} {
		m, err := jpeg.Decode(bytes.NewReader(run(t, photo, parse(t, options)).Body))
		if err != nil || m.(*image.YCbCr).SubsampleRatio != ratio {
			t.Errorf("%s: %v, %v", options, m.(*image.YCbCr).SubsampleRatio, err)
		}
	}
	if info("f:png").Interlaced || !info("f:png/pngo:1").Interlaced {
		t.Error("PNG's passes are not as asked")
	}
	if fast, slow := size(t, photo, "f:png/pngo:0:0::1"), size(t, photo, "f:png/pngo:0:0::9"); slow >= fast {
		t.Errorf("a PNG at level 9 has %d bytes, at level 1 %d", slow, fast)
	}
	if info("f:webp").Lossless || !info("f:webp/webpo:lossless").Lossless ||
		!info("f:webp/webpo:near_lossless/q:60").Lossless {
		t.Error("WebP's kind is not as asked")
	}
	if d := picturetest.Distance(want, pixels(t, run(t, photo, parse(t, "f:webp/webpo:lossless")))); d != 0 {
		t.Errorf("a lossless WebP is %v away", d)
	}
	if fast, slow := size(t, photo, "f:webp/webpo::::0"), size(t, photo, "f:webp/webpo::::6"); slow >= fast {
		t.Errorf("a WebP at effort 6 has %d bytes, at effort 0 %d", slow, fast)
	}
	for _, options := range []string{"f:webp/webpo::1", "f:webp/webpo:::photo"} {
		if size(t, photo, options) == size(t, photo, "f:webp") {
			t.Errorf("%s changes nothing", options)
		}
	}
	if info("f:avif").FullChroma || !info("f:avif/avifo:off").FullChroma || info("f:avif/q:95/avifo:on").FullChroma ||
		!info("f:avif/q:95").FullChroma {
		t.Error("AVIF's colour is not at the size asked")
	}
	if d := picturetest.Distance(want, pixels(t, run(t, photo, parse(t, "f:avif/avifo:off:1:1")))); d > 1.5 {
		t.Errorf("a lossless AVIF is %v away", d) // its way to YCbCr rounds
	}
	if fast, slow := size(t, photo, "f:avif/avifo::0"), size(t, photo, "f:avif/avifo::6"); slow == fast {
		t.Error("an AVIF's effort changes nothing")
	}
}

func TestPalette(t *testing.T) {
	photo := picturetest.PNG(picturetest.Photo(120, 90, 3))
	for options, most := range map[string]int{"pngo:0:1": 256, "pngo:0:1:16": 16, "pngo:0:1:10": 16, "pngo:0:1:4": 4,
		"pngo:0:1:2": 2} {
		m, err := png.Decode(bytes.NewReader(run(t, photo, parse(t, "f:png/"+options)).Body))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := m.(*image.Paletted)
		if !ok || len(p.Palette) > most || len(p.Palette) <= most/4 {
			t.Errorf("%s: %T of %d colours", options, m, len(p.Palette))
		}
	}
}

// Tiny images are no smaller than their formats allow.
func TestTinyResults(t *testing.T) {
	for _, f := range transform.Outputs {
		for _, options := range []string{"rt:force/w:1/h:1", "rt:force/w:7/h:3", "rt:force/w:300/h:1"} {
			run(t, chartPNG(), parse(t, options+"/f:"+f.Ext()))
		}
	}
}

func TestSixteenBits(t *testing.T) {
	deep := image.NewNRGBA64(image.Rect(0, 0, 64, 64))
	for i := 0; i < len(deep.Pix); i += 8 {
		copy(deep.Pix[i:], []byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xff, 0xff})
	}
	b := picturetest.PNG(deep)
	for _, tc := range []struct {
		options string
		want    [3]uint32
		within  uint32
	}{
		{"ph:1", [3]uint32{0x1234, 0x5678, 0x9abc}, 0},
		{"ph:1/w:32", [3]uint32{0x1234, 0x5678, 0x9abc}, 2},
		{"ph:1/w:32/rot:90/fl:1/bl:1", [3]uint32{0x1234, 0x5678, 0x9abc}, 8},
		{"w:32", [3]uint32{0x1212, 0x5656, 0x9a9a}, 0x101},
		{"ph:1/br:16", [3]uint32{0x2244, 0x6688, 0xaacc}, 2},
		{"ph:1/co:2", [3]uint32{0, 0x2cf0, 0xb578}, 3},
		{"ph:1/pd:10/bg:123456", [3]uint32{0x1234, 0x5678, 0x9abc}, 0},
	} {
		pic := run(t, b, parse(t, tc.options+"/f:png"))
		if bits := sniffed(t, pic.Body).Bits; bits != 16 == bytes.Contains([]byte(tc.options), []byte("ph:1")) {
			t.Errorf("%s: %d bits", tc.options, bits)
		}
		m := pixels(t, pic)
		r, g, bl, a := m.At(m.Bounds().Dx()/2, m.Bounds().Dy()/2).RGBA()
		for i, v := range [3]uint32{r, g, bl} {
			if d := max(v, tc.want[i]) - min(v, tc.want[i]); d > tc.within || a != 0xffff {
				t.Errorf("%s: %x, want %x", tc.options, [3]uint32{r, g, bl}, tc.want)
			}
		}
	}
	avif := run(t, b, parse(t, "ph:1/f:avif/q:90"))
	if bits := sniffed(t, avif.Body).Bits; bits != 12 {
		t.Errorf("an AVIF of it has %d bits", bits)
	}
	near(t, pixels(t, avif), 0.5, 0.5, color.RGBA{0x12, 0x56, 0x9a, 255})
	again := run(t, avif.Body, parse(t, "ph:1/w:32"))
	if bits := sniffed(t, again.Body).Bits; bits != 12 {
		t.Errorf("an AVIF of that has %d bits", bits)
	}
	near(t, pixels(t, again), 0.5, 0.5, color.RGBA{0x12, 0x56, 0x9a, 255})
	// Alpha is as deep, and half stays half.
	for i := 6; i < len(deep.Pix); i += 8 {
		deep.Pix[i], deep.Pix[i+1] = 0x80, 0
	}
	m := pixels(t, run(t, picturetest.PNG(deep), parse(t, "ph:1/w:32/f:png")))
	if _, _, _, a := m.At(16, 16).RGBA(); a < 0x7ff0 || a > 0x8010 {
		t.Errorf("alpha is %x", a)
	}
}

// wide is a JPEG in Display P3: its numbers are those of c, and mean more.
func wide(t testing.TB, c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			m.Set(x, y, c)
		}
	}
	b := bimgAs(t, picturetest.PNG(m), bimg.Options{Type: bimg.PNG, InputICC: "srgb", OutputICC: "p3"})
	if !sniffed(t, b).Profile {
		t.Fatal("no profile in it")
	}
	return b
}

func TestWideGamut(t *testing.T) {
	// An sRGB red is a duller number in P3.
	b := wide(t, color.RGBA{220, 20, 20, 255})
	inside := color.RGBA{203, 51, 39, 255}
	for _, f := range transform.Outputs {
		plain := run(t, b, transform.Params{Format: f, Quality: 95, Width: 32})
		if sniffed(t, plain.Body).Profile {
			t.Errorf("%v: the profile was not dropped", f)
		}
		near(t, pixels(t, plain), 0.5, 0.5, color.RGBA{220, 20, 20, 255})
		kept := run(t, b, transform.Params{Format: f, Quality: 95, Width: 32, KeepProfile: true})
		is := sniffed(t, kept.Body) // libjxl writes a profile as numbers where it can
		if has := is.Profile || is.Declared != (transform.ColourSpace{}); has != f.HasProfile() {
			t.Errorf("%v: profile kept is %v", f, has)
			continue
		}
		if f.HasProfile() {
			// The numbers are still P3's; who reads the profile sees the same red.
			raw := pixels(t, run(t, kept.Body, transform.Params{Format: transform.PNG, KeepProfile: true}))
			near(t, raw, 0.5, 0.5, inside)
		}
		near(t, pixels(t, run(t, kept.Body, transform.Params{Format: transform.PNG})), 0.5, 0.5,
			color.RGBA{220, 20, 20, 255})
	}
	// Inks are made into colours of light whatever is asked.
	cmyk := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range cmyk.Pix {
		cmyk.Pix[i] = 255
	}
	pic := run(t, cmykJPEG(t, cmyk), transform.Params{Format: transform.JPEG, KeepProfile: true})
	if i := sniffed(t, pic.Body); i.Profile || i.Bands != 3 {
		t.Errorf("%+v", i)
	}
	near(t, pixels(t, pic), 0.5, 0.5, color.White)
}
