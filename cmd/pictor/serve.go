package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/playground"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// serveCmd runs the server.
type serveCmd struct {
	config.Serve `embed:""`
}

// drainTime is how long requests under way may take to finish after the
// request timeout when the server is told to end.
const drainTime = 5 * time.Second

func (cmd *serveCmd) Run() error {
	log := newLogger(&cmd.Serve)
	for _, w := range cmd.Warnings() {
		log.Warn(w)
	}
	if err := worker.Hide(); err != nil {
		return fmt.Errorf("cannot hide the server's memory from its workers: %w", err)
	}
	plan, err := makePlan(&cmd.Serve)
	if err != nil {
		return err
	}
	log.Info("memory plan", "split", plan)
	ring, err := serveKeyring(&cmd.Serve)
	if err != nil {
		return err
	}
	parts, err := newParts(&cmd.Serve, plan, ring, log)
	if err != nil {
		return err
	}
	defer parts.close()
	listener, err := net.Listen("tcp", cmd.Address())
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", cmd.Address(), err)
	}
	stopAdmin, err := serveAdmin(&cmd.Serve, parts.server, log)
	if err != nil {
		return err
	}
	defer stopAdmin()
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go parts.server.Watch(watching)
	go parts.probe()
	go parts.followLimit(&cmd.Serve, plan)
	log.Info("listening", "url", "http://"+visible(listener.Addr()), "version", version)
	if cmd.Dev {
		fmt.Printf("\npictor playground: http://%s/\n\n", visible(listener.Addr()))
	}
	return run(listener, parts.server, cmd.RequestTimeout, log)
}

// run serves until SIGINT or SIGTERM, then lets what is under way finish. A
// second signal ends the process at once.
func run(listener net.Listener, server *proxy.Server, timeout time.Duration, log *slog.Logger) error {
	drain := timeout + drainTime
	s := &http.Server{
		Handler:           server,
		ReadHeaderTimeout: 5 * time.Second,
		// A client that asks and does not read must not keep its place. A
		// picture's own deadline replaces this one, by its size.
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
		return err
	case <-ctx.Done():
	}
	stop()
	log.Info("ending: letting requests under way finish", "at most", drain)
	server.Drain()
	deadline, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := s.Shutdown(deadline); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("some requests did not finish in %v", drain)
	}
	return nil
}

func newLogger(cfg *config.Serve) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level()}
	if strings.EqualFold(cfg.LogFormat, "json") {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// serveKeyring is the configured ring; in development one with a key that is
// gone with the process, where none is configured.
func serveKeyring(cfg *config.Serve) (*signedurl.Keyring, error) {
	if cfg.Dev && cfg.Key == "" {
		return signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{{Key: randomBytes(), Salt: randomBytes()}}, Insecure: cfg.Insecure, Trusted: cfg.Trusted()})
	}
	return keyring(cfg.Keys, cfg.Trusted(), cfg.Insecure)
}

// networks are those that sources may live in although they are not public.
func networks(cfg *config.Serve) []netip.Prefix {
	list := append([]netip.Prefix(nil), cfg.AllowNetworks...)
	if cfg.Dev {
		list = append(list, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	return list
}

// localFiles is where local:/// leads: the configured folder, out of which no
// link leads, and in development the playground's samples before it.
func localFiles(cfg *config.Serve) (fs.FS, error) {
	var layers overlay
	if cfg.Dev {
		layers = append(layers, playground.Samples())
	}
	if cfg.LocalRoot != "" {
		root, err := os.OpenRoot(cfg.LocalRoot)
		if err != nil {
			return nil, fmt.Errorf("--local-root cannot be opened: %w", err)
		}
		layers = append(layers, root.FS())
	}
	if len(layers) == 0 {
		return nil, nil
	}
	return layers, nil
}

// overlay looks a file up in several places, the first one that has it counts.
type overlay []fs.FS

func (o overlay) Open(name string) (fs.File, error) {
	err := error(&fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist})
	for _, layer := range o {
		var f fs.File
		if f, err = layer.Open(name); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

// visible is an address that a browser on this machine can open.
func visible(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", ap.Port())
}
