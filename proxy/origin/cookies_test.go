package origin

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// hop is one URL of a chain of redirects.
type hop struct {
	url  string
	sets []string
	// sees is the Cookie header that it should get.
	sees string
}

// web is an origin that is all hosts, by http and https, and leads along a chain.
type web struct {
	t     *testing.T
	chain []hop
	at    int
}

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	h := s.chain[s.at]
	s.at++
	if got := scheme + "://" + r.Host + r.URL.String(); got != h.url {
		s.t.Errorf("asked for %s instead of %s", got, h.url)
	}
	if got := strings.Join(r.Header["Cookie"], "|"); got != h.sees {
		s.t.Errorf("%s, after %d: cookies %q, want %q", h.url, s.at-1, got, h.sees)
	}
	w.Header()["Set-Cookie"] = h.sets
	if s.at < len(s.chain) {
		http.Redirect(w, r, s.chain[s.at].url, http.StatusFound)
		return
	}
	io.WriteString(w, plain)
}

// newWeb is such an origin, with a fetcher for which it is every host.
func newWeb(t *testing.T) (*web, *Fetcher) {
	s := &web{t: t}
	open, closed := httptest.NewServer(s), httptest.NewUnstartedServer(s)
	closed.Config.ErrorLog = log.New(io.Discard, "", 0)
	closed.StartTLS()
	t.Cleanup(open.Close)
	t.Cleanup(closed.Close)
	f := newFetcher(t, Config{})
	f.transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // a test's certificate is not for all hosts
	f.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		to := open
		if strings.HasSuffix(address, ":443") {
			to = closed
		}
		return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
	}
	return s, f
}

func TestCookiesOfRedirects(t *testing.T) {
	for name, chain := range map[string][]hop{
		"to itself": {{"http://a.example/x", []string{"k=1"}, ""}, {"http://a.example/x", nil, "k=1"}},
		"over several hops": {
			{"http://a.example/", []string{"k=1"}, ""}, {"http://b.example/", nil, ""}, {"http://a.example/", nil, "k=1"},
		},
		"several": {
			{"http://a.example/", []string{"k=1", "l=2; HttpOnly; SameSite=Strict"}, ""},
			{"http://a.example/2", []string{"m=\"3 4\""}, "k=1; l=2"}, {"http://a.example/3", nil, "k=1; l=2; m=\"3 4\""},
		},
		"changed": {
			{"http://a.example/", []string{"k=1"}, ""}, {"http://a.example/", []string{"k=2"}, "k=1"}, {"http://a.example/", nil, "k=2"},
		},
		"deleted": {
			{"http://a.example/", []string{"k=1", "l=1"}, ""},
			{"http://a.example/", []string{"k=; Max-Age=0", "l=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "k=1; l=1"},
			{"http://a.example/", nil, ""},
		},
		"of a host":       {{"http://a.example/", []string{"k=1"}, ""}, {"http://sub.a.example/", nil, ""}},
		"of an address":   {{"http://192.0.2.1/", []string{"k=1"}, ""}, {"http://192.0.2.1/", nil, "k=1"}, {"http://192.0.2.2/", nil, ""}},
		"on another port": {{"http://a.example/", []string{"k=1"}, ""}, {"http://a.example:8080/", nil, "k=1"}}, // RFC 6265 §8.5
		"of a domain": {
			{"http://a.site.example/", []string{"k=1; Domain=site.example"}, ""}, {"http://b.site.example/", nil, "k=1"},
			{"http://site.example/", nil, "k=1"}, {"http://othersite.example/", nil, ""},
		},
		"of somebody else's": {
			{"http://a.example/", []string{"k=1; Domain=b.example", "l=1; Domain=a.a.example"}, ""},
			{"http://b.example/", nil, ""}, {"http://a.a.example/", nil, ""}, {"http://a.example/", nil, ""},
		},
		"of a public suffix": {
			{"http://a.co.uk/", []string{"k=1; Domain=co.uk", "l=1; Domain=uk"}, ""}, {"http://b.co.uk/", nil, ""},
			{"http://a.github.io/", []string{"k=1; Domain=github.io"}, ""}, {"http://b.github.io/", nil, ""},
		},
		"of a path": {
			{"http://a.example/", []string{"k=1; Path=/img"}, ""}, {"http://a.example/img", nil, "k=1"},
			{"http://a.example/img/x", nil, "k=1"}, {"http://a.example/images", nil, ""}, {"http://a.example/", nil, ""},
		},
		"of a path that is not told": {
			{"http://a.example/x/y", []string{"k=1"}, ""}, {"http://a.example/x/z", nil, "k=1"}, {"http://a.example/z", nil, ""},
		},
		"secure":          {{"https://a.example/", []string{"k=1; Secure"}, ""}, {"https://a.example/2", nil, "k=1"}},
		"secure, and not": {{"http://a.example/", []string{"k=1; Secure", "l=1"}, ""}, {"http://a.example/", nil, "l=1"}},
		"broken":          {{"http://a.example/", []string{"", "=", "k 1=1", "k=\xe4", ";", "l=1"}, ""}, {"http://a.example/", nil, "l=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newWeb(t)
			// The second fetch is as the first: nothing is kept, also of the last response.
			chain[len(chain)-1].sets = []string{"last=1; Path=/"}
			for range 2 {
				s.chain, s.at = chain, 0
				if body, _, err := fetch(t, f, chain[0].url); body != plain || err != nil || s.at != len(chain) {
					t.Errorf("%d of %d hops, %q, %v", s.at, len(chain), body, err)
				}
			}
		})
	}
}

// What redirects set is bounded in number and in bytes, over all of them.
func TestTooManyCookies(t *testing.T) {
	for name, size := range map[string]int{"many": 1, "large": 1000, "one too large": maxCookieBytes} {
		s, f := newWeb(t)
		s.chain = nil
		var sees []string
		bytes := 0
		for i := range 4 {
			h := hop{url: fmt.Sprintf("http://a.example/%d", i), sees: strings.Join(sees, "; ")}
			for j := range 20 {
				cookie := fmt.Sprintf("c%d-%d=%s", i, j, strings.Repeat("x", size))
				h.sets = append(h.sets, cookie)
				if len(sees) < maxCookies && bytes+len(cookie) <= maxCookieBytes {
					sees = append(sees, cookie)
					bytes += len(cookie)
				}
			}
			h.sets = slices.Clip(h.sets[:min(len(h.sets), 50_000/(size+10))]) // a response header has a limit, too
			s.chain = append(s.chain, h)
		}
		if body, _, err := fetch(t, f, s.chain[0].url); body != plain || err != nil || s.at != len(s.chain) {
			t.Errorf("%s: %d hops, %q, %v", name, s.at, body, err)
		}
	}
}

// A source behind a redirect that wants its cookie back is revalidated like others.
func TestRevalidateBehindCookies(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		switch {
		case r.Header.Get("Cookie") == "":
			http.SetCookie(w, &http.Cookie{Name: "k", Value: "1"})
			http.Redirect(w, r, "/", http.StatusFound)
		case r.Header.Get("If-None-Match") == `"v1"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			io.WriteString(w, plain)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	_, meta, err := fetch(t, f, url)
	if err != nil {
		t.Fatal(err)
	}
	have := Validators{ETag: meta.ETag, URL: meta.URL}
	_, changed, err := f.Revalidate(context.Background(), url, Client{}, have, io.Discard, nil)
	if changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
}
