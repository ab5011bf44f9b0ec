// Package picturetest makes pictures for tests, benchmarks and the soak:
// photo-like ones, whose detail and grain cost a codec what a camera's do,
// and charts whose marked corners tell which way up a result is. The same
// arguments always give the same bytes.
package picturetest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
)

// Photo is a photo-like image: slow changes of light, some hundreds of
// edges, texture, and grain as of a sensor. Different seeds differ in all.
func Photo(w, h int, seed uint64) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	// The image is a sum of products of one-dimensional tables, which makes
	// thirty megapixels in a second where a function per pixel takes ten.
	coarse, fine := waveTables(w, seed), waveTables(w, seed+1)
	rows, texture := waveTables(h, seed+2), waveTables(h, seed+3)
	grain := seed*0x9e3779b97f4a7c15 | 1
	for y := range h {
		line := m.Y[y*m.YStride : y*m.YStride+w]
		light, detail := rows[y], texture[y]
		for x := range line {
			grain ^= grain << 13
			grain ^= grain >> 7
			grain ^= grain << 17
			v := 120 + (coarse[x]*light)>>7 + (fine[x]*detail)>>9 + int(grain&15) - 7
			line[x] = uint8(min(max(v, 0), 255))
		}
	}
	for y := range (h + 1) / 2 {
		for x := range (w + 1) / 2 {
			i := y*m.CStride + x
			m.Cb[i] = uint8(128 + coarse[min(2*x, w-1)]/3)
			m.Cr[i] = uint8(128 - rows[min(2*y, h-1)]/3)
		}
	}
	return m
}

// waveTables gives n values of about -100 to 100: waves of several lengths with a
// hard edge now and then.
func waveTables(n int, seed uint64) []int {
	out := make([]int, n)
	phase := float64(seed%97) / 7
	for i := range out {
		u := float64(i) / float64(n) * 2 * math.Pi
		v := 45*math.Sin(u+phase) + 25*math.Sin(7*u+2*phase) + 15*math.Sin(61*u) + 10*math.Sin(float64(i)*0.9+phase)
		if math.Sin(13*u+phase) > 0.8 {
			v = -v
		}
		out[i] = int(v)
	}
	return out
}

// The colours of a Chart's corners.
var (
	Red    = color.RGBA{220, 20, 20, 255}
	Green  = color.RGBA{20, 180, 20, 255}
	Blue   = color.RGBA{20, 20, 220, 255}
	Yellow = color.RGBA{230, 220, 20, 255}
	Grey   = color.RGBA{128, 128, 128, 255}
)

// Chart is a grey image whose corners are coloured a quarter of each side
// wide: red left top, green right top, blue left bottom, yellow right bottom.
func Chart(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, chartColour(x, y, w, h))
		}
	}
	return m
}

func chartColour(x, y, w, h int) color.RGBA {
	left, right := x < w/4, x >= w-w/4
	top, bottom := y < h/4, y >= h-h/4
	switch {
	case left && top:
		return Red
	case right && top:
		return Green
	case left && bottom:
		return Blue
	case right && bottom:
		return Yellow
	}
	return Grey
}

// Framed is a Chart of w by h inside of a border.
func Framed(w, h, border int, c color.Color) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w+2*border, h+2*border))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(border, border, border+w, border+h), Chart(w, h), image.Point{}, draw.Src)
	return m
}

// Glass is a Chart whose grey middle is transparent.
func Glass(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if c := chartColour(x, y, w, h); c != Grey {
				m.Set(x, y, c)
			}
		}
	}
	return m
}

// JPEG encodes a baseline JPEG.
func JPEG(m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err) // writing to memory cannot fail; the image is ours
	}
	return b.Bytes()
}

// PNG encodes a PNG, fast rather than small.
func PNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// WithOrientation puts an EXIF block that says orientation o, 1 to 8, behind
// a JPEG's start marker, where cameras put theirs.
func WithOrientation(jpg []byte, o int) []byte {
	tiff := []byte{'I', 'I', 42, 0, 8, 0, 0, 0, // header, first directory at 8
		1, 0, // one entry: Orientation, SHORT, one value
		0x12, 0x01, 3, 0, 1, 0, 0, 0, byte(o), 0, 0, 0,
		0, 0, 0, 0} // no further directory
	exif := append([]byte("Exif\x00\x00"), tiff...)
	app1 := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(append([]byte{}, jpg[:2]...), app1...), jpg[2:]...)
}

// storedPlace says where a pixel of the upright image, w by h, is stored when
// EXIF says orientation o.
func storedPlace(o, x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, w - 1 - x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return h - 1 - y, x
	}
	return x, y
}

// Stored lays an upright image out as a camera stores it that was held in
// such a way that EXIF says orientation o.
func Stored(m image.Image, o int) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	sw, sh := w, h
	if o >= 5 {
		sw, sh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for y := range h {
		for x := range w {
			sx, sy := storedPlace(o, x, y, w, h)
			out.Set(sx, sy, m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y))
		}
	}
	return out
}

// Distance is the mean difference of two images of one size over all
// pixels and the channels red, green and blue, 0 to 255. It is infinite where
// the sizes differ.
func Distance(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() {
		return math.Inf(1)
	}
	var sum float64
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	for y := range h {
		for x := range w {
			r1, g1, b1, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			r2, g2, b2, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			sum += math.Abs(float64(r1)-float64(r2)) + math.Abs(float64(g1)-float64(g2)) +
				math.Abs(float64(b1)-float64(b2))
		}
	}
	return sum / 257 / 3 / float64(w*h)
}

// GIFStill is a GIF of one frame, w by h, of a Chart's colours and grain.
func GIFStill(w, h int) []byte {
	m := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{Red, Green, Blue, Yellow, Grey})
	draw.Draw(m, m.Bounds(), Chart(w, h), image.Point{}, draw.Src)
	for i := range m.Pix {
		if i*i%7 == 3 {
			m.Pix[i] = uint8(i % 5)
		}
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}
