package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// metrics is a scrape.
func (s *server) metrics() string {
	s.t.Helper()
	a, err := (&server{t: s.t, url: s.admin}).try(http.MethodGet, "/metrics")
	if err != nil || a.status != http.StatusOK {
		s.t.Fatal(a, err)
	}
	return string(a.body)
}

// seriesIn are the series of a scrape that are pictor's.
func seriesIn(t testing.TB, text string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if !strings.HasPrefix(line, "pictor_") || i < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatal(line, err)
		}
		all[line[:i]] = v
	}
	return all
}
