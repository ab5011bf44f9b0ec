package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "500ms": 500 * time.Millisecond,
		"0": 0, " 5m ": 5 * time.Minute, "-1s": -time.Second,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"3600":                 "\"3600\" has no unit; write 3600s or 1h",
		"5400":                 "write 5400s or 1h30m",
		"90":                   "write 90s",
		"60":                   "write 60s or 1m",
		"10":                   "write 10s",
		"1.5":                  "write 1.5s",
		"-5":                   "write -5s",
		"99999999999999999999": "write 99999999999999999999s",
		"7d":                   "counts days; write 168h",
		"0.5d":                 "write 12h",
		"soon":                 "write it like 500ms, 30s, 5m, 1h30m or 168h",
		"1e3":                  "write it like 500ms, 30s, 5m, 1h30m or 168h",
		"":                     "write it like 500ms, 30s, 5m, 1h30m or 168h",
		"NaN":                  "write it like 500ms, 30s, 5m, 1h30m or 168h",
		"5 m":                  "write it like 500ms, 30s, 5m, 1h30m or 168h",
	} {
		_, err := parseDuration(text)
		if err == nil || !strings.HasPrefix(err.Error(), "not a duration: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v does not end with %q", text, err, want)
		}
	}
}

// durationSettings are the names of all settings that are durations.
func durationSettings(t *testing.T) (names []string) {
	t.Helper()
	for name, s := range tableOf(t) {
		if s.kind == reflect.TypeFor[time.Duration]() {
			names = append(names, name)
		}
	}
	if len(names) < 9 {
		t.Fatalf("only %q are durations", names)
	}
	return names
}

func TestDurationsWithoutAUnitAreRefusedFromEachPlace(t *testing.T) {
	for _, name := range durationSettings(t) {
		file := write(t, "c.yaml", name+": 3600\n")
		for place, c := range map[string]struct {
			env  environment
			args []string
		}{
			"--" + name:               {nil, []string{"--" + name + "=3600"}},
			envName(name):             {environment{envName(name): "3600"}, nil},
			file + " line 1, " + name: {nil, []string{"--config", file}},
		} {
			_, err := parse(t, c.env, append([]string{"serve", "--insecure"}, c.args...)...)
			for _, want := range []string{place, "write 3600s or 1h"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v does not say %s", place, err, want)
				}
			}
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"3600", "1h", "7d", "1.5", "-0", "9223372036854775807ns", "99999999999d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseDuration(text)
		want, wrong := time.ParseDuration(strings.TrimSpace(text))
		if (err == nil) != (wrong == nil) || got != want {
			t.Fatalf("%q: %v, %v; want %v, %v", text, got, err, want, wrong)
		}
	})
}
