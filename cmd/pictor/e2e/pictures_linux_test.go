package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// source is a picture of the calibration: how it is encoded, and its size.
type source struct {
	form          string
	width, height int
}

// megapixels is a source of about so many, three to two.
func megapixels(form string, mp float64) source {
	h := int(math.Sqrt(mp * 1e6 * 2 / 3))
	return source{form, h * 3 / 2, h}
}

// forms are the kinds of source. What Go's encoders cannot write is written by
// cjxl or one of the vips program's commands: IN is the photo as a JPEG, ALPHA the
// same with an alpha channel, GREY without its colour, PNG and PNG-ALPHA are the
// forms of these names, FRAMES an animation of it, MOVIE, RESTORING and LONG the
// animations of movieFrames, OUT the file to make. Encoders work at their least
// effort where that changes the bytes but not what they take to decode. libheif's
// encoder writes no 10 bits; 12 take the same two bytes a sample.
var forms = map[string]struct{ ext, command string }{
	"jpeg":             {"jpg", ""},
	"jpeg-turned":      {"jpg", ""},
	"jpeg-444":         {"jpg", "jpegsave IN OUT --Q 90 --subsample-mode off"},
	"jpeg-p3":          {"jpg", "jpegsave IN OUT --Q 85 --profile p3"},
	"jpeg-grey":        {"jpg", "colourspace IN OUT b-w"},
	"jpeg-cmyk":        {"jpg", "icc_export IN OUT --output-profile cmyk"},
	"progressive":      {"jpg", "jpegsave IN OUT --Q 85 --interlace"},
	"progressive-444":  {"jpg", "jpegsave IN OUT --Q 85 --interlace --subsample-mode off"},
	"progressive-grey": {"jpg", "colourspace IN OUT[interlace] b-w"},
	"progressive-cmyk": {"jpg", "icc_export IN OUT[interlace] --output-profile cmyk"},
	"png":              {"png", "pngsave IN OUT --compression 1"},
	"png-grain":        {"png", ""},
	"png-alpha":        {"png", "pngsave ALPHA OUT --compression 1"},
	"png-palette":      {"png", ""},
	"png-grey":         {"png", "colourspace IN OUT[compression=1] b-w"},
	"png-16":           {"png", "colourspace IN OUT[compression=1] rgb16"},
	"png-16-alpha":     {"png", "colourspace ALPHA OUT[compression=1] rgb16"},
	"png-16-hdr":       {"png", "colourspace IN OUT[compression=1] rgb16"},
	"png-16-alpha-hdr": {"png", "colourspace ALPHA OUT[compression=1] rgb16"},
	"interlaced":       {"png", "pngsave IN OUT --compression 1 --interlace"},
	"interlaced-alpha": {"png", "pngsave ALPHA OUT --compression 1 --interlace"},
	"interlaced-16":    {"png", "colourspace IN OUT[compression=1,interlace] rgb16"},
	"webp":             {"webp", "webpsave IN OUT --effort 0"},
	"webp-alpha":       {"webp", "webpsave ALPHA OUT --effort 4"}, // less leaves the alpha plane plain
	"webp-animated":    {"webp", "webpsave FRAMES[n=-1] OUT --effort 0"},
	"lossless":         {"webp", "webpsave IN OUT --effort 0 --lossless"},
	"lossless-alpha":   {"webp", "webpsave ALPHA OUT --effort 0 --lossless"},
	"gif":              {"gif", ""},
	"gif-animated":     {"gif", ""},
	"gif-restoring":    {"gif", ""},
	"movie":            {"gif", ""},
	"movie-long":       {"gif", ""},
	"movie-noise":      {"gif", ""},
	"movie-restoring":  {"gif", ""},
	"webp-movie":       {"webp", "webpsave MOVIE[n=-1] OUT --effort 0"},
	"webp-movie-alpha": {"webp", "webpsave RESTORING[n=-1] OUT --effort 0"},
	"webp-movie-exact": {"webp", "webpsave MOVIE[n=-1] OUT --effort 0 --lossless"},
	"webp-movie-long":  {"webp", "webpsave LONG[n=-1] OUT --effort 0"},
	"avif":             {"avif", "heifsave IN OUT --compression av1 --effort 0"},
	"avif-444":         {"avif", "heifsave IN OUT --compression av1 --effort 0 --subsample-mode off"},
	"avif-grey":        {"avif", "heifsave GREY OUT --compression av1 --effort 0"},
	"avif-alpha":       {"avif", "heifsave ALPHA OUT --compression av1 --effort 0"},
	"avif-12":          {"avif", "heifsave IN OUT --compression av1 --effort 0 --bitdepth 12"},
	"avif-12-444":      {"avif", "heifsave IN OUT --compression av1 --effort 0 --bitdepth 12 --subsample-mode off"},
	"heic":             {"heic", "heifsave IN OUT --compression hevc --effort 0 --strip"},
	"heic-444":         {"heic", "heifsave IN OUT --compression hevc --effort 0 --strip --subsample-mode off"},
	"heic-grey":        {"heic", "heifsave GREY OUT --compression hevc --effort 0 --strip"},
	"heic-alpha":       {"heic", "heifsave ALPHA OUT --compression hevc --effort 0 --strip"},
	"heic-10":          {"heic", "heifsave IN OUT --compression hevc --effort 0 --strip --bitdepth 10"},
	"heic-10-alpha":    {"heic", "heifsave ALPHA OUT --compression hevc --effort 0 --strip --bitdepth 10"},
	"heic-turned":      {"heic", ""},
	"heic-grid":        {"heic", ""},
	"heic-grid-turned": {"heic", ""},
	"avif-12-alpha":    {"avif", "heifsave ALPHA OUT --compression av1 --effort 0 --bitdepth 12"},
	"avif-12-hdr":      {"avif", "heifsave IN OUT --compression av1 --effort 0 --bitdepth 12 --strip"},
	"jxl":              {"jxl", "jxlsave IN OUT --effort 3"},
	"jxl-coarse":       {"jxl", "jxlsave IN OUT --effort 3 --Q 30"}, // in two frames
	"jxl-grey":         {"jxl", "jxlsave GREY OUT --effort 3"},
	"jxl-alpha":        {"jxl", "jxlsave ALPHA OUT --effort 3"},
	"jxl-16":           {"jxl", "colourspace IN OUT[effort=3] rgb16"},
	"jxl-exact":        {"jxl", "jxlsave IN OUT --effort 3 --lossless"},
	"jxl-exact-alpha":  {"jxl", "jxlsave ALPHA OUT --effort 3 --lossless"},
	"jxl-exact-16":     {"jxl", "colourspace IN OUT[effort=3,lossless] rgb16"},

	// Planes that go through a squeeze take the most to decode. By itself libjxl 0.7 squeezes alpha, and 0.11 nothing.
	"jxl-squeezed-alpha": {"jxl", "cjxl PNG-ALPHA OUT -e 3 -d 1 -R 1"},
	"jxl-squeezed-exact": {"jxl", "cjxl PNG OUT -e 3 -d 0 -R 1"},

	"tiff":             {"tif", "tiffsave IN OUT --compression lzw"},
	"tiff-tiles":       {"tif", "tiffsave IN OUT --compression deflate --tile --tile-width 512 --tile-height 512"},
	"tiff-jpeg":        {"tif", "tiffsave IN OUT --compression jpeg --tile"},
	"tiff-alpha":       {"tif", "tiffsave ALPHA OUT --compression deflate"},
	"tiff-16":          {"tif", "colourspace IN OUT[compression=lzw] rgb16"},
	"tiff-cmyk":        {"tif", "icc_export IN OUT[compression=lzw] --output-profile cmyk"},
	"tiff-strip":       {"tif", ""},
	"tiff-planes":      {"tif", ""},
	"tiff-planes-16":   {"tif", ""},
	"tiff-planes-rows": {"tif", ""},
	"tiff-tiles-1024":  {"tif", ""},
	"tiff-multiplied":  {"tif", ""},
	"tiff-bilevel":     {"tif", ""},
	"tiff-jpeg-strip":  {"tif", ""},
	"bmp":              {"bmp", ""},
	"bmp-palette":      {"bmp", ""},
	"bmp-masks":        {"bmp", ""},
	"bmp-alpha":        {"bmp", ""},
	"ico-png":          {"ico", ""},
	"ico-bitmap":       {"ico", ""},
	"ico-bitmap-8":     {"ico", ""},
	"tiff-pages":       {"tif", ""},
	"tiff-pages-tiles": {"tif", ""},
}

// pictures makes the sources of the calibration, all of one photo-like
// picture for each size. Tests share them, but for those of a whole calibration, which are too many to keep.
type pictures struct {
	t   testing.TB
	dir string
	// last is the latest photo: making one takes longer than encoding it.
	last *image.YCbCr
}

func newPictures(t testing.TB) *pictures {
	if os.Getenv(calibrateAll) != "" {
		return &pictures{t: t, dir: t.TempDir()}
	}
	return &pictures{t: t, dir: scratch}
}

// made are locks by path: a file is made once, and read when it is whole.
var made sync.Map

// once has a file made where there is none.
func (s *pictures) once(path string, write func(string)) string {
	lock, _ := made.LoadOrStore(path, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	if _, err := os.Stat(path); err != nil {
		write(path)
	}
	return path
}

// file is the bytes of a source, made when first asked for.
func (s *pictures) file(of source) []byte {
	s.t.Helper()
	form, ok := forms[of.form]
	if !ok {
		s.t.Fatalf("no form %q", of.form)
	}
	b, err := os.ReadFile(s.once(s.path(of, form.ext), func(path string) { s.write(of, form.command, path) }))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// write makes a source by a command of vips, or by an encoder in Go.
func (s *pictures) write(of source, command, path string) {
	if command != "" {
		s.run(of, command, path)
	} else if err := os.WriteFile(path, s.encode(of), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if !strings.HasSuffix(of.form, "-hdr") {
		return
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, inHDR(b), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// inHDR is a PNG or an AVIF of which it says that it is in HLG, which takes more than PQ to show. What libheif writes
// of colours depends on its version, so that an AVIF is laid out anew.
func inHDR(b []byte) []byte {
	const bt2020, hlg, bt601 = 9, 18, 6
	if bytes.HasPrefix(b, []byte("\x89PNG")) {
		return picturetest.WithPNGChunk(b, "cICP", []byte{bt2020, hlg, 0, 1})
	}
	return picturetest.WithAVIFCode(b, bt2020, hlg, bt601)
}

// forget removes the files of a source and those it was made from, if they are the test's own.
func (s *pictures) forget(of source) {
	if s.dir == scratch {
		return
	}
	files, _ := filepath.Glob(filepath.Join(s.dir, fmt.Sprintf("%dx%d-*", of.width, of.height)))
	for _, f := range files {
		os.Remove(f)
	}
}

func (s *pictures) path(of source, ext string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%dx%d-%s.%s", of.width, of.height, of.form, ext))
}

func (s *pictures) photo(of source) *image.YCbCr {
	if s.last == nil || s.last.Rect.Dx() != of.width || s.last.Rect.Dy() != of.height {
		s.last = picturetest.Photo(of.width, of.height, 1)
	}
	return s.last
}

// encode writes what Go's encoders can.
func (s *pictures) encode(of source) []byte {
	if movie, ok := movieOf(of); ok {
		return movie.Encode()
	}
	if strings.HasPrefix(of.form, "heic") {
		return s.encodeHEIC(of)
	}
	m := s.photo(of)
	if ext := forms[of.form].ext; ext == "bmp" || ext == "ico" {
		return bitmapOf(of.form, m)
	}
	if strings.HasPrefix(of.form, "tiff-pages") {
		return tiffPages(of.form, m)
	}
	if forms[of.form].ext == "tif" {
		return tiffOf(of.form, m)
	}
	switch of.form {
	case "jpeg":
		return picturetest.JPEG(m, 85)
	case "jpeg-turned":
		return picturetest.WithOrientation(picturetest.JPEG(m, 85), 6)
	case "png-grain":
		return picturetest.PNG(grainy(m))
	case "png-palette":
		return picturetest.PNG(indexed(m))
	}
	all := &gif.GIF{}
	frames, disposal := 1, byte(gif.DisposalNone)
	if of.form == "gif-animated" {
		frames = 3
	}
	if of.form == "gif-restoring" {
		frames, disposal = 2, gif.DisposalPrevious
	}
	for i := range frames {
		frame := indexed(m)
		frame.Pix[i] ^= 1 // alike, or encoders join them
		all.Image = append(all.Image, frame)
		all.Delay = append(all.Delay, 10)
		all.Disposal = append(all.Disposal, disposal)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, all); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}

// encodeHEIC lays out anew what libvips writes: turned, or of tiles as phones write it.
func (s *pictures) encodeHEIC(of source) []byte {
	const side = 512 // of tiles
	turned := box("irot", []byte{1})
	switch of.form {
	case "heic-grid":
		return picturetest.Grid(s.file(source{"heic", side, side}), of.width, of.height)
	case "heic-grid-turned":
		return picturetest.Grid(s.file(source{"heic", side, side}), of.width, of.height, turned)
	}
	return picturetest.AVIF(s.file(source{"heic", of.width, of.height}), 6, nil)
}

// grainy is a photo as a camera at its limit takes it.
func grainy(m *image.YCbCr) *image.YCbCr {
	grain := rand.New(rand.NewPCG(1, 2))
	add := func(plane []uint8, spread float64) []uint8 {
		out := make([]uint8, len(plane))
		for i, v := range plane {
			out[i] = uint8(min(max(float64(v)+grain.NormFloat64()*spread, 0), 255))
		}
		return out
	}
	out := *m
	out.Y, out.Cb, out.Cr = add(m.Y, 15), add(m.Cb, 8), add(m.Cr, 8)
	return &out
}

// indexed takes the light of a photo for indices of a palette: as many
// colours, and as much grain, as a dithered picture has.
func indexed(m *image.YCbCr) *image.Paletted {
	colours := slices.Clone(palette.Plan9)
	colours[255] = color.NRGBA{} // see-through, as most such pictures have
	return &image.Paletted{Pix: slices.Clone(m.Y), Stride: m.YStride, Rect: m.Rect, Palette: colours}
}

// run runs one of vips' commands.
func (s *pictures) run(of source, command, out string) {
	s.t.Helper()
	var args []string
	for _, a := range strings.Fields(command) {
		args = append(args, s.operand(of, a, out))
	}
	if args[0] == "cjxl" {
		s.program(args[0], args[1:]...)
		return
	}
	s.vips(args...)
}

func (s *pictures) vips(args ...string) {
	s.t.Helper()
	s.program("vips", args...)
}

func (s *pictures) program(name string, args ...string) {
	s.t.Helper()
	if b, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, b)
	}
}

// operand puts a file in the place of an upper-case word.
func (s *pictures) operand(of source, a, out string) string {
	word, options, _ := strings.Cut(a, "[")
	if options != "" {
		options = "[" + options
	}
	by := map[string]func(source) string{"IN": s.colour, "ALPHA": s.withAlpha, "GREY": s.grey, "FRAMES": s.frames,
		"PNG": s.made("png"), "PNG-ALPHA": s.made("png-alpha"), "MOVIE": s.made("movie"),
		"RESTORING": s.made("movie-restoring"), "LONG": s.made("movie-long")}[word]
	switch {
	case by != nil:
		return by(of) + options
	case word == "OUT":
		return out + options
	}
	return a
}

func (s *pictures) colour(of source) string {
	of.form = "jpeg"
	s.file(of)
	return s.path(of, "jpg")
}

// made is the file of another form.
func (s *pictures) made(form string) func(source) string {
	return func(of source) string {
		of.form = form
		s.file(of)
		return s.path(of, forms[form].ext)
	}
}

func (s *pictures) frames(of source) string {
	of.form = "gif-animated"
	s.file(of)
	return s.path(of, "gif")
}

func (s *pictures) grey(of source) string {
	of.form = "grey"
	return s.once(s.path(of, "v"), func(path string) { s.vips("colourspace", s.colour(of), path, "b-w") })
}

// withAlpha is the photo with its own green for alpha: of detail and grain
// like the rest, which is the most that an alpha channel costs.
func (s *pictures) withAlpha(of source) string {
	of.form = "alpha"
	return s.once(s.path(of, "v"), func(path string) {
		colour, green := s.colour(of), path+".green.v"
		s.vips("extract_band", colour, green, "1")
		s.vips("bandjoin", colour+" "+green, path)
		os.Remove(green)
	})
}
