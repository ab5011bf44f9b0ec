package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Nothing of the admin port is to be had from the image port, by whatever path,
// method, host or header.
func TestTheImagePortHasNothingOfTheAdminPort(t *testing.T) {
	r := newRig(t, nil)
	paths := []string{"/metrics", "/debug/memory", "/purge", "/warm", "/sources", "/metrics/",
		"//metrics", "/./metrics", "/x/../metrics",
		"/%6detrics", "/metrics%2f",
		"/metrics?x", "/METRICS", "/debug/memory?format=table", "/debug/pprof/", "/debug/vars", "/health/../metrics",
		"/favicon.ico/../purge",
		"http://127.0.0.1:8081/metrics", "http://127.0.0.1:8081/purge", "/insecure/../metrics", "/;/metrics",
		"/metrics;x", "/metrics%00", "/purge/",
		"/\\metrics", "/%2e%2e/metrics", "/.well-known/metrics", "/admin/metrics"}
	for _, path := range paths {
		methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PURGE", "BAN"}
		for _, method := range methods {
			for _, header := range []string{"Host: localhost:8081",
				"Host: x\r\nX-Original-URL: /metrics\r\nX-Rewrite-URL: /purge",
				"Host: x\r\nX-Forwarded-Host: localhost:8081\r\nX-HTTP-Method-Override: POST",
				"Host: x\r\nAuthorization: Bearer secret"} {
				const body = `{"all": true}`
				response := r.exchange(fmt.Sprintf("%s %s HTTP/1.1\r\n%s\r\nConnection: close\r\n"+
					"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
					method, path, header, len(body), body))
				status := strings.TrimPrefix(response, "HTTP/1.1 ")[:3]
				if status != "403" && status != "404" && status != "405" && status != "400" &&
					!(status == "204" && method == "OPTIONS") {
					t.Errorf("%s %s, %s: %.300q", method, path, header, response)
				}
			}
		}
	}
	if n := r.cfg.Clock.Applied(); n != 0 {
		t.Errorf("%d purges", n)
	}
}

// hosts are names under which a page of somebody else's could reach the admin port
// through a browser, and under which an operator does.
var hosts = map[string]bool{
	"localhost": true, "localhost:8081": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:8081": true,
	"127.1.2.3:8081": true,
	"[::1]":          true, "[::1]:8081": true, "[::ffff:127.0.0.1]:8081": true,
	"": false, "evil.example": false, "evil.example:8081": false, "127.0.0.1.evil.example": false,
	"127.0.0.1.nip.io:8081":  false,
	"localhost.evil.example": false, "localhost.": false, "evil-localhost": false, "localhost.localdomain": false,
	"sub.localhost": false, "localhost@evil": false,
	"evil#localhost": false, "0.0.0.0": false, "0.0.0.0:8081": false, "[::]:8081": false, "127.1": false,
	"2130706433": false, "0x7f.1": false,
	"0177.0.0.1": false, "10.0.0.1:8081": false, "192.168.1.1": false, "169.254.169.254": false, "[fe80::1]": false,
	"8.8.8.8":   false,
	"１２７.0.0.1": false, "127。0。0。1": false, "evil.example:127.0.0.1": false,
	"127.0.0.1:8081:80": false,
	"localhost\tevil":   false, "host.docker.internal": false,
}

// Without a token no name but this machine's own reaches what the admin port
// guards: a page whose name is made to lead here (DNS rebinding) reads and purges
// nothing.
func TestTheAdminPortAnswersToThisMachineAlone(t *testing.T) {
	r := newRig(t, nil)
	admin := r.server.Admin("")
	for host, here := range hosts {
		for _, path := range []string{"/debug/memory", "/debug/memory?format=table", "/purge"} {
			method, body := http.MethodGet, ""
			if path == "/purge" {
				method, body = http.MethodPost, `{"tags": ["a"]}`
			}
			before := r.cfg.Clock.Applied()
			req := httptest.NewRequest(method, path, strings.NewReader(body))
			req.Host = host
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			admin.ServeHTTP(w, req)
			purged := r.cfg.Clock.Applied() - before
			refused := w.Code == 403 && strings.HasPrefix(w.Body.String(), "wrong-host: ") && purged == 0
			if here && w.Code != 200 || !here && !refused {
				t.Errorf("%s of %q: %d %.200q, %d purges", path, host, w.Code, w.Body, purged)
			}
		}
	}
}
