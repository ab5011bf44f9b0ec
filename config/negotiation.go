package config

import (
	"errors"
	"fmt"
	"time"
)

// Negotiation are the settings of what formats results may have.
type Negotiation struct {
	// Formats is a comma list; FormatNames splits it.
	Formats string `help:"Formats to read and to write, such as jpg,png,webp,gif:in. A name with :in is only read, one with :out only written. Default: all that the libvips here can." placeholder:"FORMAT,..." group:"Images" reload:"yes"`
	OfferedFormats
	// BestCPU is more than 0.
	BestCPU time.Duration `name:"best-cpu" help:"CPU time that a choice between formats (best) may take, by an estimate. Formats beyond it are left out, the dearest ones first." default:"10s" group:"Images" reload:"yes"`
	// BestTime is 0 for the default.
	BestTime time.Duration `help:"Time after which a choice between formats (best) takes the smallest of what is made by then. Default: three quarters of what is left of --request-timeout." placeholder:"TIME" group:"Images" reload:"yes"`
}

// OfferedFormats are what is chosen from where a URL names no format; commands that tell what a URL comes to embed them
// too.
type OfferedFormats struct {
	// AutoFormats is a comma list; AutoFormatNames splits it.
	AutoFormats string `help:"Formats to negotiate by the Accept header if a URL names none, best first, such as avif,webp. An animation becomes none that is still, as AVIF is, but WebP or GIF. Default: negotiate only for f:auto." placeholder:"FORMAT,..." group:"Images" reload:"yes"`
}

// FormatNames are the entries of Formats, nil for all formats.
func (n *Negotiation) FormatNames() []string { return splitList(n.Formats) }

// AutoFormatNames are the formats to choose from, nil for none.
func (o *OfferedFormats) AutoFormatNames() []string { return splitList(o.AutoFormats) }

func (n *Negotiation) findProblems() (problems []error) {
	if n.BestCPU <= 0 {
		problems = append(problems, fmt.Errorf("--best-cpu is %s: set it to more than 0, like 10s", n.BestCPU))
	}
	if n.BestTime < 0 {
		problems = append(problems, errors.New("--best-time is less than 0: set it to more, like 5s, or leave it out"))
	}
	return problems
}
