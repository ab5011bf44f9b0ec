package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// anyCertificate is for clients of servers of tests, whose certificates no authority has signed.
var anyCertificate = &tls.Config{InsecureSkipVerify: true}

// certificate is a certificate that signed itself.
type certificate struct {
	cert, key string // files
	pair      tls.Certificate
}

// newCertificate writes the files to a folder.
func newCertificate(t testing.TB, dir, name string, until time.Time) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	made := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true,
		NotBefore: until.Add(-24 * time.Hour * 100), NotAfter: until, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	secret, err2 := x509.MarshalECPrivateKey(key)
	c := certificate{cert: filepath.Join(dir, name+".pem"), key: filepath.Join(dir, name+"-key.pem"),
		pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
	if err := errors.Join(err, err2,
		os.WriteFile(c.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	return c
}

// http2Client is a client of HTTP/2 alone, without TLS where the URL has none. own, unless nil, is its certificate.
func http2Client(t testing.TB, own *certificate) *http.Client {
	var only http.Protocols
	only.SetHTTP2(true)
	only.SetUnencryptedHTTP2(true)
	settings := anyCertificate.Clone()
	if own != nil {
		settings.Certificates = []tls.Certificate{own.pair}
	}
	tr := &http.Transport{Protocols: &only, TLSClientConfig: settings, DisableCompression: true,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// over asks with a client, and wants HTTP/2.
func (s *server) over(c *http.Client, method, path string, body io.Reader, header ...string) (answer, error) {
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		return answer{}, fmt.Errorf("served by %s", resp.Proto)
	}
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// The whole of what HTTP/1 has, with TLS and without.
func TestHTTP2(t *testing.T) {
	cert := newCertificate(t, t.TempDir(), "images.example", time.Now().Add(24*time.Hour))
	for name, args := range map[string][]string{
		"h2": {"--tls-cert", cert.cert, "--tls-key", cert.key}, "h2c": {"--h2c"},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t)
			s := serve(t, append(args, "--insecure", "--allow-networks", "127.0.0.0/8", "--allow-uploads")...)
			path := "/insecure/w:80/plain/" + site.put("/a.jpg", photo(400, 300)) + "@png"
			c := http2Client(t, nil)
			want := func(status int, method, path string, body []byte, header ...string) answer {
				t.Helper()
				a, err := s.over(c, method, path, bytes.NewReader(body), header...)
				if err != nil || a.status != status {
					t.Fatalf("%s %s %v: %v, %v", method, path, header, a, err)
				}
				return a
			}
			miss, plain := want(200, "GET", path, nil), s.get(path) // and by HTTP/1
			hit := want(200, "GET", path, nil)
			for _, a := range []answer{miss, plain, hit} {
				if !bytes.Equal(a.body, miss.body) || a.header.Get("Connection") != "" {
					t.Errorf("%v, want what the miss had", a)
				}
			}
			if cs := hit.header.Get("Cache-Status"); !strings.Contains(cs, "hit") {
				t.Error(cs)
			}
			head := want(200, "HEAD", path, nil)
			if head.header.Get("Etag") != miss.header.Get("Etag") || len(head.body) > 0 {
				t.Error(head)
			}
			want(304, "GET", path, nil, "If-None-Match", miss.header.Get("Etag"))
			if part := want(206, "GET", path, nil, "Range", "bytes=1-4"); !bytes.Equal(part.body, miss.body[1:5]) {
				t.Error(part)
			}
			want(404, "GET", "/insecure/plain/"+site.URL+"/none.jpg", nil)
			want(405, "POST", path, photo(40, 30))
			if made := want(200, "POST", "/transform/insecure/w:20/upload.png", photo(400, 300)); len(made.body) == 0 {
				t.Error(made)
			}
			if out, err := exec.Command("curl", "-sk", "--http2-prior-knowledge", "-o", "/dev/null", "-w",
				"%{http_version} %{http_code}", s.url+path).Output(); err != nil || string(out) != "2 200" {
				t.Errorf("curl: %s, %v", out, err)
			}
		})
	}
}

// Requests that are under way on a connection of HTTP/2 are answered when the server is told to end.
func TestHTTP2RequestsUnderWayEndWell(t *testing.T) {
	site := newSite(t)
	const clients = 4 // as many as one host is asked at once, or fewer
	arrived, release := make(chan struct{}, clients), make(chan struct{})
	site.hold = func(string) { arrived <- struct{}{}; <-release }
	source := site.put("/a.jpg", photo(400, 300))
	s := serve(t, "--insecure", "--h2c", "--allow-networks", "127.0.0.0/8", "--workers", "1")
	c := http2Client(t, nil)
	var asking sync.WaitGroup
	for i := range clients {
		asking.Go(func() {
			path := "/insecure/w:20/plain/" + strings.Replace(source, "/a.jpg", fmt.Sprintf("/v/%d/a.jpg", i), 1)
			if a, err := s.over(c, "GET", path, nil); err != nil || a.status != http.StatusOK {
				t.Errorf("%v, %v", a, err)
			}
		})
	}
	for range clients {
		<-arrived
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end to begin", func() bool { return strings.Contains(s.logged(), "shutting down") })
	close(release)
	asking.Wait()
	<-s.done
}

// A reload takes other certificates for new connections, and refuses files that are no pair. Clients need a
// certificate of the authority, but for health checks.
func TestCertificatesAreReloaded(t *testing.T) {
	dir := t.TempDir()
	soon := time.Now().Add(time.Hour)
	first, second := newCertificate(t, dir, "first.example", soon), newCertificate(t, dir, "second.example", soon)
	expired := time.Now().Add(-time.Hour)
	old := newCertificate(t, dir, "old.example", expired)
	client := newCertificate(t, dir, "cdn", soon)
	replace := func(cert, key string) {
		t.Helper()
		for from, to := range map[string]string{cert: "tls.crt", key: "tls.key"} {
			if err := os.WriteFile(filepath.Join(dir, to), []byte(readText(t, from)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(first.cert, first.key)
	s := serve(t, "--insecure", "--tls-cert", filepath.Join(dir, "tls.crt"),
		"--tls-key", filepath.Join(dir, "tls.key"), "--tls-client-ca", client.cert)
	shows := func(want string) {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), anyCertificate)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("the certificate is of %s, want %s", got, want)
		}
	}
	shows("first.example")
	if a, err := s.over(http2Client(t, nil), "GET", "/", nil); err != nil || a.status != http.StatusForbidden {
		t.Errorf("without a certificate: %v, %v", a, err)
	}
	if a, err := s.over(http2Client(t, &client), "GET", "/", nil); err != nil || a.status != http.StatusOK {
		t.Errorf("with a certificate: %v, %v", a, err)
	}
	if out, errs, code := pictor(t, nil, "health", "--listen", strings.TrimPrefix(s.url, "https://"), "--tls-cert",
		first.cert); code != 0 || out != "ok\n" {
		t.Error(out, errs, code)
	}
	replace(second.cert, second.key)
	if out, errs, code := s.reloading(t); code != 0 || out != "reloaded: tls-cert\n" {
		t.Error(out, errs, code)
	}
	shows("second.example")
	replace(first.cert, second.key)
	if out, errs, code := s.reloading(t); code != 3 || !strings.Contains(errs, "are no pair") {
		t.Error(out, errs, code)
	}
	if seriesIn(t, s.metrics())["pictor_settings_last_reload_successful"] != 0 {
		t.Error("the metrics do not tell of a reload that was refused")
	}
	shows("second.example")
	replace(old.cert, old.key)
	if out, errs, code := s.reloading(t); code != 0 || !strings.Contains(s.logged(), "has expired") {
		t.Error(out, errs, code)
	}
	series := seriesIn(t, s.metrics())
	ends, taken := series["pictor_tls_certificate_not_after_timestamp_seconds"],
		series["pictor_settings_last_reload_successful"]
	if int64(ends) != expired.Unix() || taken != 1 {
		t.Errorf("the metrics: %.0f, want %d; %v", ends, expired.Unix(), taken)
	}
	out, _, code := pictor(t, nil, "doctor", "--insecure", "--tls-cert", old.cert, "--tls-key", old.key)
	if code == 0 || !strings.Contains(out, "the certificate has expired") {
		t.Error(code, out)
	}
	out, errs, code := pictor(t, nil, "serve", "--insecure", "--tls-cert", "/none.pem", "--tls-key", old.key)
	if code != 3 || !strings.Contains(errs, "/none.pem") || !strings.Contains(errs, "Correct the path") {
		t.Error(code, out, errs)
	}
}
