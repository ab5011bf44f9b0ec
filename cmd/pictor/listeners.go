package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// listeners are the ports of a server, bound. Clients that come before it serves wait in
// the backlog of the kernel, or hear that it starts where that takes long.
type listeners struct {
	public net.Listener
	// admin is nil where it is off, or its address is in use and nobody asked for
	// it in so many words.
	admin net.Listener
}

// bindPorts takes the ports. Its errors are errBind.
func bindPorts(cfg *config.Serve) (*listeners, error) {
	public, err := listenOn("--listen", cfg.Address())
	if err != nil {
		return nil, err
	}
	l := &listeners{public: public}
	address, must := cfg.AdminAddress()
	if address == "" {
		return l, nil
	}
	l.admin, err = listenOn("--admin-listen", address)
	if err != nil && (must || !errors.Is(err, syscall.EADDRINUSE)) {
		l.close()
		return nil, err
	}
	return l, nil
}

// close is for ports that nothing serves on, and does no harm to others.
func (l *listeners) close() {
	l.public.Close()
	if l.admin != nil {
		l.admin.Close()
	}
}

// serveAdmin serves metrics, purges, warming, hidden sources and the memory report until stop is called.
func (l *listeners) serveAdmin(cfg *config.Serve, server *proxy.Server, log *slog.Logger) (stop func()) {
	address, _ := cfg.AdminAddress()
	switch {
	case address == "":
		return func() {}
	case l.admin == nil:
		log.Warn("admin address is in use: running without /metrics, /purge, /warm, /sources, /reload and "+
			"/debug/memory. Set --admin-listen to another address, or to off.", "address", address)
		return func() {}
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
	go s.Serve(l.admin) // ends with Close
	log.Info("admin", "url", "http://"+l.admin.Addr().String()+"/",
		"paths", "/metrics /purge /warm /sources /reload /debug/memory")
	return func() { s.Close() }
}
