package proxy

import (
	"context"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// smallest collects the results of a job, and keeps the smallest.
type smallest struct {
	picture transform.Picture
	// made is told of each result, with its index.
	made func(int, transform.Picture)
}

func (s *smallest) deliver(i int, p transform.Picture) {
	s.made(i, p)
	if s.picture.Body == nil || len(p.Body) < len(s.picture.Body) {
		s.picture = p
	}
}

// bestTime leaves a quarter of the time for what is made when the job ends, where a job has several results to choose
// from.
func bestTime(ctx context.Context, job transform.Job) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || len(job.Outputs) < 2 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-time.Until(end)/4))
}

// outputOf is what a result was asked for with.
func outputOf(job transform.Job, format transform.Format) transform.Params {
	for _, p := range job.Outputs {
		if p.Format == format {
			return p
		}
	}
	return job.Outputs[0]
}

// resultBytesOf is transform.ResultBytes of all results of a job: the smallest one so far is kept while others arrive.
func resultBytesOf(job transform.Job) (bytes int64) {
	for _, p := range job.Outputs {
		bytes += transform.ResultBytes(job.Info, transform.NewGeometry(job.Info, p), p)
	}
	return bytes
}
