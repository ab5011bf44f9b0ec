package transform

import (
	"errors"
	"strings"
)

var qualityOption = wholeOption(Usage{Names: []string{"quality", "q"}, Args: "percent",
	Text: "1 to 100. 0 means the value of `format_quality`, or else 80 for JPEG, 83 for WebP, 72 for AVIF (66 where " +
		"libvips 8.18 tunes it for images) and 81 for JPEG XL, which look alike.",
	Example: "w:160/q:10"},
	100, func(p *Params) *int { return &p.Quality })

// Qualities are by Format, 0 for the default.
type Qualities [len(formatTable)]uint8

var formatQualityOption = Option{
	Usage: Usage{
		Names: []string{"format_quality", "fq"}, Args: "format:percent:…", Most: 2 * len(Outputs), Default: "",
		Text: "Quality for each format, 0 to 100, used if `quality` is 0.",
	},
	Set: func(p *Params, args []string) error {
		if len(args)%2 != 0 {
			return errors.New("the arguments must be pairs of a format and a quality")
		}
		for i := 0; i < len(args); i += 2 {
			f, err := parseFormat(args[i], Outputs)
			if err != nil {
				return err
			}
			q, err := ParseWhole(args[i+1], 100)
			if err != nil {
				return err
			}
			p.FormatQuality[f] = uint8(q)
		}
		return nil
	},
	Text: func(p Params) string {
		var pairs []string
		for _, f := range Outputs {
			if q := p.FormatQuality[f]; q > 0 {
				pairs = append(pairs, f.Ext(), formatNumber(float64(q)))
			}
		}
		return strings.Join(pairs, ":")
	},
}

// TunedAVIFQuality is the default of AVIF where the encoder is tuned for images (tune=iq, libaom 3.13), which a
// worker finds out. Without the tuning it takes 72 to look the same (docs/performance.md).
const TunedAVIFQuality = 66

// DefaultQuality says that nothing asks for a quality.
func (p Params) DefaultQuality() bool {
	return p.Quality == 0 && p.FormatQuality[p.Format.tableRow()] == 0
}

// EffectiveQuality is the one that a result is saved with. The defaults look alike: of
// seven photographs at 720 pixels each has a SSIMULACRA2 of 77.6 to 78.0 (docs/performance.md).
// For AVIF it is that without TunedAVIFQuality, which is as high or higher.
func (p Params) EffectiveQuality() int {
	switch {
	case p.Quality > 0:
		return p.Quality
	case p.FormatQuality[p.Format.tableRow()] > 0:
		return int(p.FormatQuality[p.Format.tableRow()])
	case p.Format == WebP:
		return 83
	case p.Format == AVIF:
		return 72
	case p.Format == JXL:
		return 81
	}
	return 80
}

// maxMaxBytes is more than any result takes.
const maxMaxBytes = 1 << 30

// LeastQuality is as far as MaxBytes lowers it, as in imgproxy.
const LeastQuality = 10

var maxBytesOption = Option{
	Usage: Usage{
		Names: []string{"max_bytes", "mb"}, Args: "bytes", Most: 1, Default: "0",
		Text: "Lowers the quality of a JPEG, WebP, AVIF or JPEG XL until the result is no larger than this. " +
			"Takes the highest quality that fits, but none below 10. If no quality fits, the smallest result is " +
			"served. Does not apply to lossless results. 0 means no limit.",
		Example: "w:160/mb:900",
	},
	Set:  func(p *Params, args []string) error { return wholeTo(&p.MaxBytes, maxMaxBytes)(args[0]) },
	Text: func(p Params) string { return formatNumberOrNone(p.MaxBytes) },
	// The finished frame is kept for the next try, and the best try so far.
	ExtraBytes: func(w CostInput) float64 {
		if !w.Out.Squeezes() {
			return 0
		}
		return float64(w.Plan.Width) * float64(w.Plan.Height) * (w.resultBands() + 1)
	},
}

// Squeezes says whether quality may have to be lowered for MaxBytes.
func (p Params) Squeezes() bool { return p.MaxBytes > 0 && p.lossy() }

// lossy says whether the result has a quality.
func (p Params) lossy() bool {
	return p.Format == JPEG || p.Format == WebP && p.WebP.Compression == Lossy ||
		p.Format == AVIF && !p.AVIF.Lossless || p.Format == JXL && !p.JXL.Lossless
}
