package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/pictor-proxy/pictor/config"
)

// newLogger makes a log, whose level may change.
func newLogger(cfg *config.Serve, out io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(cfg.Level())
	options := &slog.HandlerOptions{Level: level}
	if strings.EqualFold(cfg.LogFormat, "json") {
		options.ReplaceAttr = durationsWithUnits
		return slog.New(slog.NewJSONHandler(out, options)), level
	}
	return slog.New(slog.NewTextHandler(out, options)), level
}

// takeStandardLog makes lines of the standard logger debug lines of log. net/http
// writes there what origins send unasked, as often as they like.
func takeStandardLog(log *slog.Logger) {
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(log)
}

// durationsWithUnits writes a duration as 35s, as the text form does: in JSON it
// would be a number of nanoseconds that says no unit.
func durationsWithUnits(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
