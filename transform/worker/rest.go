package worker

import (
	"os"
	"runtime/debug"
	"time"
)

// A worker that rests gives memory back in two steps. Requests that come every few
// seconds find the heap as the last job left it: to fill it anew costs a job of six
// megapixels about 2000 page faults. Pages of programs cost more to bring back, and
// the kernel can take them where it needs to.
const (
	// heapRest is after how long without a job a worker gives back freed memory.
	heapRest = 5 * time.Second
	// pagesRest is after how long it drops pages of programs.
	pagesRest = 10 * time.Second
)

// rest is how far a worker without a job has come in giving memory back.
type rest struct {
	// pages is the list of the worker's mappings; nil where it cannot be had.
	pages        *os.File
	heapReleased bool
}

// releaseNext takes the next step, and gives the time until the one after it; 0 after the
// last one.
func (r *rest) releaseNext(engine Engine) time.Duration {
	if !r.heapReleased {
		r.heapReleased = true
		engine.Trim()
		debug.FreeOSMemory()
		return pagesRest - heapRest
	}
	dropPagesOf(r.pages)
	return 0
}
