package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"time"
)

// measureProtocols measures hits with TLS, by HTTP/2 and with a trace of each, beside bare handlers of net/http.
func (b *bench) measureProtocols(table *benchTable) {
	hit, path := b.hit()
	table.head(fmt.Sprintf("Hits of %.0f KB by protocol, and with traces, clients: %d", float64(len(hit.body))/1e3,
		hitClients))
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(collector.Close)
	traced := b.another(exec.Command("env", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, program))
	traced.name = "pictor, each traced"
	plain, secure := []peer{b.servers[0], b.bareServer(hit)}, b.secureServers(hit)
	for _, by := range []struct {
		name    string
		servers []peer
		http2   bool
	}{
		{"HTTP/1.1", plain, false}, {"HTTP/1.1, traces", []peer{traced, b.servers[0]}, false},
		{"HTTP/1.1, TLS", secure, false}, {"HTTP/2, TLS", secure, true},
	} {
		table.add(by.name, inTurns(b, b.askAll(by.servers, path, by.http2), benchRounds, benchHits))
	}
}

// secureServers are pictor and a bare handler with the same answer, both with TLS.
func (b *bench) secureServers(hit answer) []peer {
	b.Helper()
	cert := newCertificate(b, b.TempDir(), "images.example", time.Now().Add(100*24*time.Hour))
	return []peer{b.another(exec.Command(program), "--tls-cert", cert.cert, "--tls-key", cert.key),
		b.bareServer(hit, "-cert", cert.cert, "-key", cert.key)}
}

// askAll connects clients to each server, which ask for the same path each time. They must ask soon: a server closes
// connections that stay silent.
func (b *bench) askAll(servers []peer, path string, http2 bool) (all []contender) {
	b.Helper()
	for _, s := range servers {
		ask := b.askAgain
		if http2 {
			ask = b.askOverHTTP2
		}
		all = append(all, contender{s.name, s.pid, ask(s.prefix+path, "", hitClients)})
	}
	return all
}

// askOverHTTP2 is askAgain without ETag, by HTTP/2.
func (b *bench) askOverHTTP2(url, _ string, clients int) work {
	b.Helper()
	var all []getter
	for range clients {
		all = append(all, http2Getter{http2Client(b, nil), url})
	}
	return b.askTogether(all, http.StatusOK, func(int) string { return "" })
}

// another starts one more server, that may fetch what the first one may.
func (b *bench) another(cmd *exec.Cmd, args ...string) peer {
	b.Helper()
	return start(b, cmd, append([]string{"--insecure", "--allow-networks", "127.0.0.0/8", "--log-level", "info"},
		args...)...).peer()
}

// bareServer is netHTTP as a peer.
func (b *bench) bareServer(like answer, flags ...string) peer {
	b.Helper()
	url, pid := b.netHTTP(like, flags...)
	return peer{"bare net/http", url, pid}
}

// http2Getter asks for what is behind a URL by HTTP/2.
type http2Getter struct {
	client *http.Client
	url    string
}

// get implements getter.
func (g http2Getter) get(path string) (status, size int, err error) {
	resp, err := g.client.Get(g.url + path)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		return 0, 0, fmt.Errorf("served by %s", resp.Proto)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, int(n), err
}
