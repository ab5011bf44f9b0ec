package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// publicServer is what clients speak to. handler is what answers them.
func (p *parts) publicServer(handler http.Handler, cfg *config.Serve) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // where there is TLS
	protocols.SetUnencryptedHTTP2(cfg.H2C)
	return &http.Server{
		Handler:           handler,
		TLSConfig:         p.certificates.serverConfig(),
		Protocols:         &protocols,
		HTTP2:             memory.HTTP2Config(),
		ReadHeaderTimeout: 5 * time.Second,
		// A client that asks and does not read must not keep its place. The
		// deadlines of an image's pieces replace this one.
		WriteTimeout: cfg.RequestTimeout + 30*time.Second,
		// Longer than load balancers keep theirs, or they would send into a
		// connection that is just being closed.
		IdleTimeout:    120 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}
