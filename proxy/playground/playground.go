// Package playground is the page of `pictor serve --dev`: sample pictures,
// drawn by gen.go, shown through signed URLs of the server that serves them.
package playground

import (
	"bytes"
	"embed"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

//go:generate go run gen.go

//go:embed samples/*.jpg samples/*.gif
var samples embed.FS

//go:embed page.html
var page string

//go:embed icon.svg
var icon []byte

// Samples holds samples/dunes.jpg, samples/harbour.jpg, samples/lights.jpg and the animation
// samples/waves.gif, to be sources under local:///samples/.
func Samples() fs.FS { return samples }

// shot is one image on the page.
type shot struct {
	// Title is the caption, and Alt what the image shows. Options are the
	// segments of the path that make it what it is, and Rest stands for the rest.
	Title, Alt    string
	Options       []string
	Rest, URL     string
	Width, Height int
	Transparent   bool
}

// sample is a shot without its URL: a transform of samples/name, a JPEG where the name has no
// extension.
type sample struct {
	title, alt, name string
	width, height    int
	params           transform.Params
}

var shown = []sample{
	{"Dunes", "Dunes at sunset", "dunes", 480, 320,
		transform.Params{Mode: transform.Fill, Width: 480, Height: 320, DPR: 2, Format: transform.WebP}},
	{"Harbour", "A harbour town by night, with its reflection", "harbour", 480, 320,
		transform.Params{Mode: transform.Fill, Width: 480, Height: 320, DPR: 2, Format: transform.JPEG}},
	{"Lights", "Coloured lights out of focus", "lights", 213, 320,
		transform.Params{Height: 320, DPR: 2, Format: transform.WebP}},
}

var more = []sample{
	{"Fit into a box", "The dunes, the whole image", "dunes", 150, 100,
		transform.Params{Width: 150, Height: 150, Format: transform.JPEG}},
	{"Fill a square", "The dunes, cropped to a square around the centre", "dunes", 150, 150,
		transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Format: transform.JPEG}},
	{"Fill, keep the east", "The dunes, cropped to a square at the right edge", "dunes", 150, 150,
		transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Gravity: transform.At(transform.East),
			Format: transform.JPEG}},
	{"Rotate by 90 degrees", "The harbour, turned clockwise", "harbour", 100, 150,
		transform.Params{Width: 100, Rotate: 90, Format: transform.JPEG}},
	{"Blur", "The harbour, blurred", "harbour", 150, 100,
		transform.Params{Width: 150, Blur: 4, Format: transform.JPEG}},
	{"Circle", "The dunes, cropped to a circle with transparent corners", "dunes", 150, 150,
		transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Mask: transform.Circle,
			Format: transform.WebP}},
	{"Less saturation", "The lights, almost grey", "lights", 100, 150,
		transform.Params{Width: 100, Saturation: transform.Factor{On: true, By: 0.2}, Format: transform.JPEG}},
	{"AVIF", "The harbour as an AVIF", "harbour", 150, 100, transform.Params{Width: 150, Format: transform.AVIF}},
	{"An animation, as WebP", "The harbour by night, with moving water", "waves.gif", 150, 100,
		transform.Params{Width: 150, Format: transform.WebP}},
	{"JPEG, quality 10", "The lights with visible JPEG blocks", "lights", 100, 150,
		transform.Params{Width: 100, Quality: 10, Format: transform.JPEG}},
}

// policy lets the page show this server's images, and do nothing else.
const policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page makes the page once, with URLs signed by ring, and serves it, with its
// icon at /favicon.ico.
func Page(ring *signedurl.Keyring) (http.Handler, error) {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string][]shot{"Shown": signedShots(ring, shown), "More": signedShots(ring, more)})
	if err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, body := w.Header(), b.Bytes()
		h.Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/favicon.ico" {
			body = icon
			h.Set("Content-Type", "image/svg+xml")
		}
		// The key is thrown away with the process, and the URLs with it.
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodHead {
			_, _ = w.Write(body) // the browser may have left
		}
	}), nil
}

func signedShots(ring *signedurl.Keyring, samples []sample) []shot {
	var out []shot
	for _, s := range samples {
		name := s.name
		if !strings.Contains(name, ".") {
			name += ".jpg"
		}
		req := signedurl.Request{Source: "local:///samples/" + name, Params: s.params}
		options := s.params
		options.Format = transform.FormatUnknown // the path has it behind the source
		out = append(out, shot{
			Title: s.title, Alt: s.alt, URL: ring.SignedPath(req, true), Width: s.width, Height: s.height,
			Options: strings.Split(options.String(), "/"), Rest: "…@" + s.params.Format.Ext(),
			Transparent: s.params.Mask == transform.Circle,
		})
	}
	return out
}
