package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// smallest collects the results of a job, and keeps the smallest one that reaches the score.
type smallest struct {
	search transform.AutoQuality
	// made is told of each result, with its index.
	made func(int, transform.Picture)
	// enough ends the job.
	enough context.CancelFunc

	mu      sync.Mutex
	late    bool
	picture transform.Picture
}

func (s *smallest) deliver(i int, p transform.Picture) {
	s.made(i, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.picture.Body == nil || s.search.Beats(p, s.picture) {
		s.picture = p
	}
	if s.late {
		s.enough()
	}
}

// end has the job end with what it has made, or else with the first result.
func (s *smallest) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late = true; s.picture.Body != nil {
		s.enough()
	}
}

// bestTime is after how long a job that has several results to choose from ends with those that are made; 0 for never.
// Without a setting a quarter of the time is left for what follows.
func bestTime(ctx context.Context, job transform.Job, setting time.Duration) time.Duration {
	end, ok := ctx.Deadline()
	switch {
	case len(job.Outputs) < 2:
		return 0
	case setting > 0 || !ok:
		return setting
	}
	return max(time.Until(end)*3/4, 1)
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
