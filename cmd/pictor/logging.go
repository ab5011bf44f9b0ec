package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/pictor-proxy/pictor/config"
)

func newLogger(cfg *config.Serve, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level()}
	if strings.EqualFold(cfg.LogFormat, "json") {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
