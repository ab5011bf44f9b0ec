package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// adminPaths are all paths of the admin port, with what is sent to them.
var adminPaths = []struct{ method, path, body string }{
	{"GET", "/", ""}, {"GET", "/metrics", ""}, {"GET", "/debug/memory", ""}, {"POST", "/purge", `{"tags": ["none"]}`},
	{"POST", "/warm", `{"urls": ["/none"]}`},
	{"POST", "/sources", `{"sources": ["https://example.com/a.jpg"]}`},
}

// adminServer is an admin port that listens.
func adminServer(t *testing.T, admin, metrics string, w *watch) *httptest.Server {
	r := newRig(t, func(c *Config) {
		withHidden(t)(c)
		c.MetricsToken, c.Now = metrics, w.now
	})
	s := httptest.NewServer(r.server.Admin(admin))
	t.Cleanup(s.Close)
	return s
}

// rawAdmin sends what no client library would.
func rawAdmin(t *testing.T, s *httptest.Server, method, target, body string, header ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s\r\nConnection: close\r\n", method, target, strings.Join(header, "\r\n"))
	if body != "" {
		fmt.Fprintf(conn, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(conn, "\r\n%s", body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// Who may use which path of the admin port, and by what request.
func TestWhoMayUseTheAdminPort(t *testing.T) {
	const here, right, scraper = "Host: 127.0.0.1", "Authorization: Bearer secret", "Authorization: Bearer scrape"
	const foreign, wrong = "Host: evil.example", "Authorization: Bearer guess"
	all := func(n int) [5]int { return [5]int{n, n, n, n, n} }
	ok, unauthorized, forbidden := all(200), all(401), all(403)
	post := [5]int{200, 200, 200, 403, 403} // but not from a page of another site
	for _, tc := range []struct {
		name           string
		admin, metrics string
		absolute       string // what stands before the path
		header         []string
		want           [5]int // by path, as in adminPaths
	}{
		{"no token is set", "", "", "", []string{here}, ok},
		{"by name", "", "", "", []string{"Host: localhost:8081"}, ok},
		{"by IPv6", "", "", "", []string{"Host: [::1]:8081"}, ok},
		{"by another name", "", "", "", []string{foreign}, forbidden},
		{"by another address", "", "", "", []string{"Host: 10.0.0.1:8081"}, forbidden},
		{"by a name that begins well", "", "", "", []string{"Host: localhost.evil.example"}, forbidden},
		{"by no name", "", "", "", []string{"Host:"}, forbidden},
		{"a token that nobody asked for", "", "", "", []string{foreign, right}, forbidden},
		{"an absolute target", "", "", "http://127.0.0.1:8081", []string{here}, ok},
		{"a foreign absolute target", "", "", "http://evil.example", []string{here}, forbidden},
		{"an absolute target counts", "", "", "http://127.0.0.1", []string{foreign}, ok}, // RFC 9112 §3.2.2

		{"no token is sent", "secret", "", "", []string{here}, unauthorized},
		{"a wrong token", "secret", "", "", []string{here, wrong}, unauthorized},
		{"a part of the token", "secret", "", "", []string{here, "Authorization: Bearer secre"}, unauthorized},
		{"an empty token", "secret", "", "", []string{here, "Authorization: Bearer "}, unauthorized},
		{"another scheme", "secret", "", "", []string{here, "Authorization: Basic secret"}, unauthorized},
		{"the right token", "secret", "", "", []string{here, right}, ok},
		{"a scraper by address", "secret", "", "", []string{"Host: 10.0.0.1:8081", right}, ok},
		{"an absolute target without a token", "secret", "", "http://127.0.0.1", []string{here}, unauthorized},

		{"no token for metrics", "secret", "scrape", "", []string{here}, unauthorized},
		{"the token for metrics", "secret", "scrape", "", []string{"Host: 10.0.0.1", scraper}, [5]int{401, 200, 401, 401, 401}},
		{"the admin's token for metrics", "secret", "scrape", "", []string{here, right}, ok},
		{"only metrics have a token", "", "scrape", "", []string{here}, [5]int{200, 401, 200, 200, 200}},
		{"which is sent", "", "scrape", "", []string{here, scraper}, ok},
		{"which is sent by another name", "", "scrape", "", []string{foreign, scraper}, [5]int{403, 200, 403, 403, 403}},

		{"from another site", "", "", "", []string{here, "Sec-Fetch-Site: cross-site"}, post},
		{"from a site beside it", "", "", "", []string{here, "Sec-Fetch-Site: same-site"}, post},
		{"from its own pages", "", "", "", []string{here, "Sec-Fetch-Site: same-origin"}, ok},
		{"by hand", "", "", "", []string{here, "Sec-Fetch-Site: none"}, ok},
		{"from an old browser", "", "", "", []string{here, "Origin: http://evil.example"}, post},
		{"from a sandbox", "", "", "", []string{here, "Origin: null"}, post},
		{"from another site that knows the token", "secret", "", "", []string{here, right, "Sec-Fetch-Site: cross-site"}, post},
	} {
		s := adminServer(t, tc.admin, tc.metrics, &watch{})
		for i, p := range adminPaths {
			resp := rawAdmin(t, s, p.method, tc.absolute+p.path, p.body, tc.header...)
			want := tc.want[min(i, len(tc.want)-1)] // sources are guarded as lists to warm are
			if resp.StatusCode != want {
				t.Errorf("%s: %s %s: %d, want %d", tc.name, p.method, p.path, resp.StatusCode, want)
			}
			if got := resp.Header.Get("WWW-Authenticate"); (got == "Bearer") != (want == 401) {
				t.Errorf("%s: %s %s: WWW-Authenticate: %q", tc.name, p.method, p.path, got)
			}
		}
	}
}

// An address that sends wrong tokens is not listened to for a while, and others
// are.
func TestTokensCannotBeTriedAtWill(t *testing.T) {
	var w watch
	r := newRig(t, func(c *Config) { c.Now = w.now })
	admin := r.server.Admin("secret")
	ask := func(from, authorization string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("GET", "/metrics", nil)
		req.RemoteAddr = from
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		rec := httptest.NewRecorder()
		admin.ServeHTTP(rec, req)
		return rec
	}
	const here, right, wrong = "192.0.2.1:1000", "Bearer secret", "Bearer guess"
	for range 100 { // a scraper without a token guesses nothing
		if got := ask(here, "").Code; got != 401 {
			t.Fatal(got)
		}
	}
	refused := map[int]int{}
	for i := range 1000 {
		refused[ask(fmt.Sprintf("192.0.2.1:%d", i+1), wrong).Code]++
	}
	if refused[401] != 10 || refused[429] != 990 {
		t.Errorf("%v", refused)
	}
	got := ask(here, right)
	if got.Code != 429 || got.Header().Get("Retry-After") == "" ||
		!strings.HasPrefix(got.Body.String(), "too-many-attempts: ") {
		t.Errorf("%d %v %q", got.Code, got.Header(), got.Body)
	}
	if got := ask("192.0.2.2:1000", right).Code; got != 200 {
		t.Errorf("another address: %d", got)
	}
	w.pass(time.Second)
	if got := ask(here, right).Code; got != 200 {
		t.Errorf("a second later: %d", got)
	}
	for range 2 {
		ask(here, wrong)
	}
	if got := ask(here, right).Code; got != 429 {
		t.Errorf("after another one: %d", got)
	}
	w.pass(-time.Hour) // a clock that is set back
	ask(here, right)
	w.pass(time.Minute)
	if got := ask(here, right).Code; got != 200 {
		t.Errorf("a minute later: %d", got)
	}
	for i := range 2 * maxAttempts {
		ask(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), wrong)
	}
	if n := r.server.authLimiter.clients.Len(); n != maxAttempts {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestClientsAreToldApartByAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":      "fe80::/64", "[::1]:80": "::/64",
	} {
		if got := clientOf(remote); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %v", remote, got)
		}
	}
	if got := clientOf("@"); got != (netip.Prefix{}) {
		t.Errorf("a Unix socket: %v", got)
	}
}
