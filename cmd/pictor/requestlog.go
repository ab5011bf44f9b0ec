package main

import (
	"context"
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
	// accessLog is nil until there is one. Once it is open it is closed after all requests have ended.
	accessLog *accesslog.Log
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

// openRequestLog is what the settings say of requests. It opens the access log where they are the first ones with one.
func (o *outlets) openRequestLog(cfg *config.Serve) (l proxy.RequestLog, err error) {
	l = proxy.RequestLog{
		OnlyErrors: strings.EqualFold(cfg.AccessLog, "errors"), Sources: strings.ToLower(cfg.LogSources),
		TimingToken: string(cfg.TimingToken),
	}
	format := cfg.AccessFormat()
	if format == "" {
		return l, nil
	}
	if o.accessLog == nil {
		// Else a reader of standard output that ends would end the server.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		o.accessLog, err = accesslog.New(accesslog.Config{Out: os.Stdout, Format: format, PerSecond: cfg.AccessLogRate})
	}
	l.Access = o.accessLog
	return l, err
}

func (o *outlets) closeAccessLog(ctx context.Context) error {
	if o.accessLog == nil {
		return nil
	}
	return o.accessLog.Close(ctx)
}
