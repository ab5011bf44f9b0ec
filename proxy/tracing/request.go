package tracing

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Request is the trace of a request, or the server's part of it. A nil Request records nothing.
type Request struct {
	tracer *Tracer
	ctx    context.Context
	span   trace.Span
	began  time.Time
}

// Begin begins the trace of a request, as a part of the one that its client has begun, if it has.
func (t *Tracer) Begin(r *http.Request, began time.Time) *Request {
	if t == nil {
		return nil
	}
	ctx, span := t.tracer.Start(parentOf(r.Header), methodOf(r),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began))
	return &Request{tracer: t, ctx: ctx, span: span, began: began}
}

// IsSampled says whether the trace is recorded.
func (q *Request) IsSampled() bool { return q != nil && q.span.IsRecording() }

// ID is the id of the trace, as logs have it; "" for one that is not recorded.
func (q *Request) ID() string {
	if !q.IsSampled() {
		return ""
	}
	return q.span.SpanContext().TraceID().String()
}

// Began is when the request arrived.
func (q *Request) Began() time.Time { return q.began }

// Phase is a part of the time of a request.
type Phase struct {
	Name       string
	Begin, End time.Time
}

// Summary is what a trace says of a request that has ended, besides what the request itself says. It has no secrets.
type Summary struct {
	// Route is of a short list, Pattern is the path that the router has for it; "" for none.
	Route, Pattern string
	// Target is the target as logs have it.
	Target, RequestID string
	Dialect           string
	// Outcome and Tier are what the cache did, for a response with an image; else "".
	Outcome, Tier string
	// Code is the error code, "" for none, and WorkerEnded why a worker was ended for the request, if one was.
	Code, WorkerEnded string
	// Status is 0 where the client left before there was a response.
	Status      int
	ContentType string
	// Sent is the size of what was sent of the content, in bytes.
	Sent   int64
	Phases []Phase
	// Ended is when the last byte was sent.
	Ended time.Time
}

// Finish ends the trace, and adds a span for each phase.
func (q *Request) Finish(r *http.Request, s *Summary) {
	if !q.IsSampled() {
		return
	}
	for _, p := range s.Phases {
		_, span := q.tracer.tracer.Start(q.ctx, p.Name, trace.WithTimestamp(p.Begin),
			trace.WithAttributes(attribute.String("pictor.phase", p.Name)))
		span.End(trace.WithTimestamp(p.End))
	}
	name := methodOf(r)
	if s.Pattern != "" {
		name += " " + s.Pattern
	}
	q.span.SetName(name)
	q.span.SetAttributes(s.attributes(r)...)
	if s.Status >= http.StatusInternalServerError {
		q.span.SetStatus(codes.Error, s.Code)
	}
	q.span.End(trace.WithTimestamp(s.Ended))
	q.tracer.ended.Add(uint64(len(s.Phases)) + 1)
}

// attributes are those of the semantic conventions for HTTP servers, and pictor's own.
func (s *Summary) attributes(r *http.Request) []attribute.KeyValue {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	all := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(methodOf(r)), semconv.URLScheme(scheme), semconv.URLPath(clip(s.Target)),
		semconv.NetworkProtocolVersion(fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)),
		semconv.HTTPResponseBodySize(int(s.Sent)), attribute.String("pictor.route", s.Route),
		attribute.String("pictor.request_id", s.RequestID),
	}
	if s.Status != 0 {
		all = append(all, semconv.HTTPResponseStatusCode(s.Status))
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	host, port := hostOf(r.Host)
	if port != 0 {
		all = append(all, semconv.ServerPort(port))
	}
	for _, optional := range []struct {
		key   attribute.Key
		value string
	}{
		{semconv.HTTPRouteKey, s.Pattern}, {semconv.ServerAddressKey, host}, {semconv.ClientAddressKey, address},
		{semconv.UserAgentOriginalKey, r.Header.Get("User-Agent")}, {semconv.ErrorTypeKey, s.Code},
		{"pictor.dialect", s.Dialect}, {"pictor.cache.outcome", s.Outcome}, {"pictor.cache.tier", s.Tier},
		{"pictor.content_type", s.ContentType}, {"pictor.worker.ended", s.WorkerEnded},
	} {
		if optional.value != "" {
			all = append(all, optional.key.String(clip(optional.value)))
		}
	}
	return all
}

// BeginFetch begins the span of a request to an origin, and gives that request the context of the trace. url is its
// URL as logs have it; "" for one that they do not show. end is told the status, 0 where there was no response.
func (q *Request) BeginFetch(req *http.Request, url string) (end func(status int, err error)) {
	ctx, span := q.tracer.tracer.Start(q.ctx, req.Method, trace.WithSpanKind(trace.SpanKindClient))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	if !span.IsRecording() {
		return func(int, error) {}
	}
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(req.Method))
	if url != "" {
		span.SetAttributes(semconv.URLFull(clip(url)))
	}
	if url != "" && strings.HasPrefix(req.URL.Scheme, "http") { // the host of an object's URL is a bucket
		host, port := hostOf(req.URL.Host)
		span.SetAttributes(semconv.ServerAddress(host))
		if port != 0 {
			span.SetAttributes(semconv.ServerPort(port))
		}
	}
	return func(status int, err error) {
		switch {
		case err != nil:
			span.SetAttributes(semconv.ErrorTypeKey.String(fmt.Sprintf("%T", err))) // its text may have the URL
			span.SetStatus(codes.Error, "")
		case status >= http.StatusBadRequest:
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
			fallthrough
		default:
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		}
		span.End()
		q.tracer.ended.Add(1)
	}
}

// methodOf is the method of a request. Clients may make methods up.
func methodOf(r *http.Request) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"},
		r.Method) {
		return r.Method
	}
	return "_OTHER"
}

// hostOf splits a Host; the port is 0 where it has none.
func hostOf(host string) (name string, port int) {
	name, text, err := net.SplitHostPort(host)
	if err != nil {
		return host, 0
	}
	port, _ = strconv.Atoi(text)
	return name, port
}

// maxText is the length of the longest text of an attribute, in bytes, so that a span has a bound.
const maxText = 256

// clip shortens a text, and makes it one that OTLP can carry: one that is no UTF-8 would lose its whole batch.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
