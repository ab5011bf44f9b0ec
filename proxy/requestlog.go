package proxy

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/proxy/accesslog"
)

// RequestLog is what the server says of requests.
type RequestLog struct {
	// Access gets a line for each request, or where OnlyErrors is true for each whose status is 400 or more; nil for
	// none.
	Access     *accesslog.Log
	OnlyErrors bool
	// Sources is how much of sources logs say: LogSourcesFull, LogSourcesHost or LogSourcesOff; "" means full.
	Sources string
	// TimingToken, in TimingHeader of a request, gets it a Server-Timing header; "" for none.
	TimingToken string
}

// TimingHeader is the header of requests with RequestLog.TimingToken.
const TimingHeader = "Pictor-Timing"

// How much of a source logs say: all of its URL but query and credentials, its scheme and host, or nothing.
const (
	LogSourcesFull = "full"
	LogSourcesHost = "host"
	LogSourcesOff  = "off"
)

// leftOut stands in logged targets for what logs do not say.
const leftOut = "-"

func (l *RequestLog) logsHits() bool { return l.Access != nil && !l.OnlyErrors }

// hidesSources says whether logs are not to have the whole URL of a source.
func (l *RequestLog) hidesSources() bool {
	return l.Sources == LogSourcesHost || l.Sources == LogSourcesOff
}

// logHit writes the line of a hit that serveHit has answered.
func (l *RequestLog) logHit(r *http.Request, began time.Time, target, id string, status int, sent int64) {
	line := accesslog.Line{Status: status, Target: target, RequestID: id, Sent: sent, Outcome: "hit", Tier: "memory",
		Duration: time.Since(began)}
	l.write(&line, began, r)
}

// write adds what is of the request alone.
func (l *RequestLog) write(line *accesslog.Line, began time.Time, r *http.Request) {
	line.Began = began
	line.Method, line.Proto = r.Method, r.Proto
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	referer, _, _ := strings.Cut(r.Header.Get("Referer"), "?")
	line.Client = accesslog.Client{Address: address, Referer: referer, UserAgent: r.Header.Get("User-Agent")}
	l.Access.Write(line)
}

// redactSource is a source for logs.
func (l *RequestLog) redactSource(source string) string {
	if l.Sources == LogSourcesOff {
		return leftOut
	}
	u, err := url.Parse(source)
	if err != nil || u.Opaque != "" {
		return leftOut
	}
	kept := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if l.Sources == LogSourcesHost {
		if u.Scheme == "" { // a folder of the server
			return leftOut
		}
		kept.Path, kept.RawPath = "/"+leftOut, ""
	}
	return kept.String()
}
