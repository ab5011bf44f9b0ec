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

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

//go:generate go run gen.go

//go:embed samples/*.jpg
var samples embed.FS

//go:embed page.html
var page string

// Samples holds samples/dunes.jpg, samples/harbour.jpg and samples/lights.jpg,
// to be sources under local:///samples/.
func Samples() fs.FS { return samples }

// shot is one picture on the page.
type shot struct {
	// Title is what a reader sees, Options what the URL says.
	Title, Options string
	URL            string
	Width, Height  int
}

// sample is a shot without its URL: what is made of samples/name.jpg.
type sample struct {
	title, name   string
	width, height int
	params        transform.Params
}

var shown = []sample{
	{"Dunes", "dunes", 480, 320, transform.Params{Mode: transform.Fill, Width: 480, Height: 320, DPR: 2, Format: transform.WebP}},
	{"Harbour", "harbour", 480, 320, transform.Params{Mode: transform.Fill, Width: 480, Height: 320, DPR: 2, Format: transform.JPEG}},
	{"Lights", "lights", 213, 320, transform.Params{Height: 320, DPR: 2, Format: transform.WebP}},
}

var more = []sample{
	{"fit into a box", "dunes", 150, 100, transform.Params{Width: 150, Height: 150, Format: transform.JPEG}},
	{"fill a square", "dunes", 150, 150, transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Format: transform.JPEG}},
	{"fill, keep the east", "dunes", 150, 150, transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Gravity: transform.At(transform.East), Format: transform.JPEG}},
	{"turn by 90 degrees", "harbour", 100, 150, transform.Params{Width: 100, Rotate: 90, Format: transform.JPEG}},
	{"blur", "harbour", 150, 100, transform.Params{Width: 150, Blur: 4, Format: transform.JPEG}},
	{"a circle", "dunes", 150, 150, transform.Params{Mode: transform.Fill, Width: 150, Height: 150, Mask: transform.Circle, Format: transform.WebP}},
	{"less colour", "lights", 100, 150, transform.Params{Width: 100, Saturation: transform.Factor{On: true, By: 0.2}, Format: transform.JPEG}},
	{"as AVIF", "harbour", 150, 100, transform.Params{Width: 150, Format: transform.AVIF}},
	{"JPEG at quality 10", "lights", 100, 150, transform.Params{Width: 100, Quality: 10, Format: transform.JPEG}},
}

// Page makes the page once, with URLs signed by ring, and serves it.
func Page(ring *signedurl.Keyring) (http.Handler, error) {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string][]shot{"Shown": shots(ring, shown), "More": shots(ring, more)}); err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		// The key is thrown away with the process, and the URLs with it.
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'")
		if r.Method != http.MethodHead {
			_, _ = w.Write(b.Bytes()) // the browser may have left
		}
	}), nil
}

func shots(ring *signedurl.Keyring, samples []sample) []shot {
	var out []shot
	for _, s := range samples {
		req := signedurl.Request{Source: "local:///samples/" + s.name + ".jpg", Params: s.params}
		out = append(out, shot{Title: s.title, Options: s.params.String(), URL: ring.SignedPath(req, true), Width: s.width, Height: s.height})
	}
	return out
}
