package transform

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// BestFormat is the name that stands for the smallest result of several formats, and BestOfAccepted what it is chosen
// from where that is left to the client.
const (
	BestFormat               = "best"
	BestOfAccepted FormatSet = 1 << FormatUnknown
)

// BestScore is the SSIMULACRA2 at which formats are compared where a URL names none: what the usual qualities of all
// formats come to.
const BestScore = 78

// BestBounds are those of a choice between formats.
type BestBounds struct {
	// CPU is the CPU time, as ExpectedCPU has it, that it may take; 0 means 10 s. Formats that would take it beyond
	// that are left out, the dearest ones first, but for one.
	CPU time.Duration
	// Time is after how long a job that is under way ends with the results that it has, once it has one; 0 means three
	// quarters of what the request has left.
	Time time.Duration
}

const defaultBestCPU = 10 * time.Second

// bestOrder are the formats to choose from, in the order of what a search in them costs.
var bestOrder = []Format{JPEG, PNG, WebP, JXL, AVIF}

// parseBest reads the formats to choose from; without one that is left to the client.
func parseBest(args []string) (set FormatSet, err error) {
	if len(args) == 0 {
		return BestOfAccepted, nil
	}
	for _, arg := range args {
		f, err := parseFormat(arg, bestOrder)
		if err != nil {
			return 0, err
		}
		set |= 1 << f
	}
	return set, nil
}

// bestText is the inverse of parseBest.
func (s FormatSet) bestText() string {
	names := []string{BestFormat}
	for _, f := range bestOrder {
		if s.Has(f) {
			names = append(names, f.Ext())
		}
	}
	return strings.Join(names, ":")
}

// BestIsOpen says whether the client has yet to say what the smallest result is chosen from.
func (p Params) BestIsOpen() bool { return p.Best.Has(FormatUnknown) }

// BestOutputs are the results to choose the smallest from, at one score, the cheapest first: in the formats of
// Best that may be written and that the image fits into, as still images. JPEG is left out for transparent images, PNG
// for opaque ones that were not lossless before.
func (p Params) BestOutputs(info Info, limits Limits, writes FormatSet) (outputs []Params) {
	if !p.AutoQuality.On() {
		p.AutoQuality = AutoQuality{Method: BySSIMULACRA2, Target: BestScore}
	}
	set := p.Best
	p.Best, p.Still = 0, true
	var expected time.Duration
	most := cmp.Or(limits.Best.CPU, defaultBestCPU)
	for _, f := range bestOrder {
		if !set.Has(f) || !writes.Has(f) {
			continue
		}
		p.Format = f
		g := NewGeometry(info, p)
		clear := CostInput{info, g, p.in(PNG)}.resultAlpha()
		if f == JPEG && clear || f == PNG && !clear && !isLossless(info) || limits.CheckResult(g, f) != nil {
			continue
		}
		expected += ExpectedCPU(Job{Info: info, Outputs: []Params{p}})
		if len(outputs) > 0 && expected > most {
			break
		}
		outputs = append(outputs, p)
	}
	return outputs
}

// WithLossless adds a lossless WebP to results of BestOutputs, or without WebP a lossless JPEG XL, before the lossy
// one, where the source of so many bytes is a drawing of flat areas, and the CPU time allows it: there it is often the
// smallest. Of photographs it is several times as large, and is not tried.
func WithLossless(outputs []Params, info Info, sourceBytes int64, limits Limits) (all []Params) {
	if info.Format != SVG && !info.isFlat(sourceBytes) {
		return outputs
	}
	left := cmp.Or(limits.Best.CPU, defaultBestCPU) - ExpectedCPU(Job{Info: info, Outputs: outputs})
	tried := false
	for _, p := range outputs {
		if exact, ok := p.losslessKind(); ok && !tried {
			tried = true
			if ExpectedCPU(Job{Info: info, Outputs: []Params{exact}}) <= left {
				all = append(all, exact)
			}
		}
		all = append(all, p)
	}
	return all
}

// losslessKind is the same result without loss, in formats that have both kinds.
func (p Params) losslessKind() (Params, bool) {
	switch {
	case p.Format == WebP && p.WebP.Compression == Lossy:
		p.WebP.Compression = Lossless
	case p.Format == JXL && !p.JXL.Lossless:
		p.JXL.Lossless = true
	default:
		return p, false
	}
	p.AutoQuality = AutoQuality{}
	return p, true
}

// Beats says whether a result is a better choice than another one: it reaches the score where that one does not, or is
// smaller where both or neither do.
func (a AutoQuality) Beats(one, other Picture) bool {
	if first, second := a.Reached(one.Searched), a.Reached(other.Searched); first != second {
		return first
	}
	return len(one.Body) < len(other.Body)
}

// in is the same result in another format.
func (p Params) in(f Format) Params {
	p.Format = f
	return p
}

// isLossless says whether a source has the pixels that its author made, so that edges and flat areas are as they were.
func isLossless(info Info) bool {
	switch info.Coding() {
	case PNG, GIF, BMP, TIFF, SVG:
		return true
	case WebP, JXL:
		return info.Lossless
	}
	return false
}

// NoBestFormat is the error of a result that none of the formats of Best can hold.
func (p Params) NoBestFormat() error {
	return fmt.Errorf("%w: none of the formats to choose from (%s) can hold the result", ErrUnsupported,
		p.Best.bestText())
}
