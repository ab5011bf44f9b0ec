package thumbor

import (
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// setStill: imagor has no such filter.
func (p *parser) setStill(filterCall) {
	if p.flavor == Thumbor {
		p.r.Params.Still = true
	}
}

func (p *parser) setMaxFrames(c filterCall) {
	if v, ok := c.wholeAt(0, 1, math.MaxInt32); ok {
		p.r.Params.MaxFrames = min(v, transform.MaxFrames)
	}
}

// setPage takes one frame; imagor counts them from 1.
func (p *parser) setPage(c filterCall) {
	if v, ok := c.wholeAt(0, 1, transform.MaxFrames); ok {
		p.r.Params.Still, p.r.Params.Page = true, v-1
	}
}
