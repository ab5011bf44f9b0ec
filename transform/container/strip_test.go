package container

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

const rightsPacket = `<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `">
 <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:r="http://ns.adobe.com/xap/1.0/rights/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  tiff:Make="CameraMaker" r:WebStatement="https://example.com/licence?a=1&amp;b=2">
  <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Ann &lt;3</rdf:li></rdf:Alt></dc:rights>
  <dc:subject>Secret</dc:subject>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`

func TestCopyrightXMP(t *testing.T) {
	out := string(CopyrightXMP([]byte(rightsPacket)))
	for _, want := range []string{"(c) Ann &lt;3", `r:WebStatement="https://example.com/licence?a=1&amp;b=2"`,
		`xmlns:dc="http://purl.org/dc/elements/1.1/"`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	for _, not := range []string{"CameraMaker", "Secret"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is in %s", not, out)
		}
	}
	if again := string(CopyrightXMP([]byte(out))); again != out {
		t.Errorf("filtered twice it is %s", again)
	}
	for name, packet := range map[string]string{
		"empty": "", "no XML": "\x00\x01", "not closed": rightsPacket[:400], "nothing of it": strings.NewReplacer("rights", "x", "r:Web", "tiff:Web").Replace(rightsPacket),
		"an entity": strings.Replace(rightsPacket, "(c) Ann", "&secret;", 1),
	} {
		if out := CopyrightXMP([]byte(packet)); out != nil && name != "nothing of it" {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func iptc(record, tag byte, text string) []byte {
	return append([]byte{0x1c, record, tag, 0, byte(len(text))}, text...)
}

func resources(id byte, data []byte) []byte {
	b := append([]byte("8BIM\x04"), id, 1, 'x')
	b = append(b, 0, 0, 0, byte(len(data)))
	b = append(b, data...)
	if len(data)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestCopyrightIPTC(t *testing.T) {
	record := slices.Concat(iptc(1, 90, "\x1b%G"), iptc(2, 120, "Secret"), iptc(2, 80, "Ann"), iptc(2, 116, "(c)"))
	block := slices.Concat([]byte(photoshop), resources(1, []byte("odd")), resources(4, record))
	out := CopyrightIPTC(block)
	for _, want := range [][]byte{iptc(1, 90, "\x1b%G"), iptc(2, 80, "Ann"), iptc(2, 116, "(c)")} {
		if !bytes.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	if bytes.Contains(out, []byte("Secret")) || len(out)%2 != 0 {
		t.Errorf("%q", out)
	}
	if again := CopyrightIPTC(out); !bytes.Equal(again, out) {
		t.Errorf("filtered twice it is %q", again)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "no Photoshop": block[3:], "cut": block[:len(block)-30], "no rights": slices.Concat([]byte(photoshop), resources(4, iptc(2, 120, "Secret"))),
	} {
		if out := CopyrightIPTC(b); out != nil {
			t.Errorf("%s: %q", name, out)
		}
	}
}

func FuzzCopyright(f *testing.F) {
	f.Add([]byte(rightsPacket))
	f.Add(slices.Concat([]byte(photoshop), resources(4, iptc(2, 80, "Ann"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := CopyrightXMP(b); out != nil && CopyrightXMP(out) == nil {
			t.Fatalf("%q is filtered to %q, which says nothing", b, out)
		}
		if out := CopyrightIPTC(b); out != nil && !bytes.Equal(CopyrightIPTC(out), out) {
			t.Fatalf("%q is filtered to %q, and that to another", b, out)
		}
	})
}

func TestStrip(t *testing.T) {
	jpg := picturetest.JPEG(picturetest.Photo(60, 40, 1), 80)
	withComment := picturetest.WithSegment(jpg, 5, []byte("SecretMaker"))
	png := picturetest.PNG(picturetest.Chart(40, 30))
	text := func(keyword, value string) []byte {
		c := []byte{0, 0, 0, byte(len(keyword) + 1 + len(value))}
		c = append(c, "tEXt"...)
		c = append(c, keyword+"\x00"+value...)
		return append(c, 0, 0, 0, 0)
	}
	intoPNG := func(chunk []byte) []byte { return slices.Concat(png[:33], chunk, png[33:]) }
	var g bytes.Buffer
	if err := gif.Encode(&g, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.White, color.Black}),
		nil); err != nil {
		t.Fatal(err)
	}
	plainGIF := g.Bytes()
	at := len(plainGIF) - 1
	for i := range plainGIF { // before the first frame
		if plainGIF[i] == gifImage && i > 13 {
			at = i
			break
		}
	}
	intoGIF := func(block string) []byte { return slices.Concat(plainGIF[:at], []byte(block), plainGIF[at:]) }
	exif := webpChunk("EXIF", exifBlock(binary.BigEndian, 1)...)
	simple := riffFile(webpLossy(40, 30))
	drop := transform.Params{DropCopyright: true}
	for _, tc := range []struct {
		name string
		in   []byte
		p    transform.Params
		want []byte // nil: not ok
	}{
		{"nothing to strip", jpg, transform.Params{}, jpg},
		{"a maker's segment", withComment, transform.Params{}, jpg},
		{"EXIF", picturetest.WithEXIF(jpg, 1, ""), transform.Params{}, jpg},
		{"metadata kept", withComment, transform.Params{KeepMetadata: true}, withComment},
		{"EXIF that says whose it is", picturetest.WithEXIF(jpg, 1, "(c) Ann Example"), transform.Params{}, nil},
		{"and that may go", picturetest.WithEXIF(jpg, 1, "(c) Ann Example"), drop, jpg},
		{"XMP", picturetest.WithSegment(jpg, 1, []byte(xmpPrefix+"<x/>")), transform.Params{}, jpg},
		{"XMP that says whose it is", picturetest.WithSegment(jpg, 1, []byte(xmpPrefix+rightsPacket)), transform.Params{}, nil},
		{"IPTC that says whose it is", picturetest.WithSegment(jpg, 13, slices.Concat([]byte(photoshop), resources(4, iptc(2, 80, "Ann")))), transform.Params{}, nil},
		{"a profile", picturetest.WithSegment(jpg, 2, []byte(iccPrefix+"\x01\x01data")), transform.Params{}, jpg},
		{"a profile kept", picturetest.WithSegment(jpg, 2, []byte(iccPrefix+"\x01\x01data")), transform.Params{KeepProfile: true}, picturetest.WithSegment(jpg, 2, []byte(iccPrefix+"\x01\x01data"))},
		{"what follows a JPEG", append(slices.Clone(withComment), "trailer"...), transform.Params{}, jpg},
		{"PNG's text", intoPNG(text("Comment", "Secret")), transform.Params{}, png},
		{"PNG's author", intoPNG(text("Author", "Ann")), transform.Params{}, nil},
		{"PNG's author dropped", intoPNG(text("Author", "Ann")), drop, png},
		{"GIF's comment", intoGIF("!\xfe\x06Secret\x00"), transform.Params{}, plainGIF},
		{"GIF's XMP", intoGIF("!\xff\x0bXMP DataXMP\x01x\x00"), transform.Params{}, nil},
		{"WebP's EXIF", riffFile(webpHeader(webpWithEXIF, 40, 30), webpLossy(40, 30), exif), transform.Params{}, simple},
		{"WebP's alpha stays", riffFile(webpHeader(webpWithEXIF|webpWithA, 40, 30), webpLossy(40, 30), exif), transform.Params{}, riffFile(webpHeader(webpWithA, 40, 30), webpLossy(40, 30))},
	} {
		info, err := Sniff(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got, ok := Strip(tc.in, info, tc.p)
		if ok != (tc.want != nil) || ok && !bytes.Equal(got, tc.want) {
			t.Errorf("%s: %d bytes, %v; want %d", tc.name, len(got), ok, len(tc.want))
		}
	}
}

// Whatever is stripped is still the same image, without metadata.
func FuzzStrip(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		StripWebP(slices.Clone(b))
		info, err := Sniff(b)
		if err != nil {
			return
		}
		out, ok := Strip(b, info, transform.Params{DropCopyright: true})
		if !ok {
			return
		}
		again, err := Sniff(out)
		if err != nil || again.Width != info.Width || again.Height != info.Height || again.Format != info.Format ||
			again.Frames != info.Frames || len(out) > len(b) {
			t.Fatalf("%+v became %+v, %v", info, again, err)
		}
	})
}
