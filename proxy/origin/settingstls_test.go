package origin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// newCertificate makes a certificate that signs itself.
func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// An origin with a certificate of its own authority, which asks for one of the client, over HTTP/2. The body of
// the response is bounded, and no redirect takes the certificate elsewhere.
func TestOwnAuthorityAndClientCertificate(t *testing.T) {
	mine, clients := newCertificate(t)
	other, _ := newCertificate(t)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "https://127.0.0.2:"+strings.Split(r.Host, ":")[1]+"/", http.StatusFound)
			return
		}
		if r.URL.Path == "/large" {
			w.Write(make([]byte, 3<<20))
			return
		}
		fmt.Fprint(w, r.Proto, len(r.TLS.PeerCertificates))
	})
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	rule := rules(t, strings.TrimPrefix(s.URL, "https://"))
	fetcher := func(change func(*Settings)) *Fetcher {
		settings := Settings{Name: "private", Sources: rule, Roots: roots, Certificate: &mine}
		change(&settings)
		return newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: 1 << 20, Origins: []Settings{settings}})
	}
	f := fetcher(func(*Settings) {})
	if body, _, err := fetch(t, f, s.URL); body != "HTTP/2.01" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if _, _, err := fetch(t, f, s.URL+"/large"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, _, err := fetch(t, f, s.URL+"/elsewhere"); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	for name, f := range map[string]*Fetcher{
		"the authorities of the system": fetcher(func(s *Settings) { s.Roots = nil }),
		"another authority":             fetcher(func(s *Settings) { s.Roots = clients }),
		"no certificate":                fetcher(func(s *Settings) { s.Certificate = nil }),
		"another certificate":           fetcher(func(s *Settings) { s.Certificate = &other }),
		"no settings":                   newFetcher(t, Config{AllowNetworks: loopback}),
	} {
		if _, _, err := fetch(t, f, s.URL); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What an authority says of a name does not open a network.
	guarded := newFetcher(t, Config{AllowNetworks: []netip.Prefix{}, Origins: []Settings{
		{Name: "private", Sources: rule, Roots: roots, Certificate: &mine}}})
	if _, _, err := fetch(t, guarded, s.URL); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// Many bodies over one connection of HTTP/2 do not wait for each other, and each is whole.
func TestManyBodiesOverHTTP2(t *testing.T) {
	addresses := make(chan string, 100)
	s, f := secure(t, func(w http.ResponseWriter, r *http.Request) {
		addresses <- r.RemoteAddr
		w.Write(make([]byte, 1<<20))
	})
	results := make(chan error, 24)
	hold := make(chan struct{})
	for i := range cap(results) {
		go func() {
			// Half of them wait for their memory until the others are done.
			reserve := func(int64) error {
				if i%2 == 0 {
					<-hold
				}
				return nil
			}
			n := counter(0)
			_, err := f.Fetch(t.Context(), s.URL, &n, reserve)
			if err == nil && n != 1<<20 {
				err = fmt.Errorf("%d bytes", n)
			}
			results <- err
		}()
	}
	for i := range cap(results) {
		if i == cap(results)/2 {
			close(hold)
		}
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	close(addresses)
	connections := map[string]bool{}
	for a := range addresses {
		connections[a] = true
	}
	if len(connections) >= cap(results)/2 {
		t.Errorf("%d connections for %d fetches", len(connections), cap(results))
	}
}

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
