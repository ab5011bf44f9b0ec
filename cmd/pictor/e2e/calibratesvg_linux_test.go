package e2e

import (
	"encoding/base64"
	"fmt"
	"image"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// drawings are SVGs of which each has much of one thing.
func drawings() map[string][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	path := func(points int) string {
		var b strings.Builder
		fmt.Fprintf(&b, `<path fill="#%06x" d="M%d %d`, r.IntN(1<<24), r.IntN(200), r.IntN(200))
		for range points {
			fmt.Fprintf(&b, "c%.2f %.2f %.2f %.2f %.2f %.2f", r.Float64(), r.Float64(), r.Float64(), r.Float64(),
				r.Float64(), r.Float64())
		}
		return b.String() + `z"/>`
	}
	paths := func(n, points int) string {
		var b strings.Builder
		for range n {
			b.WriteString(path(points))
		}
		return b.String()
	}
	const shape = `<rect x="20" y="20" width="160" height="160" fill="#f80"/>`
	filter := func(steps string) string {
		return `<filter id="f" x="-1" y="-1" width="3" height="3">` + steps +
			`</filter><g filter="url(#f)">` + shape + `</g>`
	}
	jpeg := base64.StdEncoding.EncodeToString(photo(3000, 2000))
	deep := image.NewNRGBA64(image.Rect(0, 0, 2000, 1500))
	for i := range deep.Pix {
		deep.Pix[i] = byte(i >> 3)
	}
	png := base64.StdEncoding.EncodeToString(picturetest.PNG(deep))
	all := map[string][]byte{}
	for name, inside := range map[string]string{
		"icon": path(20), "illustration": paths(2000, 20), "map": paths(50, 4000), "elements": strings.Repeat("<rect/>", 50_000),
		"styled":     "<style>.a{fill:red;stroke:#00f}</style>" + strings.Repeat(`<rect class="a" width="9" height="9"/>`, 10_000),
		"label":      `<text y="100" font-size="30">A label</text>`,
		"text":       `<text y="20">` + strings.Repeat("several words ", 1000) + `</text>`,
		"layers":     strings.Repeat(`<g opacity=".9">`+shape, 4) + strings.Repeat("</g>", 4),
		"masks":      `<mask id="m">` + shape + `</mask>` + strings.Repeat(`<g mask="url(#m)">`+shape+`</g>`, 5),
		"shadow":     filter(`<feDropShadow dx="4" dy="4" stdDeviation="4"/>`),
		"filters":    filter(strings.Repeat(`<feGaussianBlur stdDeviation="2"/><feOffset dx="1"/>`, 5)),
		"image":      `<image width="200" height="200" href="data:image/jpeg;base64,` + jpeg + `"/>`,
		"image-deep": `<image width="200" height="200" href="data:image/png;base64,` + png + `"/>`,
	} {
		all[name] = svgOf(inside)
	}
	return all
}

// Drawing takes what is in the document, and surfaces of a tile.
func TestWorkingSetHoldsSVG(t *testing.T) {
	calibrates(t)
	set := newPictures(t)
	var charges []charge
	all := drawings()
	tiny := svgOf(`<text y="9">a</text>`)
	for _, name := range fewOf(slices.Sorted(maps.Keys(all)), 4) {
		for _, options := range []string{"w:64/f:png", "w:2500/f:webp", "c:100:100/w:1500/f:png"} {
			req, err := signedurl.ParseUnsigned("/" + options + "/plain/x")
			if err != nil {
				t.Fatal(err)
			}
			c := set.measureFile(name+" "+options, all[name], tiny, req.Params)
			charges = append(charges, c)
			c.check(t)
		}
	}
	t.Logf("working sets of SVGs, MiB:\n%s", table(charges))
}
