package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// A server that is told to end does so within --request-timeout and these
// together, whatever hangs. docs/cli.md has them, too.
const (
	// drainTime is how long requests under way may take to finish after the
	// request timeout.
	drainTime = 5 * time.Second
	// closeTime is how long the parts may take to close after that, of which
	// they wait waitTime for what they have under way.
	closeTime = 5 * time.Second
	waitTime  = 3 * time.Second
	// leastCloseTime is what each part gets in any case, once one has hung.
	leastCloseTime = closeTime / 50
	// lastWords is how long it is tried to say that even that was not enough.
	lastWords = time.Second / 2
)

// ending is how a server came to its end.
type ending struct {
	// told is when it was told to; zero where it was not.
	told time.Time
	// cutOff are requests that did not finish in time.
	cutOff int64
}

// logEnding says so. left is what did not end in time.
func (e ending) logEnding(log *slog.Logger, left error) {
	if e.told.IsZero() {
		return
	}
	say, words := log.Info, []any{"duration", time.Since(e.told).Round(time.Millisecond)}
	if e.cutOff > 0 {
		say, words = log.Warn, append(words, "cut_off", e.cutOff)
	}
	if left != nil {
		say, words = log.Error, append(words, "given_up_on", left)
	}
	say("shutdown complete", words...)
}

// requestCounter counts the requests under way.
type requestCounter struct {
	http.Handler
	underWay atomic.Int64
}

func (c *requestCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	c.Handler.ServeHTTP(w, r)
}

// serveAndShutDown serves until SIGINT or SIGTERM, then lets what is under way finish. A
// second signal ends the process at once.
func serveAndShutDown(listener net.Listener, parts *parts, cfg *config.Serve) (ending, error) {
	server, log := parts.server, parts.log
	handler := &requestCounter{Handler: parts.certificates.askClients(server)}
	s := parts.publicServer(handler, cfg)
	ended := make(chan error, 1)
	listener = server.LimitListener(s, listener)
	go func() { ended <- s.Serve(listener) }()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	select {
	case err := <-ended:
		signal.Stop(signals)
		return ending{}, err
	case <-signals:
	}
	end, drain := ending{told: time.Now()}, server.RequestTimeout()+drainTime
	go parts.endAtOnce(signals, drain+closeTime+lastWords)
	log.Info("shutting down: draining requests", "at_most", drain)
	server.Drain()
	parts.systemd.tellStopping()
	deadline, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	go parts.handOverWhenWanted(deadline, cfg)
	if err := s.Shutdown(deadline); err != nil && !errors.Is(err, http.ErrServerClosed) {
		end.cutOff = handler.underWay.Load()
		_ = s.Close() // they are cut off either way
		return end, fmt.Errorf("requests that did not finish in %v were cut off: %d", drain, end.cutOff)
	}
	return end, nil
}

// endAtOnce ends the process with a further signal, or when it should have ended
// by itself: something hangs that nothing else bounds, such as a standard error
// that nobody reads.
func (p *parts) endAtOnce(signals <-chan os.Signal, most time.Duration) {
	why := "a second signal came"
	select {
	case <-signals:
	case <-time.After(most):
		why = "it takes too long"
	}
	var last sync.WaitGroup // neither may keep the process from ending
	last.Go(p.killWorkers)
	last.Go(func() {
		at := "draining requests"
		if part := p.closing.Load(); part != nil {
			at = *part
		}
		p.log.Error("shutdown cut short", "why", why, "at", at)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		last.Wait()
	}()
	select {
	case <-done:
	case <-time.After(lastWords):
	}
	os.Exit(exitFailure)
}

// killWorkers is for workers that would not notice that the server is gone, as
// they are stopped.
func (p *parts) killWorkers() {
	for _, w := range p.pool.Workers() {
		if process, err := os.FindProcess(w.PID); err == nil {
			_ = process.Kill() // it may have ended
		}
	}
}

// close ends the parts in the order in which they need each other. One that
// hangs is left to itself after closeTime, and the error names it.
func (p *parts) close() error {
	wait, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	late := time.After(closeTime - closeTime/10)
	isLate := false
	var left []string
	for _, part := range []struct {
		name  string
		close func() error
	}{
		{"list of what is in memory", func() error { p.writeHotKeys(); return nil }},
		{"purge bus", p.cluster.close},
		{"cache of results", func() error { return p.cache.Shutdown(wait) }},
		{"fill leases", p.closeLeases},
		{"workers", func() error { p.pool.Close(); return nil }},
		{"cache of source images", func() error { return p.server.Shutdown(wait) }},
		{"hidden sources", p.closeHidden},
		{"purge log", p.storage.closeClock},
		{"cache directory", p.storage.closeFolder},
		{"traces", func() error { return p.closeTracer(wait) }},
		{"access log", func() error { return p.closeAccessLog(wait) }},
		{"connections to origins", func() error { p.server.Origin().Close(); return nil }},
	} {
		p.closing.Store(&part.name)
		done := make(chan error, 1)
		go func() { done <- part.close() }()
		if isLate {
			late = time.After(leastCloseTime)
		}
		var err error
		select {
		case err = <-done:
		case <-late:
			isLate, err = true, errors.New("does not respond")
		}
		if err != nil {
			left = append(left, part.name+": "+err.Error())
		}
	}
	if left == nil {
		return nil
	}
	return errors.New(strings.Join(left, ", "))
}
