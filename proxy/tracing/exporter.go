package tracing

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter counts what is sent, and tells of what is not.
type exporter struct {
	sdktrace.SpanExporter
	sent     *atomic.Uint64
	failures *failures
}

// ExportSpans implements sdktrace.SpanExporter. It has no errors: the SDK would write each of them to standard error.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.failures.add(err, len(spans))
		return nil
	}
	e.sent.Add(uint64(len(spans)))
	return nil
}

// tellEvery is how often failures are told of at most.
const tellEvery = time.Minute

// failures are the batches that were not sent.
type failures struct {
	tell func(why string, lost int)
	now  func() time.Time

	mu   sync.Mutex
	told time.Time
	lost int
}

func newFailures(cfg Config) *failures {
	f := &failures{tell: cfg.Failed, now: cfg.Now}
	if f.now == nil {
		f.now = time.Now
	}
	return f
}

func (f *failures) add(err error, spans int) {
	f.mu.Lock()
	f.lost += spans
	lost, now := f.lost, f.now()
	due := f.told.IsZero() || now.Sub(f.told) >= tellEvery || now.Before(f.told)
	if due {
		f.told, f.lost = now, 0
	}
	f.mu.Unlock()
	if due && f.tell != nil {
		f.tell(clip(err.Error()), lost)
	}
}
