package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// edge is a cache that stands before pictor, by the recipe in docs/cdn.
type edge struct {
	t   *testing.T
	url string
	// cdn is the profile that pictor is started with for it.
	cdn string
	// purge makes it let go of a picture, of which pictor said these tags.
	purge func(path string, tags []string)
}

// edges start one by its recipe, before a server.
var edges = map[string]func(t *testing.T, pictor string) *edge{"nginx": startNginx, "varnish": startVarnish}

var profileOf = map[string]string{"nginx": "cloudfront", "varnish": "varnish"}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// recipe reads a file of docs/cdn, with some of its texts replaced. All of them
// must be there.
func recipe(t *testing.T, name, into string, replace ...string) {
	b, err := os.ReadFile("../../docs/cdn/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	if err := os.WriteFile(into, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runAt starts a program that serves at a port, and ends it with the test.
func runAt(t *testing.T, port string, cmd *exec.Cmd) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Args[0], out.String())
		}
	})
	waitFor(t, cmd.Args[0], 10*time.Second, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func startNginx(t *testing.T, pictor string) *edge {
	needs(t, "nginx")
	dir, port := t.TempDir(), freePort(t)
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s; ", kind, dir, kind)
	}
	conf := filepath.Join(dir, "nginx.conf")
	recipe(t, "nginx.conf", conf, "127.0.0.1:8080", pictor, "listen 80;", "listen 127.0.0.1:"+port+";",
		"/var/cache/nginx/pictor", dir+"/cache", "events {}", "events {}", "http {", "http { access_log off; "+temp.String())
	global := fmt.Sprintf("daemon off; pid %s/pid; error_log %s/error.log;", dir, dir)
	if os.Getuid() == 0 {
		global += " user root;"
	}
	runAt(t, port, exec.Command("nginx", "-p", dir, "-c", conf, "-e", dir+"/error.log", "-g", strings.Replace(global, " error_log "+dir+"/error.log;", "", 1)))
	e := &edge{t: t, url: "http://127.0.0.1:" + port}
	e.purge = func(path string, _ []string) { e.get(path, "X-Refresh", "a-secret") }
	return e
}

func startVarnish(t *testing.T, pictor string) *edge {
	needs(t, "varnishd")
	dir, port := t.TempDir(), freePort(t)
	host, at, _ := net.SplitHostPort(pictor)
	vcl := filepath.Join(dir, "pictor.vcl")
	recipe(t, "varnish.vcl", vcl, `.host = "127.0.0.1"`, `.host = "`+host+`"`, `.port = "8080"`, `.port = "`+at+`"`)
	runAt(t, port, exec.Command("varnishd", "-F", "-j", "none", "-n", filepath.Join(dir, "work"), "-a", "127.0.0.1:"+port, "-f", vcl, "-T", "none", "-s", "malloc,16m"))
	e := &edge{t: t, url: "http://127.0.0.1:" + port}
	e.purge = func(_ string, tags []string) {
		if a := e.ask("PURGE", "/", "X-Purge-Tags", strings.Join(tags, " ")); a.status != http.StatusOK {
			t.Errorf("PURGE: %v", a)
		}
	}
	// It serves a moment before it has a first word of pictor's health.
	waitFor(t, "varnish to see pictor", 10*time.Second, func() bool { return e.get("/health").status == http.StatusOK })
	return e
}

func (e *edge) get(path string, header ...string) answer {
	e.t.Helper()
	return e.ask(http.MethodGet, path, header...)
}

func (e *edge) ask(method, path string, header ...string) answer {
	e.t.Helper()
	req, err := http.NewRequest(method, e.url+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// hit wants an answer that the edge had.
func (e *edge) hit(path string, header ...string) answer {
	e.t.Helper()
	a := e.get(path, header...)
	if a.status != http.StatusOK || a.header.Get("X-Cache") != "HIT" {
		e.t.Errorf("not in the edge's cache: %v", a)
	}
	return a
}

func TestBehindACDN(t *testing.T) {
	for name, begin := range edges {
		t.Run(name, func(t *testing.T) {
			site := newSite(t)
			src := site.put("/photo.jpg", photo(300, 200))
			s := serveLocal(t, "--cdn", profileOf[name])
			e := begin(t, strings.TrimPrefix(s.url, "http://"))
			rules(e, src)
			negotiated(e, src)
			purged(e, s, site, src)
		})
	}
}

// rules are what RFC 9110 and RFC 9111 say of a cache and its origin.
func rules(e *edge, src string) {
	t := e.t
	path := signed(t, "/w:100/plain/"+src+"@jpg")
	first := e.get(path)
	etag := first.header.Get("Etag")
	if first.status != 200 || etag == "" || !strings.HasPrefix(first.header.Get("Cache-Control"), "public, max-age=300") || first.header.Get("Vary") != "" {
		t.Fatal(first)
	}
	if again := e.hit(path + "?utm_source=x"); !bytes.Equal(again.body, first.body) || again.header.Get("Etag") != etag {
		t.Errorf("RFC 9111 §4, and a query is no other picture: %v", again)
	}
	for rule, tc := range map[string]struct {
		header []string
		status int
		body   []byte
	}{
		"RFC 9110 §13.1.2: If-None-Match":         {[]string{"If-None-Match", etag}, 304, nil},
		"RFC 9110 §13.1.2: another tag":           {[]string{"If-None-Match", `"x"`}, 200, first.body},
		"RFC 9110 §14.1.2: a range":               {[]string{"Range", "bytes=10-19"}, 206, first.body[10:20]},
		"RFC 9110 §14.1.2: the last bytes":        {[]string{"Range", "bytes=-5"}, 206, first.body[len(first.body)-5:]},
		"RFC 9110 §13.1.5: If-Range, the same":    {[]string{"Range", "bytes=0-9", "If-Range", etag}, 206, first.body[:10]},
		"RFC 9110 §13.1.5: If-Range, another one": {[]string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, first.body},
		"RFC 9110 §15.5.17: no such range":        {[]string{"Range", "bytes=999999-"}, 416, nil},
	} {
		if a := e.get(path, tc.header...); a.status != tc.status || tc.status != 416 && !bytes.Equal(a.body, tc.body) {
			t.Errorf("%s: %v", rule, a)
		}
	}
	if a := e.ask(http.MethodHead, path); a.status != 200 || len(a.body) != 0 || a.header.Get("Content-Length") != fmt.Sprint(len(first.body)) {
		t.Errorf("RFC 9110 §9.3.2: HEAD: %v", a)
	}
	for _, bad := range []string{"/A" + path[2:], signed(t, "/w:100/plain/"+src+".missing"), signed(t, "/nosuch:1/plain/"+src)} {
		for range 2 {
			if a := e.get(bad); a.status < 400 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Cache") == "HIT" {
				t.Errorf("RFC 9111 §5.2.2.5: an error was kept: %v", a)
			}
		}
	}
}

// negotiated is RFC 9110 §12.5.5, with what clients there really are.
func negotiated(e *edge, src string) {
	path := signed(e.t, "/w:50/f:auto/plain/"+src)
	for _, c := range []struct{ accept, want string }{
		{"image/avif,image/webp,image/apng,*/*;q=0.8", "image/avif"}, {"image/webp,*/*", "image/webp"}, {"*/*", "image/jpeg"},
	} {
		if a := e.get(path, "Accept", c.accept); a.header.Get("Content-Type") != c.want || !strings.Contains(a.header.Get("Vary"), "Accept") {
			e.t.Errorf("%s: %v", c.accept, a)
		}
	}
	for accept, want := range map[string]string{"image/avif,*/*": "image/avif", "image/png,image/webp": "image/webp", "text/html": "image/jpeg"} {
		if a := e.hit(path, "Accept", accept); a.header.Get("Content-Type") != want {
			e.t.Errorf("%s: %v", accept, a)
		}
	}
}

var tagsNext = regexp.MustCompile(`purge these tags next: (.*)`)

// purged is the order that docs/cdn.md tells: pictor, then the CDN.
func purged(e *edge, s *server, site *site, src string) {
	t := e.t
	path, other := signed(t, "/w:60/plain/"+src+"@jpg"), signed(t, "/w:60/plain/"+site.put("/other.jpg", photo(90, 60))+"@jpg")
	before := e.get(path).body
	e.get(other)
	e.hit(path)
	site.put("/photo.jpg", photo(200, 200))
	if !bytes.Equal(e.hit(path).body, before) {
		t.Error("it changed by itself")
	}
	out, errs, code := pictor(t, nil, "purge", "--source", src, "--admin-listen", strings.TrimPrefix(s.admin, "http://"))
	m := tagsNext.FindStringSubmatch(out)
	if code != 0 || m == nil {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	e.hit(path) // the edge knows nothing of it yet
	e.purge(path, strings.Fields(m[1]))
	after := e.get(path)
	if after.status != 200 || bytes.Equal(after.body, before) {
		t.Errorf("after the purge: %v", after)
	}
	e.hit(other)
}

// With pictor gone, what is stale is served (RFC 5861 §4).
func TestACDNBeforeAServerThatIsGone(t *testing.T) {
	for name, begin := range edges {
		t.Run(name, func(t *testing.T) {
			site := newSite(t)
			path := signed(t, "/w:100/plain/"+site.put("/photo.jpg", photo(300, 200))+"@jpg")
			s := serveLocal(t, "--cdn", profileOf[name], "--ttl", "1s")
			e := begin(t, strings.TrimPrefix(s.url, "http://"))
			first := e.get(path)
			time.Sleep(1100 * time.Millisecond) // its freshness, by clocks that are not ours
			s.kill()
			for range 3 {
				if a := e.get(path); a.status != 200 || !bytes.Equal(a.body, first.body) {
					t.Errorf("%v", a)
				}
			}
		})
	}
}
