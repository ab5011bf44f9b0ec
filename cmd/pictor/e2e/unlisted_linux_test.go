package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// connections counts those that a listener accepts.
type connections struct {
	net.Listener
	mu sync.Mutex
	n  int
}

func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
	}
	return conn, err
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// listenAt serves an image at an address, and counts connections.
func listenAt(t *testing.T, address string, handler http.HandlerFunc) *connections {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &connections{Listener: l}
	s := httptest.NewUnstartedServer(handler)
	s.Listener.Close()
	s.Listener = c
	s.Start()
	t.Cleanup(s.Close)
	return c
}

// unlisted are sources that are not on the list http://A/images/, or that the address guard refuses, where A is the
// address of the one site that there is. What each code is for stands in docs/errors.md.
func unlisted(site, port, otherPort string) map[string][]string {
	at := func(list string) []string {
		var all []string
		for _, s := range strings.Fields(list) {
			all = append(all, strings.NewReplacer("SITE", site, "PORT", port, "OTHER", otherPort).Replace(s))
		}
		return all
	}
	return map[string][]string{
		"source-not-allowed": at(`http://SITE/ http://SITE/a.jpg http://SITE/images http://SITE/imagesx/a.jpg
			http://SITE/Images/a.jpg http://SITE//images/a.jpg http://SITE/x/images/a.jpg http://SITE/?/images/a.jpg
			http://SITE/a.jpg?x=/images/ http://SITE/images/../a.jpg http://SITE/images/%2e%2e/a.jpg
			http://SITE/images/%2E./a.jpg http://SITE/images/..%2Fa.jpg http://SITE/images/..%2fa.jpg
			http://SITE/images/..%5Ca.jpg http://SITE/images/..\a.jpg http://SITE/images/b/..%2F..%2Fa.jpg
			http://SITE/images/.%2e%2fa.jpg http://SITE/images/./../a.jpg http://SITE/images/b/../../a.jpg
			http://SITE/%2e%2e/a.jpg http://SITE/images%2Fa.jpg http://SITE/images%00/a.jpg http://SITE/images;/a.jpg
			https://SITE/images/a.jpg http://127.0.0.1/images/a.jpg https://127.0.0.1/images/a.jpg
			http://127.0.0.1:80/images/a.jpg http://127.0.0.1:OTHER/images/a.jpg http://127.0.0.2:PORT/images/a.jpg
			http://localhost:PORT/images/a.jpg http://LOCALHOST:PORT/images/a.jpg http://localhost.:PORT/images/a.jpg
			http://[::1]:PORT/images/a.jpg http://[::ffff:127.0.0.1]:PORT/images/a.jpg
			http://[::ffff:7f00:1]:PORT/images/a.jpg http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/images/a.jpg
			http://[::127.0.0.1]:PORT/images/a.jpg http://[64:ff9b::7f00:1]:PORT/images/a.jpg
			http://[2002:7f00:1::]:PORT/images/a.jpg http://0.0.0.0:PORT/images/a.jpg http://[::]:PORT/images/a.jpg
			http://127.0.0.1.nip.io:PORT/images/a.jpg http://127.0.0.1.evil.test/images/a.jpg
			http://evil.test/images/a.jpg http://evil.test/http://SITE/images/a.jpg http://evil.test#http://SITE/images/
			http://evil.test?http://SITE/images/ http://xn--mller-kva.test/images/a.jpg http://müller.test/images/a.jpg
			http://10.0.0.1/images/a.jpg http://169.254.169.254/latest/meta-data/ http://192.168.1.1/
			http://[fd00::1]/images/a.jpg http://[fe80::1]/images/a.jpg http://metadata.google.internal/
			local:///images/a.jpg local:///etc/passwd file:///etc/passwd ftp://SITE/images/a.jpg gopher://SITE/images/a.jpg
			data:image/png;base64,AAAA javascript://SITE/images/ ws://SITE/images/a.jpg unix:///run/x.sock
			s3://images/a.jpg gs://images/a.jpg abs://images/a.jpg swift://images/a.jpg fallback://images/a.jpg
			other://a.jpg mirror://a.jpg mirror://../images/../a.jpg http://moved.test/a.jpg`),
		"bad-source": at(`http://user@SITE/images/a.jpg http://user:pw@SITE/images/a.jpg http://a.SITE/images/a.jpg
			http://SITE@evil.test/images/a.jpg
			http://SITE%2Fimages@evil.test/ http://2130706433:PORT/images/a.jpg http://0x7f000001:PORT/images/a.jpg
			http://0x7f.0.0.1:PORT/images/a.jpg http://0177.0.0.1:PORT/images/a.jpg http://017700000001:PORT/images/a.jpg
			http://127.1:PORT/images/a.jpg http://127.0.1:PORT/images/a.jpg http://127.0.0.1.:PORT/images/a.jpg
			http://127.0.0.01:PORT/images/a.jpg http://[fe80::1%25lo]:PORT/images/a.jpg http://127.0.0.1:0/images/a.jpg
			http://127.0.0.1:99999/images/a.jpg http:///images/a.jpg http://:PORT/images/a.jpg
			photos://../a.jpg photos://%2e%2e/a.jpg photos://b/../../a.jpg photos:///../a.jpg
			http://old.test/../a.jpg http://old.test/%2e%2e/a.jpg ../a.jpg /../a.jpg`),
		// On the list, and refused by the guard.
		"source-unreachable": at(`http://127.0.0.3:PORT/a.jpg http://[::1]:OTHER/a.jpg http://10.1.2.3/a.jpg
			http://169.254.1.1/a.jpg http://[fd00::2]/a.jpg http://localhost6.test:OTHER/a.jpg`),
	}
}

// No source that is not on the list, and none that the guard refuses, is fetched, however it is spelled, by whatever
// way it is asked for, and where a redirect leads to it. Nobody connects to anything but the one site that is
// listed, and there nothing but the folder that is. Redirects all have one answer.
func TestUnlistedSourcesReachNobody(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	strays := map[string]int{}
	site := listenAt(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" && r.URL.Path == "/images/to" {
			target, _ := base64.RawURLEncoding.DecodeString(to)
			w.Header()["Location"] = []string{string(target)}
			w.WriteHeader(http.StatusFound)
			return
		}
		if !strings.HasPrefix(r.URL.EscapedPath(), "/images/") {
			mu.Lock()
			strays[r.URL.EscapedPath()]++
			mu.Unlock()
		}
		w.Write(photo(20, 20))
	})
	address := site.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	image := func(w http.ResponseWriter, _ *http.Request) { w.Write(photo(20, 20)) }
	others := []*connections{listenAt(t, "127.0.0.2:"+port, image), listenAt(t, "127.0.0.3:"+port, image),
		listenAt(t, "127.0.0.1:0", image)}
	_, otherPort, _ := net.SplitHostPort(others[2].Addr().String())
	if l, err := net.Listen("tcp6", "[::1]:"+otherPort); err == nil {
		l.Close()
		others = append(others, listenAt(t, "[::1]:"+otherPort, image))
	}
	folder := "http://" + address + "/images/"
	s := serve(t, "--insecure", "--allow-networks", "127.0.0.1,127.0.0.2", "--local-root", t.TempDir(),
		"--base-url", folder,
		"--source-aliases", "photos="+folder+",mirror=http://127.0.0.2:"+port+"/",
		"--rewrite-sources", "http://old.test/="+folder+",http://moved.test/=http://127.0.0.2:"+port+"/",
		"--allow-sources", folder+",http://127.0.0.3:"+port+",http://[::1]:"+otherPort+
			",10.1.2.3,169.254.1.1,[fd00::2],localhost6.test:"+otherPort)
	for _, source := range []string{folder + "a.jpg", "photos://b.jpg", "http://old.test/c.jpg", "d.jpg",
		folder + "to?to=" + base64.RawURLEncoding.EncodeToString([]byte("x/../e.jpg"))} {
		if a := s.get(ways["base64"](source)); a.status != 200 {
			t.Errorf("%s: %v", source, a)
		}
	}
	n, answers := 0, map[string]int{}
	for want, sources := range unlisted(address, port, otherPort) {
		for _, source := range sources {
			n++
			for _, way := range []string{"plain", "base64"} {
				a := s.get(ways[way](source))
				code, _, _ := strings.Cut(string(a.body), ":")
				if code != want || a.status != statusOf[code] {
					t.Errorf("%s by %s: %v, want %s", source, way, a, want)
				}
			}
			if !strings.Contains(source, ":") { // relative to where a redirect is
				continue
			}
			to := folder + "to?to=" + base64.RawURLEncoding.EncodeToString([]byte(source))
			a := s.get(ways["base64"](to))
			text, _, _ := strings.Cut(string(a.body), " (request ")
			answers[fmt.Sprint(a.status, " ", text)]++
		}
	}
	const refused = "502 source-unreachable: The source could not be fetched: the log of the server says why."
	if len(answers) != 1 || answers[refused] == 0 {
		t.Errorf("redirects have %d answers: %v", len(answers), answers)
	}
	if n < 80 {
		t.Errorf("only %d sources", n)
	}
	for _, l := range others {
		if l.count() != 0 {
			t.Errorf("%d connections to %s", l.count(), l.Addr())
		}
	}
	if len(strays) != 0 {
		t.Errorf("paths that are not listed were asked for: %v", strays)
	}
	t.Logf("%d sources in three ways, %d connections to the listed site", n, site.count())
}
