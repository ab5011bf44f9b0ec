package main

import (
	"context"
	"net"
	"net/url"
	"os"

	"github.com/pictor-proxy/pictor/config"
)

// checkTraces connects to the collector of traces, where there is one. It sends nothing. One that is not there is worth
// a note, as no request fails without it.
func (r *report) checkTraces() {
	cfg, err := config.ReadTraces(os.Getenv)
	if err != nil || cfg.Endpoint == "" {
		return // an error is one of the settings
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		r.note("traces", "Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT. Images are served all the same.",
			"The collector of traces cannot be reached: %v", err)
		return
	}
	conn.Close()
	r.ok("traces", "The collector of traces at %s can be reached", address)
}
