package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// serveAdmin serves metrics and the ledger until stop is called. Where nobody
// asked for it in so many words, and its port is in use, it goes without.
func serveAdmin(cfg *config.Serve, server *proxy.Server, log *slog.Logger) (stop func(), err error) {
	address, must := cfg.AdminAddress()
	if address == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && !must:
		log.Warn("no admin port: its address is in use; set --admin-listen to another one, or to off", "address", address)
		return func() {}, nil
	case err != nil:
		return nil, fmt.Errorf("cannot listen on --admin-listen %s: %w", address, err)
	}
	s := &http.Server{
		Handler:           server.Admin(string(cfg.AdminToken)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go s.Serve(l) // ends with Close
	log.Info("admin", "url", "http://"+l.Addr().String()+"/", "paths", "/metrics /purge /debug/memory")
	return func() { s.Close() }, nil
}
