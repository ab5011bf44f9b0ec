package transform

import "fmt"

// JPEGOptions are of the JPEG encoder.
type JPEGOptions struct {
	// Progressive writes scans from coarse to fine.
	Progressive bool `json:",omitzero"`
	// FullChroma keeps colour at full size (no subsampling); from quality 90
	// on that is so anyway.
	FullChroma bool `json:",omitzero"`
}

var jpegOption = Option{
	Usage: Usage{
		Names: []string{"jpeg_options", "jpgo"}, Args: "progressive:no_subsample", Most: 2, Default: "0:0",
		Text: "`progressive` 1 writes a progressive JPEG. `no_subsample` 1 keeps colour at full resolution; from " +
			"quality 90 on that is always so.",
	},
	Set: func(p *Params, args []string) error {
		return setters{boolTo(&p.JPEG.Progressive), boolTo(&p.JPEG.FullChroma)}.readArgs(args)
	},
	Text: func(p Params) string {
		if p.JPEG == (JPEGOptions{}) {
			return ""
		}
		return formatSwitch(p.JPEG.Progressive) + ":" + formatSwitch(p.JPEG.FullChroma)
	},
	// A progressive one is read twice from its coefficients, which are there
	// for the optimised coding anyway; its scans are kept beside them.
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Format != JPEG || !w.Out.JPEG.Progressive {
			return 0
		}
		return 1.5 * float64(w.Plan.Width) * float64(w.Plan.Height)
	},
}

// PNGOptions are of the PNG encoder.
type PNGOptions struct {
	// Interlaced writes seven passes from coarse to fine (Adam7).
	Interlaced bool `json:",omitzero"`
	// Palette reduces the image to at most Colors colours.
	Palette bool `json:",omitzero"`
	// Colors is 2 to 256; 0 means 256.
	Colors int `json:",omitzero"`
	// Effort is zlib's level 1 to 9; 0 means that of Compression.
	Effort int `json:",omitzero"`
}

var pngOption = Option{
	Usage: Usage{
		Names: []string{"png_options", "pngo"}, Args: "interlaced:quantize:colors:effort", Most: 4,
		Default: "0:0:256:",
		Text: "Settings of the PNG encoder.\n\n" +
			"- `interlaced`: 1 writes an interlaced PNG (Adam7).\n" +
			"- `quantize`: 1 reduces the image to a palette.\n" +
			"- `colors`: size of the palette, 2 to 256, rounded up to 2, 4, 16 or 256.\n" +
			"- `effort`: compression level, 1 to 9. Higher is slower and smaller. Without it the level " +
			"is 3 for photographs and 6 for flat graphics.",
		Example: "w:160/f:png/pngo:0:1:8",
	},
	Set: func(p *Params, args []string) error {
		o := &p.PNG
		fields := setters{boolTo(&o.Interlaced), boolTo(&o.Palette), wholeTo(&o.Colors, 256), wholeTo(&o.Effort, 9)}
		if err := fields.readArgs(args); err != nil {
			return err
		}
		if p.PNG.Colors == 1 {
			return fmt.Errorf("a palette must have 2 to 256 colours")
		}
		if !p.PNG.Palette || p.PNG.Colors == 256 {
			p.PNG.Colors = 0
		}
		return nil
	},
	Text: func(p Params) string {
		o := p.PNG
		if o == (PNGOptions{}) {
			return ""
		}
		s := formatSwitch(o.Interlaced) + ":" + formatSwitch(o.Palette) + ":"
		if o.Colors > 0 {
			s += fmt.Sprint(o.Colors)
		}
		if o.Effort > 0 {
			s += ":" + fmt.Sprint(o.Effort)
		}
		return s
	},
	// Passes need the whole frame, and so does the quantiser, with an index
	// and a histogram beside it.
	ExtraBytes: func(w CostInput) float64 {
		px := float64(w.Plan.Width) * float64(w.Plan.Height)
		switch {
		case w.Out.Format != PNG:
			return 0
		case w.Out.PNG.Palette:
			return 13*px + 17*mib
		case w.Out.PNG.Interlaced:
			return px * w.resultBands()
		}
		return 0
	},
}

// Compression is the kind of a WebP.
type Compression uint8

// The kinds. Lossy is the default.
const (
	Lossy Compression = iota
	// NearLossless changes colours a little, by the quality, to make them
	// compress better, and then is lossless.
	NearLossless
	Lossless
)

var compressions = []string{Lossy: "lossy", NearLossless: "near_lossless", Lossless: "lossless"}

// Preset tunes the WebP encoder for a kind of image.
type Preset uint8

var presets = []string{"default", "picture", "photo", "drawing", "icon", "text"}

// WebPOptions are of the WebP encoder.
type WebPOptions struct {
	Compression Compression `json:",omitzero"`
	// SmartSubsample spends more time on sharp edges of colour.
	SmartSubsample bool   `json:",omitzero"`
	Preset         Preset `json:",omitzero"`
	// Effort is 1 to 7, one more than libwebp's; 0 means its default, 4.
	Effort int `json:",omitzero"`
}

// defaultWebPEffort is libwebp's.
const defaultWebPEffort = 4

var webpOption = Option{
	Usage: Usage{
		Names: []string{"webp_options", "webpo"}, Args: "compression:smart_subsample:preset:effort", Most: 4,
		Default: "lossy:0:default:4",
		Text: "Settings of the WebP encoder.\n\n" +
			"- `compression`: `lossy`, `near_lossless` or `lossless`.\n" +
			"- `smart_subsample`: 1 gives sharper colour edges and takes more time.\n" +
			"- `preset`: the kind of image to tune for: `default`, `picture`, `photo`, `drawing`, `icon` or `text`.\n" +
			"- `effort`: 0 to 6. Higher is slower and smaller.",
	},
	Set: func(p *Params, args []string) error {
		o := &p.WebP
		return setters{wordTo(&o.Compression, compressions), boolTo(&o.SmartSubsample), wordTo(&o.Preset, presets),
			effortTo(&o.Effort, 6, defaultWebPEffort)}.readArgs(args)
	},
	Text: func(p Params) string {
		o := p.WebP
		if o == (WebPOptions{}) {
			return ""
		}
		s := nameOf(compressions, int(o.Compression)) + ":" + formatSwitch(o.SmartSubsample) + ":" +
			nameOf(presets, int(o.Preset))
		if o.Effort > 0 {
			s += ":" + fmt.Sprint(o.Effort-1)
		}
		return s
	},
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Format == WebP && w.Out.WebP.Compression == Lossy && w.Out.WebP.SmartSubsample {
			return sharpChroma * float64(w.Plan.Width) * float64(w.Plan.Height)
		}
		return 0
	},
}

// Subsampling says whether an AVIF's colour is at half size.
type Subsampling uint8

// Subsampling by quality is the default.
const (
	SubsampleAuto Subsampling = iota
	SubsampleOn
	SubsampleOff
)

var subsamplings = []string{"auto", "on", "off"}

// AVIFOptions are of the AVIF encoder.
type AVIFOptions struct {
	// Subsampling 0 is by the quality: at half size below 90.
	Subsampling Subsampling `json:",omitzero"`
	// Effort is 1 to 10, one more than libheif's; 0 means 1 of those.
	Effort   int  `json:",omitzero"`
	Lossless bool `json:",omitzero"`
}

// defaultAVIFEffort is five times faster than the encoder's own default, for a
// few per cent of size.
const defaultAVIFEffort = 1

var avifOption = Option{
	Usage: Usage{
		Names: []string{"avif_options", "avifo"}, Args: "subsample:effort:lossless", Most: 3, Default: "auto:1:0",
		Text: "Settings of the AVIF encoder.\n\n" +
			"- `subsample`: colour at half resolution: `on`, `off`, or `auto`, which means below quality 90.\n" +
			"- `effort`: 0 to 9. Higher is slower and smaller.\n" +
			"- `lossless`: 1 encodes without loss.",
	},
	Set: func(p *Params, args []string) error {
		o := &p.AVIF
		return setters{wordTo(&o.Subsampling, subsamplings), effortTo(&o.Effort, 9, defaultAVIFEffort),
			boolTo(&o.Lossless)}.readArgs(args)
	},
	Text: func(p Params) string {
		o := p.AVIF
		if o == (AVIFOptions{}) {
			return ""
		}
		s := nameOf(subsamplings, int(o.Subsampling)) + ":"
		if o.Effort > 0 {
			s += fmt.Sprint(o.Effort - 1)
		}
		if o.Lossless {
			s += ":1"
		}
		return s
	},
	// More effort looks at more of the image at once.
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Format != AVIF || w.Out.AVIF.Effort == 0 {
			return 0
		}
		return 12 * float64(w.Plan.Width) * float64(w.Plan.Height)
	},
}

// Method is libwebp's, 0 to 6.
func (o WebPOptions) Method() int { return encoderEffort(o.Effort, defaultWebPEffort) }

// Speed is libheif's effort, 0 to 9.
func (o AVIFOptions) Speed() int { return encoderEffort(o.Effort, defaultAVIFEffort) }

// effortTo keeps one more than the encoder's own number, which begins at 0, so
// that 0 can be the default in whatever way that is written.
func effortTo(to *int, most, byDefault int) func(string) error {
	return func(s string) error {
		n, err := ParseWhole(s, most)
		*to = n + 1
		if n == byDefault {
			*to = 0
		}
		return err
	}
}

// encoderEffort is the encoder's own number of one that effortTo kept.
func encoderEffort(kept, byDefault int) int {
	if kept == 0 {
		return byDefault
	}
	return kept - 1
}

// flatBytes is the size of a lossless source, in bytes for each pixel, below which its image
// is a graphic of flat areas. Photographs take over one, pages and charts under 0.1.
const flatBytes = 0.5

// isFlat says whether a source of so many bytes is lossless and of flat areas.
func (info Info) isFlat(sourceBytes int64) bool {
	coding := info.Coding()
	lossless := coding == PNG || coding == GIF || coding == WebP && info.Lossless
	pixels := float64(info.Width) * float64(info.Height) * float64(max(1, info.Frames))
	return lossless && float64(sourceBytes-info.AncillaryBytes)/pixels < flatBytes
}

// Compression says whether the rows of a PNG are filtered, and gives zlib's level, 1 to 9.
// Filters take a quarter off photographs, and add a tenth to a palette or to flat areas,
// which repeat. Behind a filter levels above 3 take twice the time for 2 % of the bytes.
func (o PNGOptions) Compression(info Info, sourceBytes int64) (filtered bool, level int) {
	filtered = !o.Palette && !info.isFlat(sourceBytes)
	switch {
	case o.Effort > 0:
		return filtered, o.Effort
	case filtered:
		return filtered, 3
	}
	return filtered, 6
}

// PaletteBits are those of a pixel: PNG has palettes of 2, 4, 16 and 256
// colours (PNG §11.2.1), and the next larger one is taken.
func (o PNGOptions) PaletteBits() int {
	switch {
	case o.Colors == 0 || o.Colors > 16:
		return 8
	case o.Colors > 4:
		return 4
	case o.Colors > 2:
		return 2
	}
	return 1
}

// fullChroma says whether a result's colour is at full size, which doubles
// what encoders hold.
func (p Params) fullChroma() bool {
	fine := p.highestQuality() >= fineQuality
	switch p.Format {
	case JPEG:
		return fine || p.JPEG.FullChroma
	case AVIF:
		return p.AVIF.Lossless || p.AVIF.Subsampling == SubsampleOff || p.AVIF.Subsampling == SubsampleAuto && fine
	}
	return fine
}
