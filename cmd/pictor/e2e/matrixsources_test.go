package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// The kinds of sources, in the order of the tables.
const (
	kindStill, kindAlpha, kindAnimated = "still", "alpha", "animated"
	kindDeep, kindGrey, kindCMYK       = "16 bits", "grey", "CMYK"
	kindProfile, kindTurned            = "profile", "orientation"
)

var matrixKinds = []string{kindStill, kindAlpha, kindAnimated, kindDeep, kindGrey, kindCMYK, kindProfile, kindTurned}

// matrixSource is a source of the matrix.
type matrixSource struct {
	format transform.Format
	kind   string
	bytes  []byte
	// want is what the source shows, or its first frame.
	want image.Image
}

func (s matrixSource) name() string {
	return strings.ReplaceAll(s.kind, " ", "-") + "." + s.format.Ext()
}

// moves are what an animation is besides its pixels. Plays is 0 for without end.
type moves struct{ frames, delay, plays int }

// matrixMoves are those of the matrix' animations; delay is that of each frame, in milliseconds.
var matrixMoves = moves{frames: 4, delay: 70, plays: 3}

// matrixSources makes a source of every kind that its format holds.
func matrixSources(t *testing.T) (list []matrixSource) {
	t.Helper()
	w := &sourceWriter{t: t, dir: t.TempDir()}
	chart := picturetest.Chart(matrixWidth, matrixHeight)
	glass := picturetest.Glass(matrixWidth, matrixHeight)
	grey := image.NewGray(chart.Bounds())
	draw.Draw(grey, grey.Bounds(), chart, image.Point{}, draw.Src)
	w.put("still.png", picturetest.PNG(chart))
	w.put("alpha.png", picturetest.PNG(glass))
	w.put("grey.png", picturetest.PNG(grey))
	w.put("animated.gif", animatedGIF(chart))
	w.vips("colourspace", "still.png", "deep.v", "rgb16")
	w.vips("icc_export", "still.png", "cmyk.v", "--output-profile", "cmyk")
	w.vips("icc_transform", "still.png", "profile.v", "p3", "--input-profile", "srgb")
	w.vips("icc_transform", "cmyk.v", "cmyk.png", "srgb")
	w.put("turned.jpg", picturetest.WithOrientation(picturetest.JPEG(picturetest.Stored(chart, 6), 95), 6))

	add := func(f transform.Format, kind, from, options string, want image.Image) {
		list = append(list, matrixSource{format: f, kind: kind, bytes: w.saved(from, f, options), want: want})
	}
	for _, f := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.GIF, transform.AVIF,
		transform.JXL, transform.HEIC, transform.TIFF, transform.BMP} {
		add(f, kindStill, "still.png", fineOptions[f], chart)
	}
	for _, f := range []transform.Format{transform.PNG, transform.WebP, transform.GIF, transform.AVIF, transform.JXL,
		transform.HEIC, transform.TIFF} {
		add(f, kindAlpha, "alpha.png", fineOptions[f], glass)
	}
	for _, f := range []transform.Format{transform.WebP, transform.GIF} {
		add(f, kindAnimated, "animated.gif[n=-1]", fineOptions[f], chart)
	}
	for _, f := range []transform.Format{transform.PNG, transform.AVIF, transform.JXL, transform.HEIC, transform.TIFF} {
		add(f, kindDeep, "deep.v", deepOptions[f], chart)
	}
	for _, f := range []transform.Format{transform.JPEG, transform.PNG, transform.JXL, transform.TIFF} {
		add(f, kindGrey, "grey.png", fineOptions[f], grey)
	}
	for _, f := range []transform.Format{transform.JPEG, transform.TIFF} {
		add(f, kindCMYK, "cmyk.v", fineOptions[f], w.decoded("cmyk.png"))
	}
	for _, f := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.AVIF, transform.JXL,
		transform.HEIC, transform.TIFF} {
		add(f, kindProfile, "profile.v", fineOptions[f], chart)
	}
	for _, f := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.TIFF} {
		add(f, kindTurned, "turned.jpg", fineOptions[f], chart)
	}
	return append(list,
		matrixSource{format: transform.SVG, kind: kindStill, bytes: chartSVG(true), want: chart},
		matrixSource{format: transform.SVG, kind: kindAlpha, bytes: chartSVG(false), want: glass},
		matrixSource{format: transform.ICO, kind: kindStill, bytes: iconOf(w.read("still.png")), want: chart},
		matrixSource{format: transform.ICO, kind: kindAlpha, bytes: iconOf(w.read("alpha.png")), want: glass})
}

// fineOptions are of savers of libvips, for colours that stay as they are, and deepOptions for more than
// eight bits.
var (
	fineOptions = map[transform.Format]string{
		transform.JPEG: "Q=95,subsample-mode=off", transform.WebP: "lossless", transform.AVIF: "Q=95,compression=av1",
		transform.HEIC: "Q=95,compression=hevc", transform.JXL: "Q=95", transform.TIFF: "compression=lzw",
	}
	deepOptions = map[transform.Format]string{
		transform.AVIF: "Q=95,compression=av1,bitdepth=12", transform.HEIC: "Q=95,compression=hevc,bitdepth=10",
		transform.JXL: "Q=95", transform.TIFF: "compression=deflate",
	}
)

// sourceWriter makes sources with libvips' own tool.
type sourceWriter struct {
	t   *testing.T
	dir string
}

func (w *sourceWriter) path(name string) string { return filepath.Join(w.dir, name) }

func (w *sourceWriter) put(name string, b []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *sourceWriter) read(name string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *sourceWriter) decoded(name string) image.Image {
	w.t.Helper()
	m, err := png.Decode(bytes.NewReader(w.read(name)))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// vips runs an operation from one file of the folder to another.
func (w *sourceWriter) vips(operation, from, to string, args ...string) {
	w.t.Helper()
	args = append([]string{operation, w.path(from), w.path(to)}, args...)
	if out, err := exec.Command("vips", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("vips %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// saved is a file of the folder in another format.
func (w *sourceWriter) saved(from string, f transform.Format, options string) []byte {
	w.t.Helper()
	name := "saved." + f.Ext()
	w.vips("copy", from, fmt.Sprintf("%s[%s]", name, options))
	return w.read(name)
}

// animatedGIF has the picture as its first frame, and then others.
func animatedGIF(first image.Image) []byte {
	g := &gif.GIF{LoopCount: matrixMoves.plays - 1}
	for i := range matrixMoves.frames {
		m := image.NewPaletted(first.Bounds(), color.Palette{picturetest.Red, picturetest.Green, picturetest.Blue,
			picturetest.Yellow, picturetest.Grey})
		draw.Draw(m, m.Bounds(), first, image.Point{}, draw.Src)
		draw.Draw(m, image.Rect(40, 28, 40+8*i, 36), image.NewUniform(picturetest.Blue), image.Point{}, draw.Src)
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, matrixMoves.delay/10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// chartSVG draws a Chart, or a Glass without the middle.
func chartSVG(middle bool) []byte {
	const w, h = matrixWidth, matrixHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">`, w, h)
	rect := func(x, y, width, height int, c color.RGBA) {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="#%02x%02x%02x"/>`, x, y, width, height,
			c.R, c.G, c.B)
	}
	if middle {
		rect(0, 0, w, h, picturetest.Grey)
	}
	rect(0, 0, w/4, h/4, picturetest.Red)
	rect(w-w/4, 0, w/4, h/4, picturetest.Green)
	rect(0, h-h/4, w/4, h/4, picturetest.Blue)
	rect(w-w/4, h-h/4, w/4, h/4, picturetest.Yellow)
	b.WriteString("</svg>")
	return []byte(b.String())
}

// iconOf is an ICO of one PNG.
func iconOf(picture []byte) []byte {
	le := binary.LittleEndian
	b := []byte{0, 0, 1, 0, 1, 0, matrixWidth, matrixHeight, 0, 0, 1, 0, 32, 0}
	b = le.AppendUint32(b, uint32(len(picture)))
	b = le.AppendUint32(b, 22)
	return slices.Concat(b, picture)
}
