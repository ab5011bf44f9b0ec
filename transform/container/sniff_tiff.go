package container

import (
	"errors"
	"fmt"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// maxTIFFPages is how many pages of a TIFF are counted. What follows is not looked at.
const maxTIFFPages = 4096

// isTIFF says whether b begins as a TIFF does, classic or big.
func isTIFF(b []byte) bool {
	for _, magic := range []string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"} {
		if hasMagic(b, 0, magic) {
			return true
		}
	}
	return false
}

// sniffTIFF describes the page info.Page, and looks at the others for where they end.
func sniffTIFF(b []byte, info *transform.Info) error {
	f, at, err := openTIFF(b)
	if err != nil {
		return err
	}
	if hasMagic(b, 8, "CR\x02") {
		return notRead("this is a Canon raw image" + readable)
	}
	var bad, cut error
	page, pages := info.Page, 0
	seen := map[uint64]bool{}
	for at != 0 && pages < maxTIFFPages && !seen[at] {
		seen[at] = true
		d, err := f.directory(at)
		switch {
		case pages == page && err == nil:
			err = d.describe(info)
		case pages == page:
			_ = d.describeSize(info) // as far as it is there
		case err == nil:
			err = d.checkParts()
		}
		if err != nil && (pages == page || errors.Is(err, transform.ErrTruncated)) {
			bad, cut = firstError(bad, cut, err)
		}
		if f.work < 0 {
			return malformedError("the pages of the TIFF share their parts")
		}
		if at = d.next; d.whole {
			pages++
		}
	}
	info.Frames = max(1, pages)
	switch {
	case bad != nil:
		return bad
	case cut != nil:
		return cut
	case pages == 0:
		return malformedError("the TIFF has no page")
	case page >= pages:
		return noPage(info, page)
	}
	return nil
}

// firstError keeps the first error of each kind: the file ends, or it is wrong.
func firstError(bad, cut, err error) (_, _ error) {
	if errors.Is(err, transform.ErrTruncated) {
		if cut == nil {
			cut = err
		}
	} else if bad == nil {
		bad = err
	}
	return bad, cut
}

// tiffCompressions are those that are read, and the names of others.
var tiffCompressions = map[uint64]struct {
	name string
	read bool
}{
	1: {"no", true}, 2: {"CCITT", true}, 3: {"CCITT", true}, 4: {"CCITT", true}, 5: {"LZW", true}, 7: {"JPEG", true},
	8: {"Deflate", true}, 32946: {"Deflate", true}, 32773: {"PackBits", true}, 6: {"old JPEG", false},
	32771: {"CCITT", true}, 34712: {"JPEG 2000", false}, 33003: {"JPEG 2000", false}, 33004: {"JPEG 2000", false},
	33005: {"JPEG 2000", false}, 34925: {"LZMA", false}, 50000: {"Zstandard", false}, 50001: {"WebP", false},
	50002: {"JPEG XL", false}, 52546: {"JPEG XL", false}, 34887: {"LERC", false}, 34661: {"JBIG", false},
	34676: {"SGI LogLuv", false}, 34677: {"SGI LogLuv", false},
}

const tiffJPEG = 7

func (d *tiffDirectory) checkCompression() error {
	kind := d.first(tiffCompression, 1)
	switch c := tiffCompressions[kind]; {
	case c.read:
		return nil
	case c.name != "":
		return notRead("TIFFs with " + c.name + " compression are not supported")
	}
	return notRead(fmt.Sprintf("TIFFs with compression %d are not supported", kind))
}

// The kinds of samples (PhotometricInterpretation) that are read.
const (
	tiffWhiteIsZero = 0
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffIndexed     = 3
	tiffInks        = 5
	tiffYCbCr       = 6
	tiffLab         = 8
)

// tiffSpaces are the colours of each kind, the depths that are read, as bits of a mask, and the
// colour spaces of a profile that fits.
var tiffSpaces = map[uint64]struct {
	colours uint64
	depths  uint64
	profile string
}{
	tiffWhiteIsZero: {1, 1<<1 | 1<<2 | 1<<4 | 1<<8 | 1<<16, "GRAY"},
	tiffBlackIsZero: {1, 1<<1 | 1<<2 | 1<<4 | 1<<8 | 1<<16, "GRAY"},
	tiffRGB:         {3, 1<<8 | 1<<16, "RGB "},
	tiffIndexed:     {1, 1<<1 | 1<<2 | 1<<4 | 1<<8, "RGB "},
	tiffInks:        {4, 1<<8 | 1<<16, "CMYK"},
	tiffYCbCr:       {3, 1 << 8, "RGB "},
	tiffLab:         {3, 1<<8 | 1<<16, "Lab "},
}

// describe fills info from the directory, and checks that libvips reads such a TIFF right.
func (d *tiffDirectory) describe(info *transform.Info) error {
	if err := d.describeSize(info); err != nil {
		return err
	}
	if o := d.first(exifTagOrientation, 1); o >= 1 && o <= 8 {
		info.Orientation = int(o)
	}
	if d.has(tiffDNGVersion) || d.first(tiffSubfileType, 0)&1 != 0 && d.has(tiffSubDirectories) {
		return notRead("this is a camera's raw image" + readable)
	}
	for _, check := range []func() error{d.checkCompression, d.checkSamples} {
		if err := check(); err != nil {
			return err
		}
	}
	d.describeSamples(info)
	d.describeMetadata(info)
	parts, err := d.parts()
	if err != nil {
		return err
	}
	if err := d.checkPlaces(&parts); err != nil {
		return err
	}
	if d.first(tiffCompression, 1) == tiffJPEG {
		if err := d.checkJPEGs(&parts, info); err != nil {
			return err
		}
	}
	info.PartBytes, info.PackedBytes = d.partBytes(&parts, info), int64(parts.packed+16*parts.count)
	return nil
}

func (d *tiffDirectory) describeSize(info *transform.Info) error {
	width, height := d.first(tiffWidth, 0), d.first(tiffHeight, 0)
	if width == 0 || width > math.MaxInt32 || height == 0 || height > math.MaxInt32 {
		return malformedError("the TIFF has an impossible width or height")
	}
	info.Width, info.Height = int(width), int(height)
	return nil
}

// checkSamples refuses what libvips cannot read or would read wrong.
func (d *tiffDirectory) checkSamples() error {
	kind, bits := d.first(tiffPhotometric, math.MaxUint16), d.first(tiffBits, 1)
	samples := d.first(tiffSamples, 1)
	space, ok := tiffSpaces[kind]
	subsampled := d.first(tiffCompression, 1) == tiffJPEG
	switch {
	case !d.has(tiffPhotometric):
		return malformedError("the TIFF does not say what its samples are")
	case !ok:
		return notRead(fmt.Sprintf("TIFFs with samples of the kind %d are not supported", kind))
	case samples < space.colours || samples > 64:
		return malformedError("the TIFF has an impossible number of samples")
	case !d.all(tiffBits, bits):
		return notRead("TIFFs with samples of different depths are not supported")
	case !d.all(tiffSampleFormat, 1, 4) && !(kind == tiffLab && d.all(tiffSampleFormat, 1, 2, 4)):
		return notRead("TIFFs with samples that have a sign or are of floating point are not supported")
	case bits > 32 || space.depths&(1<<bits) == 0 || samples > 1 && bits < 8:
		return notRead(fmt.Sprintf("TIFFs with %d such samples of %d bits are not supported", samples, bits))
	case kind == tiffYCbCr && (!subsampled || samples != 3 || d.separate()):
		return notRead("TIFFs with samples of YCbCr are not supported without JPEG compression")
	case subsampled && (bits != 8 || kind == tiffIndexed || kind == tiffLab || samples > 4):
		return notRead("TIFFs with such samples in JPEG compression are not supported")
	case kind == tiffInks && d.first(tiffInkSet, 1) != 1:
		return notRead("TIFFs with other inks than CMYK are not supported")
	case kind == tiffLab && samples > 3:
		return notRead("TIFFs with Lab samples and more are not supported")
	case d.separate() && kind != tiffRGB && kind != tiffInks:
		// libvips takes the lines of a plane for those of all planes.
		return notRead("TIFFs with separate planes are supported of RGB and CMYK alone")
	case kind == tiffIndexed && samples > 2:
		return notRead("TIFFs with a palette and several more samples are not supported")
	case kind == tiffIndexed && d.field(tiffPalette).count != 3<<bits:
		return malformedError("the palette of the TIFF has a wrong size")
	case kind == tiffIndexed && d.field(tiffPalette).values == nil:
		return cutShort("the TIFF ends before its palette")
	case d.premultiplied(1):
		return notRead("TIFFs with alpha behind other samples are not supported")
	}
	return nil
}

func (d *tiffDirectory) separate() bool {
	return d.first(tiffPlanes, 1) == 2 && d.first(tiffSamples, 1) > 1
}

// premultiplied says whether colours were multiplied by one of the extra samples from the
// i-th on.
func (d *tiffDirectory) premultiplied(i uint64) bool {
	const associated = 1
	extra := d.field(tiffExtraSamples)
	for ; i < min(extra.count, 64); i++ {
		if d.valueAt(extra, i) == associated {
			return true
		}
	}
	return false
}

// describeSamples says what libvips gives: of several extra samples the first alone is used, as
// alpha, whatever it is said to be.
func (d *tiffDirectory) describeSamples(info *transform.Info) {
	kind := d.first(tiffPhotometric, 0)
	colours := tiffSpaces[kind].colours
	info.Alpha = d.first(tiffSamples, 1) > colours
	info.Bands = int(colours)
	switch kind {
	case tiffIndexed:
		info.Bands = 3
	case tiffInks, tiffLab:
		info.Normalized = true
	}
	if info.Alpha {
		info.Bands++
		info.Premultiplied = d.premultiplied(0)
	}
	if d.first(tiffBits, 1) == 16 {
		info.Bits = 16
	}
}

func (d *tiffDirectory) describeMetadata(info *transform.Info) {
	for _, tag := range []uint16{tiffXMP, tiffIPTC, tiffPhotoshop, tiffICC} {
		info.AncillaryBytes += int64(len(d.field(tag).values))
	}
	if profile := d.field(tiffICC).values; len(profile) > 0 {
		info.Profile = true
		fits := profileFits(profile, tiffSpaces[d.first(tiffPhotometric, 0)].profile)
		info.Normalized = info.Normalized || !fits
	}
}

// SniffPage is Sniff of another page than the first, of a format with pages. info is what Sniff said of
// the first. The error of a page that is not there wraps transform.ErrNoPage.
func SniffPage(b []byte, info transform.Info, page int) (transform.Info, error) {
	if page >= info.Frames {
		return info, noPage(&info, page)
	}
	if page == info.Page || info.Format != transform.TIFF {
		return info, nil
	}
	other := transform.Info{Format: info.Format, Orientation: 1, Frames: 1, Bits: 8, Page: page}
	return other, sniffTIFF(b, &other)
}

func noPage(info *transform.Info, page int) error {
	return fmt.Errorf("%w: page %d is requested; the source has %d, and the first one is 0", transform.ErrNoPage,
		page, info.Frames)
}
