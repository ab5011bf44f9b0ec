package tracing

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Config configures a Tracer.
type Config struct {
	// Endpoint is the URL that spans are sent to.
	Endpoint string
	// Queue is how many spans may wait, Batch how many of them are sent at once.
	Queue, Batch int
	// Version is that of the program.
	Version string
	// Failed is told why a batch was not sent, at most once a minute, and how many spans were lost so since it was told
	// the last time. Those that found no place in the queue are not among them.
	Failed func(why string, lost int)
	// Now is the clock of Failed; nil means time.Now.
	Now func() time.Time
}

// Tracer makes traces. Its methods may be called by several goroutines at once. A nil Tracer makes none.
type Tracer struct {
	provider    *sdktrace.TracerProvider
	tracer      trace.Tracer
	ended, sent atomic.Uint64
}

// maxTracestate is the length of the longest tracestate that goes on, in bytes (W3C Trace Context §3.3.1.5).
const maxTracestate = 512

// maxResponse is how much of what a collector responds is read, in bytes.
const maxResponse = 64 << 10

// New makes a Tracer. It connects to nothing before there are spans.
func New(cfg Config) (*Tracer, error) {
	ctx := context.Background()
	otlp, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(cfg.Endpoint), otlptracehttp.WithMaxResponseSize(maxResponse))
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("pictor"), semconv.ServiceVersion(cfg.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	t := &Tracer{}
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithResource(about),
		sdktrace.WithBatcher(&exporter{SpanExporter: otlp, sent: &t.sent, failures: newFailures(cfg)},
			sdktrace.WithMaxQueueSize(cfg.Queue), sdktrace.WithMaxExportBatchSize(cfg.Batch)))
	t.tracer = t.provider.Tracer("github.com/pictor-proxy/pictor", trace.WithInstrumentationVersion(cfg.Version))
	return t, nil
}

// Figures count spans. Those that ended and were not sent wait or are lost.
type Figures struct{ Ended, Sent uint64 }

// Figures are those of now.
func (t *Tracer) Figures() Figures { return Figures{Ended: t.ended.Load(), Sent: t.sent.Load()} }

// Close sends what waits, as long as ctx lasts. What is left then is lost, which is no error.
func (t *Tracer) Close(ctx context.Context) {
	if t != nil {
		_ = t.provider.Shutdown(ctx)
	}
}

// parentOf is the context with the parent that a request names, if it names one. Where a header is there twice nothing
// says which one is right.
func parentOf(h http.Header) context.Context {
	ctx := context.Background()
	if len(h["Traceparent"]) != 1 {
		return ctx
	}
	carrier := propagation.MapCarrier{"traceparent": h["Traceparent"][0]}
	if state := strings.Join(h["Tracestate"], ","); len(state) <= maxTracestate {
		carrier["tracestate"] = state
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// perSpan is what a span that waits takes, in bytes, and perSent what is added to one while its batch is sent, as
// TestSpansTakeWhatIsCounted measures; perTracer is what there is without spans.
const (
	perSpan   = 2 << 10
	perSent   = 4 << 10
	perTracer = 1 << 20
)

// Bytes is the memory that a Tracer takes at most, in bytes, with so many spans in its queue and in a batch.
func Bytes(queue, batch int) int64 {
	return perTracer + int64(queue+batch)*perSpan + int64(batch)*perSent
}
