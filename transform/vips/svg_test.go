package vips

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// drawing has shapes, a gradient, a filter, transparency and text, in a viewBox of 100 by 60.
func drawing(root string) []byte {
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" ` + root + `><defs>` +
		`<linearGradient id="g"><stop stop-color="#f80"/><stop offset="1" stop-color="#08f"/></linearGradient>` +
		`<filter id="f"><feGaussianBlur stdDeviation="1"/></filter></defs>` +
		`<rect x="5" y="5" width="60" height="40" rx="9" fill="url(#g)"/>` +
		`<circle cx="70" cy="35" r="20" fill="#0a4" fill-opacity=".5" stroke="#222" stroke-width=".7"/>` +
		`<path d="M2 58C30 10 60 80 98 4" fill="none" stroke="#c02" stroke-width="2" filter="url(#f)"/>` +
		`<text x="12" y="32" font-family="DejaVu Sans" font-size="14">Text</text></svg>`)
}

// rsvgConvert draws by librsvg's own program, with an inch of 72 pixels as libvips has it.
func rsvgConvert(t *testing.T, b []byte, arguments ...string) image.Image {
	t.Helper()
	program, err := exec.LookPath("rsvg-convert")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command(program, append([]string{"--dpi-x=72", "--dpi-y=72"}, arguments...)...)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Results have the size and the look of what librsvg's own program draws in that size.
func TestSVGIsDrawnInTheSizeOfTheResult(t *testing.T) {
	const box = `viewBox="0 0 100 60" `
	for root, size := range map[string]string{
		box: "100x60", box + `width="200"`: "200x120", box + `width="50mm" height="30mm"`: "142x85",
		box + `width="2in" height="1.2in"`: "144x86", box + `style="width:40px;height:24px"`: "40x24",
		box + `width="120pt" height="72pt"`: "120x72", box + `width="19.6" height="12.3"`: "20x12",
		box + `width="100%" height="100%"`:                        "100x60",
		box + `width="90" height="90"`:                            "90x90",
		box + `width="90" height="90" preserveAspectRatio="none"`: "90x90",
		`width="100" height="60"`:                                 "100x60",
	} {
		b := drawing(root)
		natural := pixels(t, run(t, b, transform.Params{Format: transform.PNG})).Bounds()
		if got := fmt.Sprintf("%dx%d", natural.Dx(), natural.Dy()); got != size {
			t.Errorf("%s: %s, want %s", root, got, size)
		}
		for _, width := range []int{50, 400, 1000} {
			got := pixels(t, run(t, b, transform.Params{Format: transform.PNG, Width: width}))
			if got.Bounds().Dx() != width {
				t.Errorf("%s: %v, want %d pixels wide", root, got.Bounds(), width)
			}
			want := rsvgConvert(t, b, "-w", fmt.Sprint(width), "-h", fmt.Sprint(got.Bounds().Dy()))
			if d := picturetest.Perceived(got, want); d > 0.6 {
				t.Errorf("%s in %v: %.2f from what rsvg-convert draws", root, got.Bounds(), d)
			}
		}
	}
}

// A crop, a turn and the rest see the drawing in the size that they need, as if it had been an image of that size.
func TestSVGThroughTheSteps(t *testing.T) {
	b := drawing(`width="100" height="60" viewBox="0 0 100 60"`)
	large := picturetest.PNG(rsvgConvert(t, b, "-w", "2000"))
	for _, tc := range []struct{ svg, png string }{
		{"w:300/dpr:2", "w:600"}, {"rs:fill:300:300/g:we", "rs:fill:300:300/g:we"},
		{"c:50:30:nowe/w:500", "c:1000:600:nowe/w:500"}, {"w:200/rot:90", "w:200/rot:90"},
		{"rs:force:300:300", "rs:force:300:300"}, {"w:400/bg:ff0", "w:400/bg:ff0"}, {"w:400/bl:3", "w:400/bl:3"},
		{"w:400/fl:1", "w:400/fl:1"}, {"w:200/ex:1/h:200/rs:fit", "w:200/ex:1/h:200/rs:fit"}, {"t:10/w:400", "t:10/w:400"},
		{"w:400/rc:30", "w:400/rc:30"},
	} {
		got := pixels(t, run(t, b, parse(t, tc.svg+"/f:png")))
		want := pixels(t, run(t, large, parse(t, tc.png+"/f:png")))
		if d := picturetest.Perceived(got, want); got.Bounds() != want.Bounds() && tc.svg != "t:10/w:400" ||
			got.Bounds() == want.Bounds() && d > 1.5 {
			t.Errorf("%s: %v, want %v; distance %.2f", tc.svg, got.Bounds(), want.Bounds(), d)
		}
	}
}

// Alpha stays where the result has it, and goes over the background where it has not.
func TestSVGAlpha(t *testing.T) {
	b := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">` +
		`<rect width="20" height="40" fill="#f00"/>` +
		`<rect x="20" width="10" height="40" fill="#00f" fill-opacity=".5"/></svg>`)
	m := pixels(t, run(t, b, transform.Params{Format: transform.PNG, Width: 80}))
	for x, want := range map[int]color.NRGBA{20: {255, 0, 0, 255}, 50: {0, 0, 255, 128}, 70: {}} {
		if got := color.NRGBAModel.Convert(m.At(x, 40)).(color.NRGBA); got != want {
			t.Errorf("at %d: %v, want %v", x, got, want)
		}
	}
	m = pixels(t, run(t, b, parse(t, "w:80/bg:00ff00/f:jpg")))
	near(t, m, 0.25, 0.5, color.RGBA{255, 0, 0, 255})
	near(t, m, 0.9, 0.5, color.RGBA{0, 255, 0, 255})
}

// Images inside are drawn where they are PNG or JPEG. A style sheet cannot change the size.
func TestSVGInside(t *testing.T) {
	red := image.NewUniform(color.RGBA{200, 10, 10, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, cropped{red, 8, 8}); err != nil {
		t.Fatal(err)
	}
	inside := map[string][]byte{"png": b.Bytes(), "jpeg": picturetest.JPEG(cropped{red, 8, 8}, 95)}
	for kind, data := range inside {
		svg := `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">` +
			`<style>svg{width:9px!important}</style>` +
			`<image width="40" height="40" href="data:image/` + kind + `;base64,` +
			base64.StdEncoding.EncodeToString(data) + `"/></svg>`
		m := pixels(t, run(t, []byte(svg), transform.Params{Format: transform.PNG, Width: 120}))
		if m.Bounds().Dx() != 120 {
			t.Fatal(m.Bounds())
		}
		near(t, m, 0.5, 0.5, color.RGBA{200, 10, 10, 255})
	}
}

type cropped struct {
	image.Image
	w, h int
}

func (c cropped) Bounds() image.Rectangle { return image.Rect(0, 0, c.w, c.h) }

func TestBrokenSVG(t *testing.T) {
	deep := strings.Repeat("<g>", 1000) + strings.Repeat("</g>", 1000)
	for body, want := range map[string]string{
		"<rect></g>": "broken", "&nothing;": "broken", deep: "allows",
		`<use href="#none"/>`: "", `<rect fill="url(#none)" width="x"/>`: "",
	} {
		b := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">` + body + `</svg>`)
		info, err := container.Sniff(b)
		if err != nil {
			t.Fatal(err)
		}
		_, err = runInfo(t, b, info, transform.Params{Format: transform.PNG})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", body, err, want)
		}
	}
}
