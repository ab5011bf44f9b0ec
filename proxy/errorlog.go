package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// How many lines there are of one series, which is an error code.
var (
	// Any client can cause as many of these as it likes, by what it sends or by the
	// sources that it names.
	clientErrorRate = rate{burst: 10, perSecond: 1}
	// Only a flood causes more of these than that. Of an overloaded server each
	// line takes time that it does not have.
	serverErrorRate = rate{burst: 100, perSecond: 20}
)

// logRateOf is the rate of an error's lines.
func logRateOf(f failure) rate {
	switch f.status {
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		return serverErrorRate
	case http.StatusGatewayTimeout:
		if f.is != origin.ErrTimeout {
			return serverErrorRate
		}
	}
	return clientErrorRate
}

// logSampler keeps a flood of errors from flooding the log. Series are few, so the
// table is bounded.
type logSampler struct {
	now func() time.Time

	mu     sync.Mutex
	series map[string]*logBucket
}

// logBucket has a token for each line, and counts the lines left out since the
// last one written.
type logBucket struct {
	bucket
	suppressed int
}

func newLogSampler(now func() time.Time) *logSampler {
	return &logSampler{now: now, series: map[string]*logBucket{}}
}

// allow says whether a line of a series may be written, and how many were left out
// before it.
func (l *logSampler) allowLine(series string, r rate) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, b := l.now(), l.series[series]
	if b == nil {
		b = &logBucket{bucket: newBucket(r, now)}
		l.series[series] = b
	}
	b.refill(r, now)
	if b.tokens < 1 {
		b.suppressed++
		return 0, false
	}
	b.tokens--
	suppressed, b.suppressed = b.suppressed, 0
	return suppressed, true
}

// logError tells the operator what the client is not told.
func (s *Server) logError(r *http.Request, f failure, id string, err error) {
	series := f.code
	if errors.Is(err, origin.ErrRefused) {
		series = "refused address" // a flood of these must not hide hosts that are down
	}
	s.logSampled("request failed", series, f, id, func() []any {
		attrs := []any{"target", clipText(r.RequestURI), "err", clipText(err.Error())}
		if d := errorDetails(err); d != "" {
			attrs = append(attrs, "detail", clipText(d))
		}
		return attrs
	})
}

// refusalID gives a request id for a client that there is no room for, and logs it.
func (s *Server) refusalID() string {
	id := newRequestID()
	s.logRefusal(id)
	return id
}

// logRefusal tells of a client that there was no room for.
func (s *Server) logRefusal(id string) {
	shed := failure{status: http.StatusServiceUnavailable, code: "shed"}
	s.logSampled("client refused: too many connections", shed.code, shed, id, func() []any {
		return []any{"clients", s.memory.Connections.Count()}
	})
}

// logSampled writes a line of an error, or counts it for the next line of its
// series. At debug level every line is written.
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

// details is what an error knows and does not say: a codec's words, a
// network's. It is for the operator alone.
func errorDetails(err error) string {
	var d interface{ Details() string }
	if errors.As(err, &d) {
		return d.Details()
	}
	return ""
}

// clip bounds a text whose length others choose.
func clipText(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
