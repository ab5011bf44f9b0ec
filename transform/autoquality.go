package transform

import (
	"errors"
	"fmt"
)

// Method is how a quality is chosen (autoquality).
type Method uint8

// The methods. With NoMethod the quality is that of the URL or the format.
const (
	NoMethod Method = iota
	// BySize takes the highest quality whose result is not larger than the target, in bytes.
	BySize
	// ByDSSIM takes the lowest quality whose result differs from the original by no more than the target.
	ByDSSIM
	// BySSIMULACRA2 takes the lowest quality whose result has a score of the target or more.
	BySSIMULACRA2
)

var methods = []string{NoMethod: "none", BySize: "size", ByDSSIM: "dssim", BySSIMULACRA2: "ssimulacra2"}

// MostEncodes bounds how often a search encodes.
const MostEncodes = 5

// AutoQuality is how the quality of a lossy still image is searched for. The original that results are compared
// with is the image as the encoder gets it. A search takes MostEncodes at the most.
type AutoQuality struct {
	Method Method `json:",omitzero"`
	// Target is bytes, a DSSIM above 0 and up to 1, or a SSIMULACRA2 above 0 and up to 100.
	Target float64 `json:",omitzero"`
	// Least and Most are the qualities to choose from, 1 to 100; 0 means the default.
	Least int `json:",omitzero"`
	Most  int `json:",omitzero"`
	// Error is how far from the target a search may end, in the target's unit; 0 means the default.
	Error float64 `json:",omitzero"`
}

// On says whether there is something to search for.
func (a AutoQuality) On() bool { return a.Method != NoMethod }

// The defaults of AutoQuality: as low as MaxBytes goes, and as high as a quality still shows.
const (
	leastSearched = LeastQuality
	mostSearched  = 95
)

// AllowedError is Error or its default: a fiftieth of a size, a twentieth of a DSSIM, half a point of SSIMULACRA2.
func (a AutoQuality) AllowedError() float64 {
	switch {
	case a.Error > 0:
		return a.Error
	case a.Method == BySize:
		return a.Target / 50
	case a.Method == ByDSSIM:
		return a.Target / 20
	}
	return 0.5
}

// Reached says whether a search has come to its target. What was not searched for lacks nothing.
func (a AutoQuality) Reached(found Searched) bool {
	switch {
	case found.Encodes == 0:
		return true
	case a.Method == BySSIMULACRA2:
		return found.Score >= a.Target-a.AllowedError()
	case a.Method == ByDSSIM:
		return found.Score <= a.Target+a.AllowedError()
	}
	return found.Score <= a.Target
}

var autoQualityOption = Option{
	Usage: Usage{
		Names: []string{"autoquality", "aq"}, Args: "method:target:min_quality:max_quality:allowed_error", Most: 5,
		Default: "none",
		Text: "Chooses the quality of a JPEG, WebP, AVIF or JPEG XL, with at most five encodes. Does not apply to " +
			"lossless results and animations.\n\n" +
			"- `none`: the quality is that of `quality`.\n" +
			"- `size`: the highest quality whose result is at most `target` bytes.\n" +
			"- `dssim`: the lowest quality whose DSSIM against the resized image is at most `target`, above 0 and up " +
			"to 1. It is (1 - SSIM) / 2, as imgproxy has it; 0.02 is about quality 85 of a JPEG.\n" +
			"- `ssimulacra2`: the lowest quality whose SSIMULACRA2 against the resized image is at least `target`, " +
			"above 0 and up to 100. 70 is high quality, 80 very high, 90 looks lossless.\n\n" +
			"`min_quality` is 10, `max_quality` 95, for `size` the quality that the result would have without this. " +
			"A search ends early where it is within `allowed_error` of the target: by default 2 % of a size, 5 % of " +
			"a DSSIM, 0.5 of a SSIMULACRA2. Where no quality reaches the target, the nearest one is taken. The " +
			"method `ml` of imgproxy Pro does not exist.",
		Example: "w:160/aq:ssimulacra2:70",
	},
	Set: func(p *Params, args []string) error {
		a := AutoQuality{}
		if err := a.read(args); err != nil {
			return err
		}
		p.AutoQuality = a
		return nil
	},
	Text: func(p Params) string {
		a := p.AutoQuality
		if !a.On() {
			return ""
		}
		text, gap := nameOf(methods, int(a.Method))+":"+plainNumber(a.Target), ""
		for _, v := range []float64{float64(a.Least), float64(a.Most), a.Error} {
			gap += ":"
			if v > 0 {
				text, gap = text+gap+plainNumber(v), ""
			}
		}
		return text
	},
	ExtraBytes: func(w CostInput) float64 { return w.searchedBytes() },
}

// read reads the arguments of the option.
func (a *AutoQuality) read(args []string) error {
	if args[0] == "ml" {
		return errors.New("method ml is one of imgproxy Pro that pictor does not have; there are size, dssim and " +
			"ssimulacra2")
	}
	if err := wordTo(&a.Method, methods)(args[0]); err != nil || !a.On() {
		return err
	}
	if len(args) < 2 || args[1] == "" {
		return fmt.Errorf("method %s needs a target", args[0])
	}
	fields := setters{nil, a.readTarget, wholeTo(&a.Least, 100), wholeTo(&a.Most, 100), a.readError}
	for i, arg := range args[1:] {
		if arg == "" {
			continue
		}
		if err := fields[i+1](arg); err != nil {
			return err
		}
	}
	if a.Least > 0 && a.Most > 0 && a.Least > a.Most {
		return fmt.Errorf("min_quality %d is above max_quality %d", a.Least, a.Most)
	}
	return nil
}

func (a *AutoQuality) readTarget(s string) (err error) {
	switch a.Method {
	case BySize:
		n, err := ParseWhole(s, maxMaxBytes)
		if err == nil && n == 0 {
			err = errors.New("a target of 0 bytes is too small")
		}
		a.Target = float64(n)
		return err
	case ByDSSIM:
		a.Target, err = above0(s, 1)
	default:
		a.Target, err = above0(s, 100)
	}
	return err
}

func (a *AutoQuality) readError(s string) (err error) {
	a.Error, err = parseDecimal(s, 0, maxMaxBytes)
	return err
}

// Searches says whether the quality of a result of so many frames is searched for. There is nothing to compare
// with where brightness beyond SDR is kept.
func (p Params) Searches(frames int) bool { return p.AutoQuality.On() && p.lossy() && frames <= 1 }

// QualityRange is what a search chooses from.
func (p Params) QualityRange() (least, most int) {
	a := p.AutoQuality
	least, most = a.Least, a.Most
	if most == 0 {
		most = mostSearched
		if a.Method == BySize {
			most = p.EffectiveQuality()
		}
		most = max(most, least)
	}
	if least == 0 {
		least = min(leastSearched, most)
	}
	return least, most
}

// highestQuality is the one that the estimates are made for.
func (p Params) highestQuality() int {
	if !p.AutoQuality.On() {
		return p.EffectiveQuality()
	}
	_, most := p.QualityRange()
	return max(most, p.EffectiveQuality()) // the latter with more frames than one
}
