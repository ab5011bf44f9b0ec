package proxy

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// pooled is a painter that counts as a pool of workers.
type pooled struct{ *painter }

func (pooled) Workers() []transform.Worker { return nil }
func (pooled) ReleaseIdle()                {}
func (pooled) SetSpare(int64)              {}
func (pooled) Stats() transform.PoolStats  { return transform.PoolStats{} }
func (pooled) Sandbox() []transform.Layer {
	return []transform.Layer{{Name: "landlock", On: true, Detail: "ABI 7"}, {Name: "seccomp"}}
}

// A metrics browser shows the help of one metric and nothing else, so each must
// be understood alone: no word that points at another text, and the unit.
func TestHelpOfMetricsCanBeReadAlone(t *testing.T) {
	r := newRig(t, onDisk(t, &watch{}, t.TempDir(), t.TempDir()))
	r.server.cfg.Transformer = pooled{r.painter}
	r.must(r.path("w:10"))
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/metrics", nil))
	points := regexp.MustCompile(`(?i)\b(it|they|them|their|these|those|who|what|pictures?|shares?|line)\b`)
	help, named := regexp.MustCompile(`^# HELP (pictor_\S+) (.*)$`), map[string]bool{}
	for line := range strings.Lines(w.Body.String()) {
		m := help.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		name, text := m[1], m[2]
		named[name] = true
		if word := points.FindString(text); word != "" {
			t.Errorf("%s: %q: %s", name, word, text)
		}
		if !regexp.MustCompile(`^[A-Z].*\.$`).MatchString(text) || len(text) < 20 {
			t.Errorf("%s: %q is no sentence", name, text)
		}
		if strings.Contains(name, "bytes") && !strings.Contains(text, "in bytes") {
			t.Errorf("%s: without its unit: %s", name, text)
		}
	}
	names := []string{
		"pictor_answers_total", "pictor_disk_hangs", "pictor_workers_ended_total", "pictor_worker_sandbox",
	}
	for _, name := range names {
		if !named[name] {
			t.Errorf("%s is not among %v", name, named)
		}
	}
}
