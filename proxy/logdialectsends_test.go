package proxy

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// secretEnds are the ways in which requests of each dialect end, with the statuses that say so.
var secretEnds = map[string]struct {
	answer   func(http.ResponseWriter)
	fail     func(context.Context) error
	origin   *origin.Config
	unserved bool
	sources  string
	statuses []int
}{
	"images":    {statuses: []int{200}},
	"no source": {answer: func(w http.ResponseWriter) { w.WriteHeader(404) }, statuses: []int{404}},
	"denied":    {answer: func(w http.ResponseWriter) { w.WriteHeader(403) }, statuses: []int{502, 503}},
	"no image": {answer: func(w http.ResponseWriter) { fmt.Fprint(w, "<html>hush private") },
		statuses: []int{415, 400}},
	"unreachable": {unserved: true, statuses: []int{502, 503}},
	"redirects": {answer: func(w http.ResponseWriter) {
		w.Header().Set("Location", "http://127.0.0.1:1/open-name.png"+secretQuery)
		w.WriteHeader(http.StatusFound)
	}, statuses: []int{502, 503}},
	"crashes":   {fail: func(context.Context) error { return transform.ErrCrashed }, statuses: []int{422, 200}},
	"off lists": {origin: &origin.Config{Allow: []origin.SourceRule{}}, statuses: []int{403, 400}},
	"private":   {origin: &origin.Config{}, statuses: []int{502, 503}},
	"large":     {origin: &origin.Config{AllowNetworks: loopback, MaxBytes: 100}, statuses: []int{422, 413}},
	"unnamed":   {unserved: true, sources: LogSourcesOff, statuses: []int{502, 503}},
}

// In no dialect, and however a request ends, do logs, traces or errors have a signature, a key, the query of a source,
// or anything of a source that clients do not see.
func TestNoDialectTellsSecrets(t *testing.T) {
	for end, tc := range secretEnds {
		s := newSecretsRig(t, tc.sources, func(c *Config) {
			if tc.origin != nil {
				c.Origin.Close()
				tc.origin.Timeout = slow
				var err error
				if c.Origin, err = origin.New(*tc.origin); err != nil {
					t.Fatal(err)
				}
			}
		})
		s.answers(tc.answer)
		s.painter.fail = tc.fail
		targets := s.targets(s.site.URL, s.hiding.URL)
		if tc.unserved {
			s.hiding.Close()
			s.site.Close()
		}
		s.refused(targets)
		for name, target := range targets {
			for range 2 { // the second one has what is remembered
				s.ask(name, http.MethodGet, target, "")
			}
		}
		for name, status := range s.statuses {
			if !strings.Contains(fmt.Sprint(tc.statuses), fmt.Sprint(status)) {
				t.Errorf("%s: %s: %d", end, name, status)
			}
		}
		s.askAdmin(slices.Collect(maps.Values(targets)))
		if tc.sources == LogSourcesOff {
			s.keepsQuiet(end, "open-name")
		} else {
			s.keepsQuiet(end)
		}
	}
}

// refused are requests that are not what they have to be, in each dialect, and uploads.
func (s *secretsRig) refused(targets map[string]string) {
	statuses := s.statuses
	s.statuses = map[string]int{}
	wrong := s.signatures[0][:30] + strings.Repeat("x", len(s.signatures[0])-30)
	for name, target := range targets {
		for _, signature := range s.signatures {
			target = strings.Replace(target, signature, wrong, 1)
		}
		target = strings.NewReplacer("key=hush", "key=hush2", "w=16", "w=17&x=hush",
			"image/width=10", "image/wdith=hush").Replace(target)
		s.ask("refused "+name, http.MethodGet, target, "")
		s.ask("refused upload to "+name, http.MethodPost, target, "private", "API-Key", "hush2")
	}
	upload := "/w:10/upload"
	s.ask("refused body", http.MethodPost, "/transform"+s.sign(upload), "private")
	s.ask("refused signature", http.MethodPost, "/transform/"+wrong+upload, "private")
	s.ask("refused body of imaginary", http.MethodPost, "/imaginary/resize?width=10&key=hush", "private")
	s.ask("refused body with a key", http.MethodPost, "/imaginary/resize?width=10", "private", "API-Key", "hush")
	s.ask("refused option", http.MethodGet, s.sign("/wat:1/enc/private"), "")
	s.ask("refused enc", http.MethodGet, s.sign("/w:1/enc/private"), "")
	s.ask("refused info", http.MethodGet, "/info"+s.sign("/wat:1/plain/http://x.example/a"+secretQuery), "")
	for name, status := range s.statuses {
		if status < 400 || status >= 500 {
			s.t.Errorf("%s: %d", name, status)
		}
	}
	s.statuses = statuses
}

// askAdmin has the admin port do its work for all targets, and refuse what is wrong.
func (s *secretsRig) askAdmin(targets []string) {
	bad := []string{"https://u:hush@x.example/private" + secretQuery, "wat://x.example/private" + secretQuery}
	plain := s.site.URL + "/open-name/warm.png" + secretQuery
	statuses := s.statuses
	s.statuses = map[string]int{}
	want := map[string]int{}
	for name, tc := range map[string]struct {
		path, token string
		body        any
		status      int
	}{
		"warm":           {"/warm", adminToken, WarmRequest{URLs: append(targets, bad...)}, 200},
		"warm sources":   {"/warm", adminToken, WarmRequest{Sources: []string{plain}, Widths: []int{12, 13}}, 0},
		"warm more":      {"/warm", adminToken, WarmRequest{Sources: []string{plain, bad[0]}}, 0},
		"warm bad":       {"/warm", adminToken, WarmRequest{Sources: bad[:1]}, 400},
		"warm options":   {"/warm", adminToken, WarmRequest{Sources: []string{plain}, Options: "wat:hush"}, 400},
		"purge":          {"/purge", adminToken, PurgeRequest{URLs: targets, Sources: []string{plain}}, 0},
		"purge bad URL":  {"/purge", adminToken, PurgeRequest{URLs: bad}, 400},
		"purge bad":      {"/purge", adminToken, PurgeRequest{Sources: bad}, 400},
		"purge prefix":   {"/purge", adminToken, PurgeRequest{Prefixes: bad}, 400},
		"purge host":     {"/purge", adminToken, PurgeRequest{Hosts: bad}, 400},
		"register bad":   {"/sources", adminToken, SourcesRequest{Sources: bad}, 400},
		"unknown field":  {"/sources", adminToken, map[string]string{"hush": "private"}, 400},
		"a wrong token":  {"/warm", "hush2", WarmRequest{URLs: targets}, 401},
		"a path and key": {"/warm?token=hush", "hush2", WarmRequest{URLs: targets}, 401},
		"another path":   {"/hush/private", adminToken, nil, 404},
	} {
		s.admin(name, tc.path, tc.body, tc.token)
		want[name] = tc.status
	}
	for name, status := range want {
		if got := s.statuses[name]; got != status && status != 0 {
			s.t.Errorf("%s: %d, want %d", name, got, status)
		}
	}
	s.statuses = statuses
}
