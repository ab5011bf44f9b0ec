package proxy

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// A dialect may have uploads, in a field of its own, with its own statuses, and its secret stays out of the log.
func TestUploadsOfAMount(t *testing.T) {
	var log bytes.Buffer
	r := newUploadRig(t, func(c *Config) {
		m, plain := queryMount(), queryMount()
		plain.Prefix = "/plain"
		m.ParseUpload = func(rest, apiKey string) (signedurl.Request, string, error) {
			if !strings.Contains(rest, "key=open") && apiKey != "open" {
				return signedurl.Request{}, "", signedurl.ErrSignature
			}
			req, err := m.Parse(rest)
			req.Source = ""
			return req, "picture", err
		}
		c.Mounts = []Mount{m, plain}
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	_, want := r.must(r.path("w:10"))
	kind, form := formOf(t, "picture", r.picture)
	for path, header := range map[string][]string{
		"/query?w=10&key=open": nil, "/query?w=10": {"API-Key", "open"},
	} {
		resp, got := r.send(path, bytes.NewReader(r.picture), header...)
		if resp.StatusCode != 200 || got != want || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %.100q", path, resp.StatusCode, got)
		}
	}
	if resp, got := r.send("/query?w=10&key=open", form, "Content-Type", kind); resp.StatusCode != 200 || got != want {
		t.Errorf("a form: %d %.100q", resp.StatusCode, got)
	}
	for path, status := range map[string]int{"/query?w=10&%6Bey=secret": 403, "/query?w=x&key=open": 400,
		"/plain?w=10": 405, "/qu%65ry?w=10&key=secret": 405} { // which is of no mount
		if resp, got := r.send(path, bytes.NewReader(r.picture)); resp.StatusCode != status {
			t.Errorf("%s: %d %.100q", path, resp.StatusCode, got)
		}
	}
	if text := log.String(); strings.Contains(text, "secret") || strings.Contains(text, "key=open") ||
		!strings.Contains(text, "target=/query/- ") {
		t.Error(text)
	}
	resp, got := r.send(uploadPath("w:10/upload"), bytes.NewReader(r.picture))
	if resp.StatusCode != 200 || got != want {
		t.Errorf("a native upload beside it: %d %.100q", resp.StatusCode, got)
	}
}
