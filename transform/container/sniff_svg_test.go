package container

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

const xmlns = ` xmlns="http://www.w3.org/2000/svg"`

func TestSniffSVGSize(t *testing.T) {
	for root, want := range map[string]string{
		`width="20" height="10"`:                                           "20x10",
		`width="20px" height='10PX'`:                                       "20x10",
		`width="1in" height="2.54cm"`:                                      "72x72",
		`width="25.4mm" height="6pc"`:                                      "72x72",
		`width="72pt" height="2em"`:                                        "72x24",
		`width="2ex" height="+1e1"`:                                        "12x10",
		`width="100%" height="100%" viewBox="0 0 24 48"`:                   "24x48",
		`viewBox="-5,-5, 30,15"`:                                           "30x15",
		`width="60" viewBox="0 0 30 15"`:                                   "60x30",
		`height="60" viewBox="0 0 30 15"`:                                  "120x60",
		`width="100%" height="30" viewBox="0 0 30 15"`:                     "60x30",
		`width="19.6" height="12.3"`:                                       "19.6x12.3",
		`style="width:24px;height:30px" width="5" height="5"`:              "24x30",
		`style="Height : 30px !important; width:auto" viewBox="0 0 10 10"`: "30x30",
		``:                                    "300x150",
		`width="80"`:                          "80x150",
		`height="80"`:                         "300x80",
		`width="-5" height="0"`:               "300x150",
		`width="calc(1px)" viewBox="0 0 9 4"`: "9x4",
		`viewBox="0 0 0 5"`:                   "300x150",
		`viewBox="0 0 1 0.25"`:                "2x0.5",
		`viewBox="0 0 1e9 5e8"`:               "1e+06x500000",
	} {
		for _, b := range []string{"<svg" + xmlns + " " + root + "></svg>", "<svg " + root + xmlns + "/>",
			`<s:svg xmlns:s="http://www.w3.org/2000/svg" ` + root + "></s:svg>"} {
			info, err := Sniff([]byte(b))
			got := fmt.Sprintf("%gx%g", round4(info.Vector.Width), round4(info.Vector.Height))
			if err != nil || got != want {
				t.Errorf("%s: %s, %v; want %s", b, got, err, want)
			}
			if err == nil && (info.Format != transform.SVG || !info.Alpha || info.Bands != 4 || info.Width < 1) {
				t.Errorf("%s: %+v", b, info)
			}
		}
	}
}

func round4(v float64) float64 { return float64(int64(v*1e4+0.5)) / 1e4 }

func TestSniffSVGBehindAProlog(t *testing.T) {
	for _, prolog := range []string{
		"\xef\xbb\xbf", "<?xml version='1.0' encoding='UTF-8'?>\n", "\n \t",
		"<!-- a licence with <svg> in it -->" + strings.Repeat("<!-- more -->", 1000),
		`<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">`,
		`<!DOCTYPE svg [<!ENTITY n "http://www.w3.org/2000/svg"><!-- ]> " --><!ENTITY other ">]">]><?a ?>`,
	} {
		info, err := Sniff([]byte(prolog + "<svg" + xmlns + " width='7' height='9'><g/></svg>\n<!-- end -->"))
		if err != nil || info.Width != 7 || info.Height != 9 || info.Vector.Elements != 1 {
			t.Errorf("%.60q: %+v, %v", prolog, info, err)
		}
	}
	b := `<!DOCTYPE svg [<!ENTITY n "http://www.w3.org/2000/svg"><!ENTITY w "33">]>` +
		`<svg xmlns="&n;" width="&w;" height="5"/>`
	if info, err := Sniff([]byte(b)); err != nil || info.Width != 33 {
		t.Errorf("entities: %+v, %v", info, err)
	}
}

func TestSniffSVGRefusals(t *testing.T) {
	in := func(s string) string { return "<svg" + xmlns + ">" + s + "</svg>" }
	for source, want := range map[string]error{
		in(`<foreignObject><p/></foreignObject>`):                                         transform.ErrUnsupported,
		in(`<switch><foreignObject/><text/></switch>`):                                    transform.ErrUnsupported,
		in(`<switch><foreignObject requiredFeatures="x"/><text/></switch>`):               nil,
		in(`<switch/><foreignObject requiredFeatures="x"/>`):                              transform.ErrUnsupported,
		in(`<!-- <foreignObject/> --><![CDATA[<textPath>]]>`):                             nil,
		in(`<text><textPath href="#p">a</textPath></text>`):                               transform.ErrUnsupported,
		in(`<image href="https://example.com/a.gif"/><image href="file:///etc/passwd"/>`): nil,
		in(`<image href="data:image/gif;base64,R0lGODdh"/>`):                              transform.ErrUnsupported,
		in(`<image xlink:href=" DATA:image/svg+xml,%3Csvg/%3E"/>`):                        transform.ErrUnsupported,
		in(`<filter><feImage href="data:image/webp;base64,AAAA"/></filter>`):              transform.ErrUnsupported,
		in(`<image href="data:image/png;base64,iVBORw0KGgo="/>`):                          nil,
		`<svg xmlns="urn:x"/>`:              transform.ErrUnsupported,
		`<svg width="1" height="9999999"/>`: transform.ErrMalformed,
		`<html><svg/></html>`:               transform.ErrUnsupported,
		`<!DOCTYPE HTML><svg/>`:             transform.ErrUnsupported,
		"\xff\xfe<\x00s\x00v\x00g\x00":      transform.ErrUnsupported,
		"\x1f\x8b\x08":                      transform.ErrUnsupported,
	} {
		if info, err := Sniff([]byte(source)); !errors.Is(err, want) || err != nil && info != (transform.Info{}) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
}

func TestSniffSVGThatWasCut(t *testing.T) {
	whole := "<svg" + xmlns + ` width="9" height="9"><g><path d="M0 0>"/></g><text>a</text><!-- c --></svg>`
	for n := strings.Index(whole, "<g>"); n < len(whole); n++ {
		if info, err := Sniff([]byte(whole[:n])); !errors.Is(err, transform.ErrTruncated) || info.Width != 9 {
			t.Errorf("%q: %+v, %v", whole[:n], info, err)
		}
	}
}

func TestSniffSVGCountsWhatItTakes(t *testing.T) {
	picture := encodedSamples(t)[0]
	kind := map[transform.Format]string{transform.PNG: "png", transform.JPEG: "jpeg"}[picture.want.Format]
	b := "<svg" + xmlns + `><filter><feFlood/><feMerge><feMergeNode/></feMerge></filter><filter><feFlood/></filter>` +
		`<text>abc<tspan>de</tspan></text>not text<image href="data:image/` + kind + `;base64,` +
		base64.StdEncoding.EncodeToString(picture.b) + `"/></svg>`
	info, err := Sniff([]byte(b))
	want := transform.VectorInfo{Width: 300, Height: 150, Bytes: int64(len(b)), Elements: 9, Primitives: 3,
		Layers: true, TextBytes: 5, ImagePixels: picture.want.Pixels()}
	if err != nil || info.Vector != want {
		t.Errorf("%+v, %v; want %+v", info.Vector, err, want)
	}
}

// readRoot gives the attributes of the root as the standard library reads them.
func readRoot(b []byte) (map[string]string, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		if e, ok := token.(xml.StartElement); ok {
			all := map[string]string{}
			for _, a := range e.Attr {
				all[a.Name.Local] = a.Value
			}
			return all, nil
		}
	}
}

func TestDrawableSVG(t *testing.T) {
	for source, want := range map[string]string{
		`<svg xmlns="a" width="1in" height='5' id="i" style='fill:"x"'><g/></svg>`: "72 5 0 0 72 5 i",
		`<svg id="i" viewBox="0 0 19.6 12.3" />`:                                   "19.6 12.3 0 0 19.6 12.3 i",
		`<?xml version="1.0"?><svg id="i"/>`:                                       "300 150 0 0 300 150 i",
	} {
		source = strings.Replace(source, `xmlns="a"`, xmlns[1:], 1)
		info, err := Sniff([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		out, ok := DrawableSVG([]byte(source), info)
		root, err := readRoot(out)
		got := strings.Join([]string{root["width"], root["height"], root["viewBox"], root["id"]}, " ")
		styled := strings.Contains(root["style"], ";width:"+root["width"]+"px!important")
		if !ok || err != nil || got != want || !styled {
			t.Errorf("%s: %s (%v), want %s", source, out, err, want)
		}
		if again, err := Sniff(out); err != nil || again.Vector.Width != info.Vector.Width ||
			again.Vector.Elements != info.Vector.Elements {
			t.Errorf("%s: %+v, %v", out, again, err)
		}
	}
}

func FuzzSVG(f *testing.F) {
	for _, s := range []string{
		"<svg" + xmlns + ` width="19.6mm" style="a:b" viewBox="0 0 1 2"><text>a</text><switch><a/></switch></svg>`,
		`<!DOCTYPE svg [<!ENTITY n "33">]><svg width="&n;"><image href="data:image/png;base64,iVBORw0KGgo"/></svg>`,
		"<svg><filter><feFlood/></filter><![CDATA[x]]><!-- y --></svg>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Sniff(b)
		if err != nil || info.Format != transform.SVG {
			return
		}
		if info.Width < 1 || info.Height < 1 || info.Width > mostSVGSide || info.Height > mostSVGSide {
			t.Fatalf("%+v", info)
		}
		out, ok := DrawableSVG(b, info)
		if !ok {
			t.Fatal("sniffed and not drawable")
		}
		if again, err := Sniff(out); err != nil || again.Width != info.Width || again.Height != info.Height {
			t.Fatalf("%q of %dx%d became %q of %dx%d, %v", b, info.Width, info.Height, out, again.Width,
				again.Height, err)
		}
	})
}
