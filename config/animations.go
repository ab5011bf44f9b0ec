package config

import (
	"errors"
	"fmt"
	"strings"
)

// Animations are the settings that bound animated results; commands that tell what a URL comes to
// embed them too.
type Animations struct {
	MaxFrames int `help:"Most frames of an animated result. Above 4096 it counts as 4096. 1: results are still images." default:"300" group:"Sources" reload:"yes"`
	// MaxAnimationPixels counts all frames of a result, each with the canvas of the source.
	MaxAnimationPixels Pixels `help:"Most pixels of all frames of an animated result together, at the size of the source, like 250MP (millions)." default:"250MP" group:"Sources" reload:"yes"`
	// OnLongAnimation is shorten, first-frame or error.
	OnLongAnimation string `help:"What an animation over --max-frames or --max-animation-pixels becomes: shorten keeps the first frames that are within, first-frame makes a still image, error is a 422." default:"shorten" placeholder:"shorten" group:"Sources" reload:"yes"`
}

// Validate joins what is wrong.
func (a *Animations) Validate() error { return Invalid(errors.Join(a.findProblems()...)) }

func (a *Animations) findProblems() []error {
	problems := checkLimits([]limit{
		{"--max-frames", int64(a.MaxFrames), 0},
		{"--max-animation-pixels", int64(a.MaxAnimationPixels), 0},
	})
	switch strings.ToLower(a.OnLongAnimation) {
	case "shorten", "first-frame", "error":
	default:
		problems = append(problems, fmt.Errorf("--on-long-animation is %q: set it to shorten, first-frame or error",
			a.OnLongAnimation))
	}
	return problems
}
