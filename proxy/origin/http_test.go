package origin

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// nobodyCame says whether a listener has accepted nobody yet. It comes itself:
// connections are accepted in the order of their coming.
func nobodyCame(t *testing.T, l net.Listener) bool {
	t.Helper()
	me, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer me.Close()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	return first.RemoteAddr().String() == me.LocalAddr().String()
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestRefusedAddressIsNeverConnectedTo(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	f := newFetcher(t, Config{})
	// A name goes through DNS first, like one that an attacker points inside.
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"１２７.0.0.1"} {
		if _, _, err := fetch(t, f, "http://"+host+":"+port+"/"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if !nobodyCame(t, l) {
		t.Error("a connection was made")
	}
}

func TestRedirectsAreJudgedAnew(t *testing.T) {
	// Another port stands for the secret: nothing but its network is allowed.
	secret := listen(t, "127.0.0.1:0")
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" || r.Header.Get("Authorization") != "" ||
			!strings.HasPrefix(r.Header.Get("Via"), "1.1 pictor-") {
			t.Errorf("headers %v", r.Header)
		}
		var n int
		if m, _ := fmt.Sscanf(r.URL.Path, "/hops/%d", &n); m == 1 && n > 0 {
			w.Header().Set("Location", fmt.Sprintf("%d", n-1))
			w.WriteHeader([]int{301, 302, 303, 307, 308}[n%5])
		}
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
		io.WriteString(w, "end of "+r.URL.Path)
	})
	f := newFetcher(t, Config{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	for path, want := range map[string]error{
		"/hops/5":                            nil,
		"/hops/6":                            ErrRedirects,
		"/?to=http://10.0.0.1/":              ErrRefused,
		"/?to=http://[::1]/":                 ErrRefused,
		"/?to=//169.254.169.254/":            ErrRefused,
		"/?to=local:///etc/passwd":           ErrRedirects,
		"/?to=file:///etc/passwd":            ErrRedirects,
		"/?to=http://me:pw@example.com/":     ErrRedirects,
		"/?to=http://127.1/":                 ErrRedirects,
		"/?to=http://":                       ErrRedirects,
		"/?to=http://[":                      ErrRedirects,
		"/?to=http://example.com:0/":         ErrRedirects,
		"/?to=http://127.0.0.2:1/":           ErrRefused,
		"/?to=%2Fend%20of%20it%23part":       nil,
		"/?to=%3Fx%3D1":                      nil,
		"/?to=//" + url[len("http://"):]:     nil,
		"/?to=" + url + "/%C3%A4%2520":       nil,
		"/?to=http://" + "127.0.0.1:1" + "/": ErrUnreachable,
	} {
		if _, _, err := fetch(t, f, url+path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	none := newFetcher(t, Config{AllowNetworks: loopback, MaxRedirects: -1})
	if _, _, err := fetch(t, none, url+"/?to=http://"+secret.Addr().String()); !errors.Is(err, ErrRedirects) {
		t.Errorf("got %v", err)
	}
	if !nobodyCame(t, secret) {
		t.Error("a redirect was followed that none may")
	}
	if body, _, err := fetch(t, f, url+"/dir/?to=../a%20b"); body != "end of /a b" || err != nil {
		t.Errorf("relative: %q, %v", body, err)
	}
}

// secure is a server with TLS and HTTP/2, and a fetcher that trusts it.
func secure(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Fetcher) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	f := newFetcher(t, Config{AllowNetworks: loopback})
	f.transport.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	return s, f
}

func TestHTTP2(t *testing.T) {
	s, f := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked over %s", r.Proto)
		}
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "short")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/down":
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		}
		io.WriteString(w, "picture")
	})
	if body, _, err := fetch(t, f, s.URL); body != "picture" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	for path, want := range map[string]error{"/cut": ErrTruncated, "/down": ErrRedirects} {
		if _, _, err := fetch(t, f, s.URL+path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if _, _, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback}), s.URL); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

// Each fetch that waits for memory would let its origin send so much ahead.
func TestLittleIsBufferedAheadOfReading(t *testing.T) {
	s, f := secure(t, nil)
	l := tls.NewListener(listen(t, "127.0.0.1:0"),
		&tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2"}})
	window := make(chan uint32, 1)
	go func() {
		defer close(window)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		frame, err := http2.NewFramer(nil, c).ReadFrame()
		if settings, ok := frame.(*http2.SettingsFrame); ok && err == nil {
			n, _ := settings.Value(http2.SettingInitialWindowSize)
			window <- n
		}
	}()
	if _, _, err := fetch(t, f, "https://"+l.Addr().String()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if n := <-window; n == 0 || n > 256<<10 {
		t.Errorf("an origin may send %d bytes ahead", n)
	}
}

func TestEndlessInterimAnswers(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = http.ReadRequest(bufio.NewReader(c))
		for err == nil {
			_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
		}
	}()
	_, _, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback}), "http://"+l.Addr().String())
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	<-done
}

// The proxy would not be asked for a loopback address, so this takes a name.
func TestProxyVariablesAreIgnored(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://proxy.example:3128")
	}
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	f := newFetcher(t, Config{})
	if f.transport.Proxy != nil { // net/http reads the environment once, so what follows may come too late
		t.Error("the transport looks for a proxy")
	}
	var dialled atomic.Value
	f.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Store(address)
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
	}
	if _, _, err := fetch(t, f, "http://pictures.example/"); err != nil || dialled.Load() != "pictures.example:80" {
		t.Errorf("dialled %v, %v", dialled.Load(), err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "a short body")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for _, path := range []string{"/a", "/missing", "/b", "/missing", "/c"} {
		fetch(t, f, s.URL+path)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
