package memory

// A worker that keeps what its last job has freed does the next one without asking the kernel
// for thousands of pages. This spare memory comes out of what absent clients leave of
// their part: transforms have theirs in full, and a job that runs exclusively has all, as
// workers give their spare memory back for it. A working set is admitted in full
// besides, as spare memory may lie in gaps that are too small for it.

const (
	// maxSpare is the most spare memory that is of use to a worker, in bytes: a lossless WebP of 6 MP
	// leaves 35 MiB, a progressive JPEG 27, a PNG 16, other JPEGs 10.
	maxSpare = 40 * mib
	// spareShare is which part of the limit all workers may have as spare memory together.
	spareShare = 16
)

// spareBytes is how much spare memory each worker may have while nothing else needs it, in bytes.
func (p Plan) spareBytes() int64 {
	return min(p.Limit/spareShare/int64(max(p.Workers, 1)), maxSpare)
}

// setSpare tells workers how much spare memory they may have while lent bytes are left by absent
// clients, and gives what that is for all of them. Where memory is short it is none. The
// lock of inForce is held.
func (g *Governor) setSpare(lent int64) (all int64) {
	if g.cfg.Workers == nil {
		return 0
	}
	p := g.inForce.plan
	workers := int64(max(p.Workers, 1))
	each := min(p.spareBytes(), lent/workers)
	if g.inForce.noSpare || g.inForce.level < 1 {
		each = 0
	}
	if each != g.inForce.spare {
		g.inForce.spare = each
		g.cfg.Workers.SetSpare(each)
	}
	return each * workers
}

// withholdSpare takes spare memory from all workers until restore is called.
func (g *Governor) withholdSpare() (restore func()) {
	set := func(withheld bool) {
		g.inForce.mu.Lock()
		defer g.inForce.mu.Unlock()
		g.inForce.noSpare = withheld
		g.applyLimits()
	}
	set(true)
	return func() { set(false) }
}

// spareInForce is how much spare memory each worker may have now, in bytes.
func (g *Governor) spareInForce() int64 {
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	return g.inForce.spare
}
