package vips

import (
	"bytes"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Pixel operations of their own, to hold the pipeline's against.
func moved(m image.Image, w, h int, from func(x, y int) (int, int)) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.Set(x, y, m.At(from(x, y)))
		}
	}
	return out
}

func clockwise(m image.Image) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	return moved(m, h, w, func(x, y int) (int, int) { return y, h - 1 - x })
}

func leftRight(m image.Image) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	return moved(m, w, h, func(x, y int) (int, int) { return w - 1 - x, y })
}

func topBottom(m image.Image) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	return moved(m, w, h, func(x, y int) (int, int) { return x, h - 1 - y })
}

func orientedXMP(o int) string {
	return strings.Replace(xmpText, `tiff:Make="CameraMaker"`,
		fmt.Sprintf(`tiff:Make="CameraMaker" tiff:Orientation="%d"`, o), 1)
}

// taggedFiles are small charts stored as orientation o says, which their EXIF and
// XMP say, too.
func taggedFiles(t testing.TB, o int) map[string][]byte {
	m := picturetest.Stored(picturetest.Chart(64, 48), o)
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	jpg := picturetest.WithSegment(picturetest.JPEG(m, 90), 1, []byte(xmpHead+orientedXMP(o)))
	jpg = picturetest.WithOrientation(jpg, o)
	exif := picturetest.EXIF(o)
	iTXt := append([]byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), orientedXMP(o)...)
	png := picturetest.WithPNGChunk(picturetest.WithPNGChunk(picturetest.PNG(m), "iTXt", iTXt), "eXIf", exif)
	webp := run(t, picturetest.PNG(m), transform.Params{Format: transform.WebP, Quality: 90}).Body
	webp = picturetest.WebPWithEXIF(webp, w, h, o, "")
	return map[string][]byte{"JPEG": jpg, "PNG": png,
		"WebP": picturetest.WithRIFFChunk(webp, "XMP ", []byte(orientedXMP(o)))}
}

// What a result says of its orientation is true, however the turn that was
// asked for adds to the camera's: all orientations by all turns and flips.
func TestKeptMetadataSaysWhichWayIsUp(t *testing.T) {
	for o := 1; o <= 8; o++ {
		for format, b := range taggedFiles(t, o) {
			for degrees := 0; degrees <= 360; degrees += 90 {
				for flips := range 4 {
					options := fmt.Sprintf("sm:0/rot:%d/fl:%d:%d", degrees, flips&1, flips>>1)
					t.Run(fmt.Sprintf("%s %d %s", format, o, options),
						func(t *testing.T) { checkTurned(t, b, degrees, flips, options) })
				}
			}
		}
	}
}

func checkTurned(t *testing.T, b []byte, degrees, flips int, options string) {
	var want image.Image = picturetest.Chart(64, 48)
	for range degrees / 90 {
		want = clockwise(want)
	}
	if flips&1 != 0 {
		want = leftRight(want)
	}
	if flips&2 != 0 {
		want = topBottom(want)
	}
	pic := run(t, b, parse(t, options)) // which fails where EXIF says another orientation than 1
	m := pixels(t, pic)
	for _, p := range [][2]float64{{0.1, 0.1}, {0.9, 0.1}, {0.1, 0.9}, {0.9, 0.9}} {
		x, y := int(p[0]*float64(want.Bounds().Dx())), int(p[1]*float64(want.Bounds().Dy()))
		near(t, m, p[0], p[1], want.At(x, y))
	}
	if pic.Format == transform.PNG { // which compresses its texts
		pic = run(t, pic.Body, parse(t, "sm:0/f:jpg"))
	}
	if !bytes.Contains(pic.Body, []byte("CameraMaker")) || !bytes.Contains(pic.Body, []byte(`tiff:Orientation="1"`)) {
		t.Errorf("its XMP is %q", xmpOf(pic.Body))
	}
}

func xmpOf(b []byte) []byte {
	if i := bytes.Index(b, []byte("<x:xmpmeta")); i >= 0 {
		return b[i:min(len(b), i+400)]
	}
	return nil
}
