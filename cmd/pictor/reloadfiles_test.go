package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"image"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// writeReloadFiles makes files for settings that name some, by the names of the settings: among them a pair of TLS,
// and another one as first-cert and first-key.
func writeReloadFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"local-root": dir}
	write := func(name string, b []byte) {
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("presets-file", []byte("card=w:30\n"))
	write("watermark", picturetest.PNG(image.NewGray(image.Rect(0, 0, 4, 4))))
	for cert, key := range map[string]string{"tls-cert": "tls-key", "first-cert": "first-key"} {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(1000 * time.Hour), IsCA: true}
		der, err := x509.CreateCertificate(rand.Reader, made, made, &private.PublicKey, private)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		write(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		write(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	}
	return files
}
