package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// errDuration: a text is not a number with a unit of time.
var errDuration = errors.New("not a duration")

// durationMapper reads durations as kong does, with errors that say what to
// write.
type durationMapper struct{}

// Decode implements kong.Mapper.
func (durationMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := parseDuration(text)
	if err == nil {
		target.SetInt(int64(d))
	}
	return err
}

// parseDuration reads 90s, 1h30m, 500ms and 0.
func parseDuration(text string) (time.Duration, error) {
	trimmed := strings.TrimSpace(text)
	d, err := time.ParseDuration(trimmed)
	if err == nil {
		return d, nil
	}
	if isDecimal(strings.TrimPrefix(trimmed, "-")) {
		return 0, fmt.Errorf("%w: %q has no unit; write %s", errDuration, text, inSeconds(trimmed))
	}
	if days, ok := strings.CutSuffix(trimmed, "d"); ok && isDecimal(days) {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n <= maxDays {
			hours := strconv.FormatFloat(n*24, 'f', -1, 64)
			return 0, fmt.Errorf("%w: %q counts days; write %sh", errDuration, text, hours)
		}
	}
	return 0, fmt.Errorf("%w: %q; write it like 500ms, 30s, 5m, 1h30m or 168h", errDuration, text)
}

// maxDays is less than a time.Duration holds.
const maxDays = 100_000

// inSeconds is how to write a number of seconds: with its unit, and shorter
// where that is a round text, "3600s or 1h".
func inSeconds(number string) string {
	text := number + "s"
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	round := d.String() // 1h0m0s
	round = strings.TrimSuffix(round, "m0s") + strings.Repeat("m", strings.Count(round, "m0s"))
	round = strings.TrimSuffix(round, "h0m") + strings.Repeat("h", strings.Count(round, "h0m"))
	if round == text || len(round) > len(text) {
		return text
	}
	return text + " or " + round
}
