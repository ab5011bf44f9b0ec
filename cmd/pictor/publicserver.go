package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// writeTime is how long a response may take to be written once there is one, beyond the request timeout.
const writeTime = 30 * time.Second

// lengthened gives requests the time that a reload has given them, which the server that was made before does not know.
type lengthened struct {
	http.Handler
	// timeout is the request timeout in force; first was that of the start.
	timeout func() time.Duration
	first   time.Duration
}

func (l *lengthened) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if most := l.timeout(); most > l.first {
		// Where that cannot be set, the deadline of the start stays.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(most + writeTime))
	}
	l.Handler.ServeHTTP(w, r)
}

// publicServer is what clients speak to. handler is what answers them.
func (p *parts) publicServer(handler http.Handler, cfg *config.Serve) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // where there is TLS
	protocols.SetUnencryptedHTTP2(cfg.H2C)
	return &http.Server{
		Handler:           &lengthened{handler, p.server.RequestTimeout, cfg.RequestTimeout},
		TLSConfig:         p.certificates.serverConfig(),
		Protocols:         &protocols,
		HTTP2:             memory.HTTP2Config(),
		ReadHeaderTimeout: 5 * time.Second,
		// A client that asks and does not read must not keep its place. The
		// deadlines of an image's pieces replace this one.
		WriteTimeout: cfg.RequestTimeout + writeTime,
		// Longer than load balancers keep theirs, or they would send into a
		// connection that is just being closed.
		IdleTimeout:    120 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}
