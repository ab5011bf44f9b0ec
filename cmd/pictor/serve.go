package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// serveCmd runs the server.
type serveCmd struct {
	config.Serve `embed:""`
}

// drainTime is how long requests under way may take to finish after the
// request timeout when the server is told to end.
const drainTime = 5 * time.Second

// Run checks and binds before it opens, logs or starts anything, so that a
// server that cannot be is one error, and leaves nothing behind.
func (cmd *serveCmd) Run(remarks *config.Remarks) error {
	if err := canTransform(); err != nil {
		return err
	}
	plan, err := makePlan(&cmd.Serve)
	if err != nil {
		return config.Invalid(err)
	}
	in, err := readInputs(&cmd.Serve)
	if err != nil {
		return err
	}
	defer in.close()
	doors, err := bind(&cmd.Serve)
	if err != nil {
		return err
	}
	defer doors.close()
	log := newLogger(&cmd.Serve, os.Stderr)
	takeStandardLog(log)
	for _, w := range append(cmd.Warnings(), remarks.Warnings(os.Environ())...) {
		log.Warn(w)
	}
	if err := worker.Hide(); err != nil {
		return fmt.Errorf("cannot hide the server's memory from its workers: %w", err)
	}
	log.Info("memory plan", "split", plan)
	parts, err := newParts(&cmd.Serve, plan, in, log)
	if err != nil {
		return err
	}
	end, err := cmd.serve(parts, doors, plan)
	parts.close()
	end.log(log)
	return err
}

// serve answers requests until the process is told to end.
func (cmd *serveCmd) serve(parts *parts, doors *doors, plan config.Plan) (ending, error) {
	log := parts.log
	defer doors.serveAdmin(&cmd.Serve, parts.server, log)()
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go parts.server.Watch(watching)
	go parts.probe()
	go parts.followLimit(&cmd.Serve, plan)
	at := visible(doors.public.Addr())
	log.Info("listening", "url", "http://"+at, "version", version)
	if cmd.Dev {
		fmt.Printf("\npictor playground: http://%s/\n\n", at)
	}
	return run(doors.public, parts.server, cmd.RequestTimeout, log)
}

// ending is how a server came to its end.
type ending struct {
	// told is when it was told to; zero where it was not.
	told time.Time
	// cutOff are requests that did not finish in time.
	cutOff int64
}

func (e ending) log(log *slog.Logger) {
	switch {
	case e.told.IsZero():
	case e.cutOff > 0:
		log.Warn("shutdown complete", "duration", time.Since(e.told).Round(time.Millisecond), "cut_off", e.cutOff)
	default:
		log.Info("shutdown complete", "duration", time.Since(e.told).Round(time.Millisecond))
	}
}

// counted counts the requests under way.
type counted struct {
	http.Handler
	underWay atomic.Int64
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	c.Handler.ServeHTTP(w, r)
}

// run serves until SIGINT or SIGTERM, then lets what is under way finish. A
// second signal ends the process at once.
func run(listener net.Listener, server *proxy.Server, timeout time.Duration, log *slog.Logger) (ending, error) {
	drain := timeout + drainTime
	handler := &counted{Handler: server}
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		// A client that asks and does not read must not keep its place. A
		// response's own deadline replaces this one, by its size.
		WriteTimeout: timeout + 30*time.Second,
		// Longer than load balancers keep theirs, or they would send into a
		// connection that is just being closed.
		IdleTimeout:    120 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	listener = server.Bound(s, listener)
	go func() { ended <- s.Serve(listener) }()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	select {
	case err := <-ended:
		return ending{}, err
	case <-ctx.Done():
	}
	stop()
	end := ending{told: time.Now()}
	log.Info("shutting down: draining requests", "at_most", drain)
	server.Drain()
	deadline, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := s.Shutdown(deadline); err != nil && !errors.Is(err, http.ErrServerClosed) {
		end.cutOff = handler.underWay.Load()
		_ = s.Close() // they are cut off either way
		return end, fmt.Errorf("requests that did not finish in %v were cut off: %d", drain, end.cutOff)
	}
	return end, nil
}

// visible is an address that a browser on this machine can open.
func visible(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", ap.Port())
}
