package config

import (
	"fmt"
	"time"
)

// Fallback are the settings of images in place of errors. Each image is a file, a data: URL or a source.
type Fallback struct {
	FallbackImage       string        `help:"Image to serve instead of an error: a file, a data: URL, or a source such as https://… or local:///…." placeholder:"IMAGE" group:"Fallback" reload:"yes"`
	FallbackMissing     string        `help:"The same for sources that do not exist. Default: --fallback-image." placeholder:"IMAGE" group:"Fallback" reload:"yes"`
	FallbackFailed      string        `help:"The same for sources whose origin fails or refuses. Default: --fallback-image." placeholder:"IMAGE" group:"Fallback" reload:"yes"`
	FallbackUndecodable string        `help:"The same for sources that are no image, or one that cannot be used. Default: --fallback-image." placeholder:"IMAGE" group:"Fallback" reload:"yes"`
	FallbackStatus      int           `help:"Status of a response with such an image, 200 to 599. 0: that of the error." default:"0" placeholder:"N" group:"Fallback" reload:"yes"`
	FallbackTTL         time.Duration `name:"fallback-ttl" help:"How long browsers may cache such an image. A CDN that --cdn names does not." default:"1m" group:"Fallback" reload:"yes"`
}

func (f *Fallback) findProblems() (problems []error) {
	if n := f.FallbackStatus; n != 0 && (n < 200 || n > 599 || n == 204 || n == 206 || n == 304) {
		problems = append(problems, fmt.Errorf("--fallback-status is %d: set it to one that has an "+
			"image, such as 200 or 404, or to 0", n))
	}
	if f.FallbackTTL < 0 {
		problems = append(problems, fmt.Errorf("--fallback-ttl is %s: set it to 0 or more", f.FallbackTTL))
	}
	return problems
}
