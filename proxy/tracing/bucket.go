package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// BeginCall begins the span of a call of a bucket for the request. bucket is the URL that all of its objects begin
// with, url that of the object, as logs have it; "" for one that they do not show. end is told how the call went,
// in a word, and whether the bucket has failed. The bucket gets no context: its SDK signs the headers of requests.
func (q *Request) BeginCall(method, bucket, url string) (end func(result string, failed bool)) {
	return q.tracer.beginCall(q.ctx, method, bucket, url)
}

// BeginCall begins a trace that is one call of a bucket, for no request: what was made is written when the request has
// ended. It has no name of the object: nothing says then whether logs would show it. A nil Tracer records nothing.
func (t *Tracer) BeginCall(method, bucket, _ string) (end func(result string, failed bool)) {
	if t == nil {
		return func(string, bool) {}
	}
	return t.beginCall(context.Background(), method, bucket, "")
}

func (t *Tracer) beginCall(ctx context.Context, method, bucket, url string) func(result string, failed bool) {
	template := clip(bucket + "{object}")
	_, span := t.tracer.Start(ctx, method+" "+template, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return func(string, bool) {}
	}
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.URLTemplate(template))
	if url != "" {
		span.SetAttributes(semconv.URLFull(clip(url)))
	}
	return func(result string, failed bool) {
		span.SetAttributes(attribute.String("pictor.bucket.result", result))
		if failed {
			span.SetAttributes(semconv.ErrorTypeKey.String(result))
			span.SetStatus(codes.Error, "")
		}
		span.End()
		t.ended.Add(1)
	}
}
