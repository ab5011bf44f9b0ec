package signedurl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// UnsignedMark stands in the place of a signature in a path that has none: /unsigned/w:320/plain/….
const UnsignedMark = "unsigned"

// ErrUnsigned: a path without a signature asks for more than such paths may.
var ErrUnsigned = errors.New("not allowed without a signature")

// UnsignedRules are what paths without a signature may ask for, beside what the default preset says. An
// empty list allows nothing.
type UnsignedRules struct {
	// Widths and Heights are in pixels, 0 for "by proportion", and Qualities 1 to 100.
	Widths, Heights, Qualities []int
	DPRs                       []float64
	Formats                    []transform.Format
	// Placeholders are names of them.
	Placeholders []string
	// Auto allows f:auto.
	Auto bool
	// Presets are names of presets.
	Presets []string
	// Facts are the options that paths of facts may have, each as it stands in a path; none for no such paths.
	Facts []string
	// Snap raises a width and height that is not listed to the next one that is, or lowers it to the largest.
	Snap bool
}

// CutUnsigned is the part of a request target behind UnsignedMark, with its slash; false for a target
// that does not begin with it.
func CutUnsigned(target string) (path string, ok bool) {
	path, ok = strings.CutPrefix(PathOf(target), "/"+UnsignedMark+"/")
	return "/" + path, ok
}

// ParseUnderRules reads the part of a path behind UnsignedMark. Where the path asks for more than the
// rules allow, the error wraps ErrUnsigned and names the rule. Requests that it gives are as many as the
// rules have combinations, for each source: nobody can have other sizes made.
func (d *Dialect) ParseUnderRules(path string, rules UnsignedRules) (Request, error) {
	r, err := d.ParseUnsigned(path)
	if err != nil {
		return Request{}, err
	}
	base, err := d.presetsOf(path, rules.Presets)
	if err != nil {
		return Request{}, err
	}
	return rules.Bound(r, base)
}

// Bound refuses a request that asks for more than the rules allow, beside what base has, which nobody
// chose. The error wraps ErrUnsigned and names the rule. The request that it gives may have other sizes.
func (rules UnsignedRules) Bound(r, base Request) (Request, error) {
	if rules.Snap {
		r.Params.Width = snapped(r.Params.Width, base.Params.Width, rules.Widths)
		r.Params.Height = snapped(r.Params.Height, base.Params.Height, rules.Heights)
	}
	p, q := r.Params, base.Params
	sized := p.Width != 0 || p.Height != 0
	switch {
	case !sized && len(rules.Widths)+len(rules.Heights) > 0 && !slices.Contains(rules.Widths, 0):
		return Request{}, unsignedError("it needs a width or height", "--unsigned-widths")
	case p.Width != q.Width && !slices.Contains(rules.Widths, p.Width):
		return Request{}, unsignedError(fmt.Sprintf("width %d is not listed", p.Width), "--unsigned-widths")
	case p.Height != q.Height && !slices.Contains(rules.Heights, p.Height):
		return Request{}, unsignedError(fmt.Sprintf("height %d is not listed", p.Height), "--unsigned-heights")
	case p.DPR != q.DPR && !slices.Contains(rules.DPRs, oneIfZero(p.DPR)):
		return Request{}, unsignedError(fmt.Sprintf("dpr %v is not listed", p.DPR), "--unsigned-dprs")
	case p.Quality != q.Quality && !slices.Contains(rules.Qualities, p.Quality):
		return Request{}, unsignedError(fmt.Sprintf("quality %d is not listed", p.Quality), "--unsigned-qualities")
	case r.Meta.Form != base.Meta.Form && r.IsPlaceholder() && !slices.Contains(rules.Placeholders, r.Meta.Form):
		return Request{}, unsignedError("format "+r.Meta.Form+" is not listed", "--unsigned-formats")
	case p.Format != q.Format && !r.IsPlaceholder() && !slices.Contains(rules.Formats, p.Format):
		return Request{}, unsignedError(fmt.Sprintf("format %v is not listed", p.Format), "--unsigned-formats")
	case r.Auto && !base.Auto && !rules.Auto:
		return Request{}, unsignedError("format auto is not listed", "--unsigned-formats")
	}
	rest := r
	rest.Source, rest.Auto = base.Source, base.Auto
	rest.Meta = base.Meta
	rest.SourceHash = base.SourceHash
	rest.Params.Width, rest.Params.Height = q.Width, q.Height
	rest.Params.DPR, rest.Params.Quality = q.DPR, q.Quality
	rest.Params.Format = q.Format
	if rest != base {
		return Request{}, unsignedError("only width, height, dpr, quality, format and presets may be set",
			"--unsigned-presets")
	}
	return r, nil
}

func unsignedError(what, setting string) error {
	return fmt.Errorf("%w: %s (%s)", ErrUnsigned, what, setting)
}

// oneIfZero is 1 for a factor that was not set.
func oneIfZero(f float64) float64 {
	if f == 0 {
		return 1
	}
	return f
}

// presetsOf is what the presets of a path alone come to, the default one first. Each must be in the list.
func (d *Dialect) presetsOf(path string, list []string) (base Request, err error) {
	if _, ok := d.cfg.Presets[defaultPreset]; ok {
		if err := d.applyPreset(&base, defaultPreset, nil); err != nil {
			return base, err
		}
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if !strings.Contains(segment, d.separator()) && isEscapedOption(segment) {
			segment = d.withColons(segment)
		}
		parts := strings.Split(segment, d.separator())
		switch {
		case d.cfg.OnlyPresets:
		case len(parts) == 1:
			return base.choose(Choice{})
		case !slices.Contains(presetUsage.Names, parts[0]):
			continue
		default:
			parts = parts[1:]
		}
		for _, name := range parts {
			if name != "" && !slices.Contains(list, name) {
				return base, unsignedError("preset "+transform.Quote(name)+" is not listed", "--unsigned-presets")
			}
		}
		if err := d.applyPresets(&base, parts, nil); err != nil {
			return base, err
		}
		if d.cfg.OnlyPresets {
			break
		}
	}
	return base.choose(Choice{})
}

// snapped is the smallest of a list that is at least n, or else the largest; n where the list has no
// sizes, or a preset set it.
func snapped(n, byPreset int, list []int) int {
	if n == byPreset || n == 0 {
		return n
	}
	next, most := 0, 0
	for _, size := range list {
		most = max(most, size)
		if size >= n && (next == 0 || size < next) {
			next = size
		}
	}
	switch {
	case next > 0:
		return next
	case most > 0:
		return most
	}
	return n
}
