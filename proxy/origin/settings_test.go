package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echoed answers with the named headers of requests, a line each.
func echoed(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, name := range names {
			for _, value := range r.Header[name] {
				fmt.Fprintf(w, "%s=%s\n", name, value)
			}
		}
	}
}

// hostIn is the host and port of a URL.
func hostIn(site string) string { return strings.TrimPrefix(site, "http://") }

func TestSettingsOfAnOrigin(t *testing.T) {
	site := serve(t, echoed("User-Agent", "Authorization", "Referer", "X-Two", "Accept", "Cookie"))
	f := newFetcher(t, Config{AllowNetworks: loopback, Origins: []Settings{
		{Name: "private", Sources: rules(t, hostIn(site)+"/private/"), Header: http.Header{
			"Authorization": {"Bearer secret"}, "Referer": {"https://www.example.com/"}, "X-Two": {"1", "2"},
			"User-Agent": {"else"}}},
		{Name: "deeper", Sources: rules(t, hostIn(site)+"/private/deeper/"), Header: http.Header{"Cookie": {"a=b"}}},
	}})
	const plain, accept = "User-Agent=pictor\n", "Accept=image/*,*/*;q=0.8\n"
	for path, want := range map[string]string{
		"/": plain + accept, "/private": plain + accept, "/private/../x": plain + accept,
		"/private/..%2Fx": plain + accept,
		"/private/a": "User-Agent=else\nAuthorization=Bearer secret\nReferer=https://www.example.com/\n" +
			"X-Two=1\nX-Two=2\n" + accept,
		"/%70rivate/deeper/a": plain + accept + "Cookie=a=b\n",
	} {
		if body, _, err := fetch(t, f, site+path); body != want || err != nil {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
}

// Of several rules that match, host goes before path, and path before scheme.
func TestTheMostPreciseSettings(t *testing.T) {
	list := "* *.test *.a.test b.a.test b.a.test/one/ b.a.test/one/x.jpg https://b.a.test/one/ */one/two/three/ " +
		"http://*"
	var all []Settings
	for i, rule := range strings.Fields(list) {
		all = append(all, Settings{Name: rule, Sources: rules(t, fmt.Sprint(rule, " c.test:", i+1))})
	}
	f := newFetcher(t, Config{Origins: all})
	for source, want := range map[string]string{
		"https://else.example/": "*", "http://else.example/": "http://*", "https://x.test/one/two/three/a": "*.test",
		"https://x.a.test/": "*.a.test", "https://b.a.test/": "b.a.test", "http://b.a.test/one/a": "b.a.test/one/",
		"https://b.a.test/one/a": "https://b.a.test/one/", "https://b.a.test/one/x.jpg": "b.a.test/one/x.jpg",
		"https://else.example/one/two/three/": "*/one/two/three/", "http://c.test:3/": "*.a.test",
		"https://b.a.test:8443/": "",
	} {
		u, err := parseURL(source, url.Parse)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.accessTo(u).Name; got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// No header of settings, and none of a client, is sent to where the settings do not hold, whatever redirects
// say, and a redirect does not make others hold.
func TestSecretsStayWithTheirSources(t *testing.T) {
	var leaked, asked atomic.Int64
	spies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization")+r.Header.Get("X-Token") != "" {
			leaked.Add(1)
		}
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	})
	public, second := serve(t, spies), serve(t, spies)
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
		if r.URL.Path == "/open/" {
			spies(w, r)
			return
		}
		echoed("Authorization", "X-Token")(w, r)
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, Origins: []Settings{
		{Name: "private", Sources: rules(t, hostIn(site)+"/private/"), Pass: []string{"X-Token"},
			Header: http.Header{"Authorization": {"Bearer secret"}}},
		{Name: "second", Sources: rules(t, hostIn(second)), Header: http.Header{"Authorization": {"Bearer other"}}},
	}})
	client := Client{Passed: PassedOf([]string{"X-Token"}, http.Header{"X-Token": {"mine"}})}
	get := func(source string) string {
		t.Helper()
		var b bytes.Buffer
		if _, _, err := f.Revalidate(context.Background(), source, client, Validators{}, &b, nil); err != nil {
			t.Error(source, err)
		}
		return b.String()
	}
	const both = "Authorization=Bearer secret\nX-Token=mine\n"
	q := url.QueryEscape
	for source, want := range map[string]string{
		site + "/private/a": both, site + "/private/a?to=b": both,
		site + "/private/a?to=" + q(public): "", site + "/private/a?to=/open/": "",
		site + "/private/a?to=" + q("/private/../open/"): "", site + "/private/?to=" + q(second): "",
		public + "/?to=" + q(site+"/private/a"): "", public + "/?to=" + q(second+"/"): "",
		site + "/private/?to=" + q(public+"/?to="+q(site+"/private/")): both,
	} {
		if body := get(source); body != want {
			t.Errorf("%s: %q, want %q", source, body, want)
		}
	}
	if leaked.Load() != 0 || asked.Load() == 0 {
		t.Errorf("%d of %d requests had a secret of somewhere else", leaked.Load(), asked.Load())
	}
}

func TestPassedHeaders(t *testing.T) {
	site := serve(t, echoed("X-Tenant", "Accept-Language", "Authorization", "Cookie"))
	f := newFetcher(t, Config{AllowNetworks: loopback, Origins: []Settings{
		{Sources: rules(t, hostIn(site)), Pass: []string{"X-Tenant", "Accept-Language"}, Name: "a",
			Header: http.Header{"Accept-Language": {"de"}}}}})
	names := f.PassedHeaders(site + "/a")
	if fmt.Sprint(names) != "[X-Tenant Accept-Language]" || f.PassedHeaders("http://else.example/") != nil ||
		newFetcher(t, Config{}).PassedHeaders(site) != nil {
		t.Errorf("%v, %v", names, f.PassedHeaders("http://else.example/"))
	}
	request := http.Header{"X-Tenant": {"one", "two"}, "Authorization": {"Basic x"}, "Cookie": {"a=b"},
		"Accept-Language": {"en"}}
	passed := PassedOf(names, request)
	var b bytes.Buffer
	_, _, err := f.Revalidate(context.Background(), site, Client{Passed: passed}, Validators{}, &b, nil)
	if err != nil || b.String() != "X-Tenant=one\nX-Tenant=two\nAccept-Language=de\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
	if text := fmt.Sprintf("%v %+v %#v", passed, passed, passed); strings.Contains(text, "two") {
		t.Error(text)
	}
	variants := map[string]int{}
	for i, h := range []http.Header{{}, {"Cookie": {"a"}}, {"X-Tenant": {"a"}}, {"X-Tenant": {"b"}},
		{"X-Tenant": {"a", "b"}}, {"X-Tenant": {"a,b"}}, {"X-Tenant": {""}}, {"Accept-Language": {"a"}}, {"X-Tenant": {"a\nAccept-Language:1\n1:b"}},
		{"X-Tenant": {"a"}, "Accept-Language": {"b"}}} {
		variants[PassedOf(names, h).Variant().String()] += i
	}
	if len(variants) != 9 || variants[""] != 1 {
		t.Errorf("%v: only requests without any of the headers are alike", variants)
	}
}

func TestSettingsWithTimeouts(t *testing.T) {
	site := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f := newFetcher(t, Config{AllowNetworks: loopback, Timeout: time.Hour, Origins: []Settings{
		{Name: "a", Sources: rules(t, hostIn(site)+"/a"), Timeout: 20 * time.Millisecond, FirstByte: time.Minute},
		{Name: "b", Sources: rules(t, hostIn(site)+"/b"), FirstByte: 20 * time.Millisecond}}})
	for path, want := range map[string]string{"/a": "longer than 20ms", "/b": "no response within 20ms"} {
		if _, _, err := fetch(t, f, site+path); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBoundsOfFetches(t *testing.T) {
	f := newFetcher(t, Config{Origins: []Settings{
		{Name: "small", Sources: rules(t, "a.test b.test"), Fetches: 2}, {Name: "usual", Sources: rules(t, "c.test")}}})
	for source, want := range map[string]string{"https://a.test/x": "origin small 2", "http://b.test": "origin small 2",
		"https://C.test:443": "c.test:443 0", "http://d.test/": "d.test 0", "local:///x": " 0", "x": " 0"} {
		if group, most := f.Bound(source); fmt.Sprint(group, " ", most) != want {
			t.Errorf("%s: %q, %d, want %s", source, group, most, want)
		}
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	proxy := func(s string) *url.URL { u, _ := url.Parse(s); return u }
	for name, s := range map[string]Settings{
		"no sources": {}, "a file": {Sources: rules(t, "local:///a")}, "Host": {Header: http.Header{"Host": {"a"}}},
		"no name": {Header: http.Header{"a b": {"c"}}}, "not canonical": {Header: http.Header{"x-a": {"secret-c"}}},
		"two lines": {Header: http.Header{"X-A": {"ok", "secret\nX-B: c"}}}, "a range": {Pass: []string{"Range"}},
		"Via": {Pass: []string{"Via"}}, "passed, not canonical": {Pass: []string{"cookie"}},
		"SOCKS": {Proxy: proxy("socks5://127.0.0.1:1")}, "no proxy": {Proxy: proxy("http://")},
		"a time": {Timeout: -1}, "fetches": {Fetches: -1},
	} {
		if s.Sources == nil && name != "no sources" {
			s.Sources = rules(t, "a.test")
		}
		s.Name = "it"
		if f, err := New(Config{Origins: []Settings{s}}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	twice := Settings{Sources: rules(t, "a.test")}
	if _, err := New(Config{Origins: []Settings{twice, twice}}); err == nil {
		t.Error("two settings with the same source")
	}
}

// An HTTP proxy is where the operator says, and leads to sources of its settings alone; what a URL itself says to
// be refused is refused before the proxy is asked.
func TestHTTPProxy(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Proxy-Authorization") != "Basic bWU6c2VjcmV0" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		io.WriteString(w, r.Method+" "+r.URL.String()+r.Header.Get("X-Key"))
	}))
	t.Cleanup(proxy.Close)
	inside := listen(t, "127.0.0.1:0")
	withSecret := func(password string) *Fetcher {
		u, _ := url.Parse("http://me:" + password + "@" + proxy.Listener.Addr().String())
		key := http.Header{"X-Key": {"key"}}
		return newFetcher(t, Config{Origins: []Settings{{Name: "behind", Proxy: u, Header: key,
			Sources: rules(t, "photos.internal 127.0.0.1 *.internal:25 [::1] http://127.0.0.1:"+portOf(inside)+"/")}}})
	}
	f := withSecret("secret")
	const photo = "http://photos.internal/a.jpg"
	if body, _, err := fetch(t, f, photo); body != "GET "+photo+"key" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	before := asked.Load()
	for source, want := range map[string]error{
		"http://127.0.0.1/": ErrRefused, "http://[::1]/": ErrRefused,
		"http://127.0.0.1:" + portOf(inside) + "/": ErrRefused, "http://mail.internal:25/": ErrRefused, proxy.URL + "/direct": ErrRefused,
	} {
		if _, _, err := fetch(t, f, source); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
	if asked.Load() != before {
		t.Error("the proxy was asked")
	}
	for _, to := range []string{proxy.URL + "/direct", "http://127.0.0.1/", "http://" + inside.Addr().String()} {
		_, _, err := fetch(t, f, "http://photos.internal/?to="+url.QueryEscape(to))
		if !errors.Is(err, ErrRefused) {
			t.Errorf("a redirect to %s: %v", to, err)
		}
	}
	if !nobodyCame(t, inside) {
		t.Error("a connection was made")
	}
	_, _, err := fetch(t, withSecret("wrong"), "http://photos.internal/a.jpg")
	if !errors.Is(err, ErrDenied) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), "wrong") {
		t.Errorf("%#v", err)
	}
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
