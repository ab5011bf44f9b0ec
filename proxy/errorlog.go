package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// The rates of the log lines of one series. A series is an error code.
var (
	// A client can cause any number of these errors by its requests, or by the sources in
	// them.
	clientErrorRate = rate{burst: 10, perSecond: 1}
	// More than these come only in a flood, when the server has no time for log lines.
	serverErrorRate = rate{burst: 100, perSecond: 20}
)

// logRateOf is the rate of the log lines of an error.
func logRateOf(f failure) rate {
	switch f.status {
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		return serverErrorRate
	case http.StatusGatewayTimeout:
		if !errors.Is(f.target, origin.ErrTimeout) {
			return serverErrorRate
		}
	}
	return clientErrorRate
}

// logError logs an error with its cause, which the response does not have.
func (s *Server) logError(rec *responseRecord, r *http.Request, f failure, id string, err error) {
	series := f.code
	if errors.Is(err, origin.ErrRefused) {
		series = "refused address" // a flood of these must not hide hosts that are down
	}
	s.logSampled("request failed", series, f, id, func() (attrs []any) {
		if id := rec.traceID(); id != "" {
			attrs = []any{"trace", id}
		}
		var asked signedurl.Request
		if rec != nil && rec.asked != nil {
			asked = *rec.asked
		}
		attrs = append(attrs, "target", clipText(s.loggedTarget(rec, r)))
		return append(attrs, s.loggedCause(f, err, asked.Source, hidesSource(r.RequestURI, asked))...)
	})
}

// loggedCause is the cause of an error for logs. source is that of the request, "" where none was read, and concealed
// says that clients do not see it: then nothing is said of what its origin, by its name, has done.
func (s *Server) loggedCause(f failure, err error, source string, concealed bool) []any {
	if s.cfg.inForce.Load().RequestLog.hidesSources() || concealed && f.tellsOrigin() {
		return []any{"err", clipText(f.causeWithoutSource(err))}
	}
	attrs := []any{"err", clipText(withoutQuery(err.Error(), source))}
	if d := errorDetails(err); d != "" {
		attrs = append(attrs, "detail", clipText(withoutQuery(d, source)))
	}
	return attrs
}

// refusalID logs a client that was refused, and returns the id of its request.
func (s *Server) refusalID() string {
	id := newRequestID()
	s.logRefusal(id)
	return id
}

// logRefusal logs a client that was refused because too many were connected.
func (s *Server) logRefusal(id string) {
	shed := failure{status: http.StatusServiceUnavailable, code: "shed"}
	s.logSampled("client refused: too many connections", shed.code, shed, id, func() []any {
		return []any{"clients", s.memory.Connections.Count()}
	})
}

// logSampled writes the log line of an error, or counts it for the next line of its series.
// At debug level every line is written.
func (s *Server) logSampled(msg, series string, f failure, id string, more func() []any) {
	level := slog.LevelInfo
	switch {
	case f.status == http.StatusInternalServerError:
		level = slog.LevelError
	case f.status > http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	ctx, suppressed := context.Background(), 0
	switch {
	case !s.log.Enabled(ctx, level):
		return
	case !s.log.Enabled(ctx, slog.LevelDebug):
		var ok bool
		if suppressed, ok = s.errorLines.allowLine(series, logRateOf(f)); !ok {
			return
		}
	}
	attrs := append([]any{"status", f.status, "code", f.code, "request", id}, more()...)
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	s.log.Log(ctx, level, msg, attrs...)
}

// errorDetails is what an error has beside its text: the message of a codec or of the
// network. Only the log shows it.
func errorDetails(err error) string {
	var d interface{ Details() string }
	if errors.As(err, &d) {
		return d.Details()
	}
	return ""
}

// clipText shortens a text of any length for the log.
func clipText(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
