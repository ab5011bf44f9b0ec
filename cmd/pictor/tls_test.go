package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// tlsOf writes a certificate for a key, and reads it as a server does.
func tlsOf(t *testing.T, key crypto.Signer) *certificates {
	t.Helper()
	made := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"images.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.TLS{TLSCert: filepath.Join(t.TempDir(), "tls.crt"), TLSKey: filepath.Join(t.TempDir(), "tls.key")}
	for file, block := range map[string]*pem.Block{cfg.TLSCert: {Type: "CERTIFICATE", Bytes: der},
		cfg.TLSKey: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := readTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	all := &certificates{}
	all.use(files)
	return all
}

// HTTP/2 is never spoken by a suite that it forbids (RFC 9113 §9.2.2): TLS ends below the HTTP server, which cannot
// refuse one. Every suite that Go knows is tried alone, with keys of both kinds.
func TestCiphersOfHTTP2(t *testing.T) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	taken := map[uint16]int{}
	for kind, served := range map[string]*certificates{"RSA": tlsOf(t, long), "ECDSA": tlsOf(t, short)} {
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if suite.SupportedVersions[0] == tls.VersionTLS13 {
				continue
			}
			name := suite.Name + " with " + kind
			state, err := shakeHands(t, served, suite.ID)
			good := strings.HasPrefix(suite.Name, "TLS_ECDHE_"+kind+"_") &&
				(strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_POLY1305_"))
			is := state.NegotiatedProtocol == "h2" && state.CipherSuite == suite.ID
			if good != (err == nil) || good && !is {
				t.Errorf("%s: %v %s", name, err, state.NegotiatedProtocol)
			}
			if err == nil {
				taken[suite.ID]++
			}
		}
	}
	// Every server of HTTP/2 has to have this one.
	if len(taken) != len(cipherSuites) || taken[tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] == 0 {
		t.Errorf("%d suites are taken, want %d", len(taken), len(cipherSuites))
	}
}

// shakeHands connects by TLS 1.2 with one suite.
func shakeHands(t *testing.T, served *certificates, suite uint16) (tls.ConnectionState, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	server := tls.Server(theirs, served.serverConfig())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Handshake() // the client has an error, too
		theirs.Close()
	}()
	client := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
		MinVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, NextProtos: []string{"h2", "http/1.1"}})
	err := client.Handshake()
	ours.Close()
	<-ended
	return client.ConnectionState(), err
}
