package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hub is a registry with images of Debian and Go for all architectures, and one of another name for one alone.
func hub(t *testing.T, digest string) registry {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token" && strings.HasPrefix(r.FormValue("scope"), "repository:library/"):
			fmt.Fprintf(w, `{"token":"of %s"}`, r.FormValue("scope"))
		case r.Header.Get("Authorization") == "Bearer of repository:library/single:pull":
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", digest)
		case r.URL.Path == "/v2/library/debian/manifests/forky-slim" &&
			r.Header.Get("Authorization") == "Bearer of repository:library/debian:pull":
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Docker-Content-Digest", digest)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return registry{s.URL, s.URL + "/token?service=hub"}
}

func TestPinWritesTheDigestOfToday(t *testing.T) {
	today := "sha256:" + strings.Repeat("ab", 32)
	want := "# FROM debian:forky-slim AS build\nFROM debian:forky-slim@" + today + " AS build\nFROM scratch\n"
	for _, old := range []string{"", "@sha256:" + strings.Repeat("00", 32)} {
		text := strings.Replace(want, "@"+today, old, 1)
		if got, err := pinText(text, hub(t, today)); err != nil || got != want {
			t.Errorf("%v\n%s", err, got)
		}
	}
}

func TestPinRefusesWhatIsNoDigestOfAllArchitectures(t *testing.T) {
	for from, digest := range map[string]string{
		"FROM single:latest":     "sha256:" + strings.Repeat("ab", 32),
		"FROM debian:forky-slim": "sha256:ab",
		"FROM debian:missing":    "sha256:" + strings.Repeat("ab", 32),
	} {
		if got, err := pinText(from, hub(t, digest)); err == nil || got != from {
			t.Errorf("%s: %v, %s", from, err, got)
		}
	}
}
