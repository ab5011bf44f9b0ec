package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/tracing"
)

// newTracer is nil where the environment asks for no traces.
func newTracer(cfg config.Traces, log *slog.Logger) (*tracing.Tracer, error) {
	if cfg.Endpoint == "" {
		return nil, nil
	}
	t, err := tracing.New(tracing.Config{
		Endpoint: cfg.Endpoint, Queue: cfg.Queue, Batch: cfg.Batch, Version: version,
		Failed: func(why string, lost int) {
			log.Warn("traces cannot be sent", "err", why, "lost_spans", lost)
		},
	})
	if err != nil {
		return nil, config.Invalid(fmt.Errorf("traces: %w", err))
	}
	log.Info("traces are sent", "to", cfg.Endpoint)
	return t, nil
}

// spanBytes is the memory of traces that wait to be sent. What the environment cannot mean is refused elsewhere.
func spanBytes() int64 {
	cfg, err := config.ReadTraces(os.Getenv)
	if err != nil || cfg.Endpoint == "" {
		return 0
	}
	return tracing.Bytes(cfg.Queue, cfg.Batch)
}

// lastSpans is how long the last spans may take to be sent. A server ends without them, too.
const lastSpans = 2 * time.Second

// closeTracer sends the last spans. A collector that is not there is no fault of the server.
func (p *parts) closeTracer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastSpans)
	defer cancel()
	p.tracer.Close(ctx)
	return nil
}

// describeTraces is the row of traces in the table of settings.
func describeTraces() string {
	cfg, err := config.ReadTraces(os.Getenv)
	switch {
	case err != nil:
		return "invalid"
	case cfg.Endpoint == "":
		return "off"
	}
	text := "to " + cfg.Endpoint + ", up to " + formatSize(tracing.Bytes(cfg.Queue, cfg.Batch)) + " waiting"
	if cfg.Sampler != "" {
		text += ", " + cfg.Sampler
	}
	return text
}
