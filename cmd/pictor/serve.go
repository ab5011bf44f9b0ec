package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// serveCmd runs the server.
type serveCmd struct {
	config.Serve `embed:""`
}

// Run checks and binds before it opens, logs or starts anything, so that a
// server that cannot be is one error, and leaves nothing behind.
func (cmd *serveCmd) Run(remarks *config.Remarks) error {
	command, err := findWorker(cmd.WorkerCommand)
	if err != nil {
		return err
	}
	sandbox, err := newSandbox(&cmd.Serve)
	if err != nil {
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
	listeners, err := bindPorts(&cmd.Serve)
	if err != nil {
		return err
	}
	defer listeners.close()
	program, err := describeWorker(command)
	if err != nil {
		return err
	}
	log, level := newLogger(&cmd.Serve, os.Stderr)
	takeStandardLog(log)
	for _, w := range slices.Concat(cmd.Warnings(), remarks.Warnings(os.Environ()), in.tls.warnings(time.Now())) {
		log.Warn(w)
	}
	if err := worker.Hide(); err != nil {
		return fmt.Errorf("cannot hide the server's memory from its workers: %w", err)
	}
	workers := worker.Config{Command: []string{command}, Build: program.Build, Libraries: program.Libraries,
		MaxJobs: cmd.WorkerJobs, Retain: memory.Retain, Sandbox: sandbox, Log: log}
	formats := newFormats(&cmd.Serve, in.access, confinesDrawing(sandbox), log)
	if formats.fonts {
		workers.Readable = worker.FontDirs
	}
	log.Info("memory plan", "split", plan)
	begin := func() (*parts, error) { return newParts(&cmd.Serve, plan, in, workers, formats, log) }
	parts, err := answerOn(listeners, in.tls, begin)
	if err != nil {
		return err
	}
	parts.reloader = newReloader(parts, &cmd.Serve, in, level)
	end, err := cmd.serveUntilEnd(parts, listeners, plan)
	left := parts.close()
	end.logEnding(log, left)
	if err == nil && left != nil {
		err = fmt.Errorf("not everything ended in %v: %w", closeTime, left)
	}
	return err
}

// serveUntilEnd answers requests until the process is told to end.
func (cmd *serveCmd) serveUntilEnd(parts *parts, listeners *listeners, plan memory.Plan) (ending, error) {
	log := parts.log
	defer parts.systemd.watch(parts.server.Stuck)()
	defer parts.reloader.reloadOnSignals()()
	defer listeners.serveAdmin(&cmd.Serve, parts.server, log)()
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go parts.server.Watch(watching)
	go parts.warmFromDisk(watching)
	go parts.probeUntilReady()
	go parts.followLimit(&cmd.Serve, plan)
	at := browsableAddress(listeners.public.Addr())
	scheme := "http://"
	if cmd.ServesTLS() {
		scheme = "https://"
	}
	log.Info("listening", "url", scheme+at, "version", version)
	if cmd.Dev {
		fmt.Printf("\npictor studio: %s%s/\n\n", scheme, at)
	}
	return serveAndShutDown(listeners.public, parts, &cmd.Serve)
}

// browsableAddress is an address that a browser on this machine can open.
func browsableAddress(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", ap.Port())
}
