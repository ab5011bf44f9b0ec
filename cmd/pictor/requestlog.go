package main

import (
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/accesslog"
	"github.com/pictor-proxy/pictor/proxy/tracing"
)

// outlets are what a server tells of itself, and where.
type outlets struct {
	// requestLog is closed after all requests have ended.
	requestLog proxy.RequestLog
	// tracer is nil where there are no traces. It is closed after all requests have ended, too.
	tracer *tracing.Tracer
	// systemd is told how the server is.
	systemd *notifier
	// closing is what is being closed; nil before.
	closing atomic.Pointer[string]
	// notReady is why the server cannot serve; nil when it can.
	notReady atomic.Pointer[error]
	// certificates are what clients are shown, and asked for.
	certificates certificates
}

// newRequestLog opens the access log, if there is one.
func newRequestLog(cfg *config.Serve) (l proxy.RequestLog, err error) {
	l = proxy.RequestLog{
		OnlyErrors: strings.EqualFold(cfg.AccessLog, "errors"), Sources: strings.ToLower(cfg.LogSources),
		TimingToken: string(cfg.TimingToken),
	}
	format := cfg.AccessFormat()
	if format == "" {
		return l, nil
	}
	// Else a reader of standard output that ends would end the server.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	l.Access, err = accesslog.New(accesslog.Config{Out: os.Stdout, Format: format, PerSecond: cfg.AccessLogRate})
	return l, err
}
