package transform

import "context"

// Picture is a finished result: encoded bytes and what they are.
type Picture struct {
	Format        Format
	Width, Height int
	Body          []byte
}

// Job is one source and the results wanted of it. The results of one page's
// srcset share a job, so that they can share a decode.
type Job struct {
	Source *Source
	// Info is what Sniff said of the source.
	Info Info
	// Outputs has at least one element. Each must have its Format set.
	Outputs []Params
	// Memory is the most, in bytes, that the work may take at its peak above
	// an idle worker: the WorkingSet that was admitted.
	Memory int64
}

// Transformer does jobs. It has two implementations: the pool of worker
// processes (transform/worker) in production, and the pipeline in-process
// (transform/vips) inside a worker.
type Transformer interface {
	// Transform calls deliver once for each output as it becomes ready, with
	// its index; calls do not overlap. It returns nil when all were
	// delivered. Errors wrap those of this package: ErrMalformed,
	// ErrUnsupported, ErrLimit, ErrTimeout, ErrCrashed, or the context's.
	Transform(ctx context.Context, job Job, deliver func(i int, p Picture)) error
}
