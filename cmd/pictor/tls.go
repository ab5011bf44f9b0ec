package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// maxPEM bounds a file of certificates, or of a key, in bytes. A list of all public authorities has a quarter of it.
const maxPEM = 1 << 20

// cipherSuites are those of TLS 1.2, as HTTP/2 takes no others (RFC 9113 §9.2.2): with an ephemeral key, and no CBC.
// The library has them in an order of its own. Those of TLS 1.3 are all good.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// certificates are what the server shows to clients, and asks of them. The zero value is of a server without TLS.
type certificates struct {
	inForce atomic.Pointer[tlsFiles]
}

// tlsFiles are the files of TLS, read.
type tlsFiles struct {
	config *tls.Config
	// leaf is the certificate of the server.
	leaf *x509.Certificate
	// content is a hash of all files.
	content [sha256.Size]byte
	// needsClient: clients have to have a certificate.
	needsClient bool
}

// readTLS reads the files; nil for a server without TLS. Its errors say which file is wrong, and what to do.
func readTLS(cfg *config.TLS) (*tlsFiles, error) {
	if !cfg.ServesTLS() {
		return nil, nil
	}
	cert, err := readPEM("--tls-cert", cfg.TLSCert)
	if err != nil {
		return nil, err
	}
	key, err := readPEM("--tls-key", cfg.TLSKey)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, config.Invalid(fmt.Errorf("--tls-cert %s and --tls-key %s are no pair: %w. Set them to the "+
			"certificate with its chain, and to the key that it was made for", cfg.TLSCert, cfg.TLSKey, err))
	}
	files := &tlsFiles{leaf: pair.Leaf, config: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
		CipherSuites: cipherSuites,
	}}
	var authorities []byte
	if cfg.TLSClientCA != "" {
		if authorities, err = readPEM("--tls-client-ca", cfg.TLSClientCA); err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(authorities) {
			return nil, config.Invalid(fmt.Errorf("--tls-client-ca %s has no certificate (PEM): set it to the file "+
				"of the authority", cfg.TLSClientCA))
		}
		files.config.ClientCAs, files.needsClient = pool, true
		files.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	files.content = sha256.Sum256(slices.Concat(cert, key, authorities))
	return files, nil
}

func readPEM(flag, path string) ([]byte, error) {
	text, err := config.ReadStart(path, maxPEM+1)
	switch {
	case err != nil:
		return nil, config.Invalid(fmt.Errorf("%s: %w. Correct the path, or let pictor's user read the file",
			flag, err))
	case len(text) > maxPEM:
		return nil, config.Invalid(fmt.Errorf("%s %s is larger than 1 MiB: it has more than certificates", flag, path))
	}
	if block, _ := pem.Decode(text); block == nil {
		return nil, config.Invalid(fmt.Errorf("%s %s is not in PEM (-----BEGIN …): convert it with openssl",
			flag, path))
	}
	return text, nil
}

// warning says what is wrong with the time of the certificate; "" for nothing.
func (f *tlsFiles) warning(now time.Time) string {
	const soon = 14 * 24 * time.Hour
	day := func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
	switch {
	case f == nil:
		return ""
	case now.After(f.leaf.NotAfter):
		return "--tls-cert: the certificate has expired, on " + day(f.leaf.NotAfter)
	case now.Before(f.leaf.NotBefore):
		return "--tls-cert: the certificate is not valid before " + day(f.leaf.NotBefore)
	case now.Add(soon).After(f.leaf.NotAfter):
		return "--tls-cert: the certificate expires soon, on " + day(f.leaf.NotAfter)
	}
	return ""
}

// warnings is warning as a list.
func (f *tlsFiles) warnings(now time.Time) (list []string) {
	if w := f.warning(now); w != "" {
		list = append(list, w)
	}
	return list
}

// use puts other files in force, for new connections.
func (c *certificates) use(files *tlsFiles) { c.inForce.Store(files) }

// serverConfig is for a server; nil for one without TLS.
func (c *certificates) serverConfig() *tls.Config {
	if c.inForce.Load() == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.inForce.Load().config, nil
		},
	}
}

// noClientCertificate is the response to clients without a certificate where they need one.
const noClientCertificate = "forbidden: This server asks clients for a certificate of its authority " +
	"(--tls-client-ca).\n"

// askClients refuses requests without a certificate of the authority, where there is one, but for health checks:
// what probes a server has none. The certificate was verified with the connection.
func (c *certificates) askClients(next http.Handler) http.Handler {
	if c.inForce.Load() == nil {
		return next
	}
	open := []string{"/health", "/health/live", "/health/ready"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files := c.inForce.Load()
		if !files.needsClient || len(r.TLS.VerifiedChains) > 0 || slices.Contains(open, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, noClientCertificate) // a client that has left needs no response
	})
}
