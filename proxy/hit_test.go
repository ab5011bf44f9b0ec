package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// hitRig is a rig with two doors: by the front one hits are answered the short way where that
// is possible, by the long one never, as its connections are not tracked.
type hitRig struct {
	*rig
	clock       watch
	front, long *door
	// done counts requests that came by the front door and were answered, short those that
	// were answered the short way.
	done, short atomic.Int64
}

func newHitRig(t testing.TB, change ...func(*Config)) *hitRig {
	r := &hitRig{}
	dialect, err := thumbor.New(thumbor.Config{Hash: "sha1", Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	r.rig = newRig(t, func(c *Config) {
		timed(t, &r.clock, transform.PixelVersion)(c)
		c.Thumbor, c.ThumborPath = dialect, "/thumbor/"
		for _, change := range change {
			change(c)
		}
	})
	front := httptest.NewUnstartedServer(r)
	front.Listener = r.server.LimitListener(front.Config, front.Listener)
	front.Start()
	t.Cleanup(front.Close)
	r.front, r.long = &door{t: t, address: front.Listener.Addr()}, &door{t: t, address: r.Listener.Addr()}
	t.Cleanup(r.front.shut)
	t.Cleanup(r.long.shut)
	return r
}

// ServeHTTP is that of the front door.
func (r *hitRig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer r.done.Add(1)
	if r.server.serveHit(w, req) {
		r.short.Add(1)
		return
	}
	r.server.ServeHTTP(w, req)
}

// door is a client of one port, which sends request targets as they are.
type door struct {
	t       testing.TB
	address net.Addr
	conn    net.Conn
	reader  *bufio.Reader
}

func (d *door) shut() {
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

// answer is a response, without what is of the moment.
type answer struct {
	status       int
	header, body string
}

// ask sends a GET request with these lines in its header.
func (d *door) ask(target string, lines ...string) answer {
	d.t.Helper()
	if d.conn == nil {
		c, err := net.Dial("tcp", d.address.String())
		if err != nil {
			d.t.Fatal(err)
		}
		d.conn, d.reader = c, bufio.NewReader(c)
	}
	lines = append([]string{"GET " + target + " HTTP/1.1", "Host: x"}, lines...)
	d.conn.SetDeadline(time.Now().Add(slow))
	if _, err := io.WriteString(d.conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.ReadResponse(d.reader, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	got := read(d.t, resp)
	if resp.Close {
		d.shut()
	}
	return got
}

// read reads a response.
func read(t testing.TB, resp *http.Response) answer {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("Date") == "" && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("no Date: %v", resp.Header)
	}
	resp.Header.Del("Date")
	var header strings.Builder
	resp.Header.Write(&header)
	fmt.Fprintf(&header, "length %d, close %v, encoding %v", resp.ContentLength, resp.Close, resp.TransferEncoding)
	return answer{resp.StatusCode, header.String(), string(body)}
}

// askInFront asks by the front door, and says whether that was answered the short way.
func (r *hitRig) askInFront(target string, lines ...string) (got answer, short bool) {
	r.t.Helper()
	done, before := r.done.Load(), r.short.Load()
	got = r.front.ask(target, lines...)
	if got.status != http.StatusBadRequest { // which net/http gives without the handler
		r.until("the handler has ended", func() bool { return r.done.Load() > done })
	}
	return got, r.short.Load() > before
}

// settled waits until no fill runs.
func (r *hitRig) settled() {
	r.t.Helper()
	r.until("no fill runs", func() bool { return r.cfg.Cache.Stats().Flights == 0 })
}

// The short way and the long way give the same responses to all targets and headers, whatever
// was asked before, was purged or has come to its end, and no target that the long way refuses
// is answered the short way.
func TestTheShortWayAnswersLikeTheLongOne(t *testing.T) {
	r := newHitRig(t, func(c *Config) { c.Mounts = []Mount{queryMount()} })
	rapid.Check(t, func(t *rapid.T) {
		end := func() int64 { return r.clock.now().Unix() + rapid.Int64Range(-2, 5000).Draw(t, "lifetime") }
		var targets []string
		for range 4 {
			path := r.pathOf(rapid.SampledFrom([]string{
				"w:10", "w:11/f:auto", "w:12/f:png/fn:a%20name", "w:13/att:1", fmt.Sprintf("w:14/exp:%d", end()),
				fmt.Sprintf("w:15/f:auto/exp:%d", end()), "w:16/tag:sale",
			}).Draw(t, "options"), rapid.SampledFrom([]string{"/a.png", "/b.png"}).Draw(t, "source"))
			targets = append(targets, path, "/thumbor/unsafe/30x30/"+r.site.URL+"/a.png",
				r.query("/a.png", rapid.SampledFrom([]string{"w=10", "w=17", "w=11&f=auto"}).Draw(t, "query")))
		}
		etag := `"none"`
		for range rapid.IntRange(5, 20).Draw(t, "requests") {
			switch rapid.IntRange(0, 9).Draw(t, "before") {
			case 0:
				r.clock.pass(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "time")))
			case 1:
				mode := rapid.SampledFrom([]string{"soft", "hard"}).Draw(t, "mode")
				r.purge(PurgeRequest{Sources: []string{r.site.URL + "/a.png"}, Mode: mode})
			case 2:
				r.purge(PurgeRequest{Tags: []string{"sale"}})
			}
			target := changedTarget(t, rapid.SampledFrom(targets).Draw(t, "target"))
			lines := []string{"X-Request-Id: " + rapid.SampledFrom([]string{"one", "two"}).Draw(t, "id")}
			for _, h := range headersOfHits(etag) {
				if rapid.IntRange(0, 4).Draw(t, h[0]) == 0 {
					lines = append(lines, h[0]+": "+rapid.SampledFrom(h[1:]).Draw(t, "value"))
				}
			}
			r.long.ask(target, lines...)
			r.settled() // what is made is there now
			got, short := r.askInFront(target, lines...)
			want := r.long.ask(target, lines...)
			if got != want {
				t.Fatalf("%s %q:\n%+v\nthe long way:\n%+v", target, lines, got, want)
			}
			if short && got.status != 200 && got.status != 304 {
				t.Fatalf("%s %q: %d the short way", target, lines, got.status)
			}
			if _, rest, ok := strings.Cut(got.header, "Etag: "); ok {
				etag, _, _ = strings.Cut(rest, "\r\n")
			}
		}
	})
	if r.short.Load() == 0 {
		t.Error("nothing was answered the short way")
	}
}

// headersOfHits are headers that hits depend on: names, each with its values.
func headersOfHits(etag string) [][]string {
	return [][]string{
		{"Accept", "image/webp", "image/avif;q=0.1,image/webp;q=0", "*/*"},
		{"If-None-Match", etag, "W/" + etag, `"other"`, "*", `"other", ` + etag, "", `W/"`, etag + "x"},
		{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"},
		{"If-Match", `"other"`, etag},
		{"Range", "bytes=0-3", "bytes=9999999-"},
		{"Via", "1.1 another", "1.1 " + strings.Repeat("long", 600)},
		{"Connection", "close"},
	}
}

// changedTarget is a target in another spelling, or one that is wrong by a byte.
func changedTarget(t *rapid.T, target string) string {
	switch rapid.IntRange(0, 9).Draw(t, "change") {
	case 0:
		return target + "?" + rapid.SampledFrom([]string{"", "a=b", "/../", "x?y"}).Draw(t, "query")
	case 1:
		return "http://another.example" + target
	case 2:
		at := rapid.IntRange(1, len(target)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("aA0-_/.%:")).Draw(t, "byte")
		return target[:at] + string(c) + target[at+1:]
	case 3:
		return "/" + target
	}
	return target
}

// A repeated request takes the short way, and so do conditions with one entity tag.
func TestRepeatedRequestsTakeTheShortWay(t *testing.T) {
	r := newHitRig(t, func(c *Config) { c.AutoFormats = []transform.Format{transform.WebP} })
	target := r.path("w:20")
	first := r.front.ask(target)
	r.settled()
	_, rest, _ := strings.Cut(first.header, "Etag: ")
	etag, _, _ := strings.Cut(rest, "\r\n")
	for _, tc := range []struct {
		lines  []string
		status int
		short  bool
	}{
		{nil, 200, true},
		{[]string{"If-None-Match: " + etag}, 304, true},
		{[]string{"If-None-Match: W/" + etag, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"}, 304, true},
		{[]string{`If-None-Match: "another"`}, 200, true},
		{[]string{`If-None-Match: "another", ` + etag}, 304, false},
		{[]string{"Range: bytes=0-0"}, 206, false},
		{[]string{"If-Match: " + etag}, 200, false},
		{[]string{"Accept: image/webp"}, 200, false}, // another format
	} {
		if got, short := r.askInFront(target, tc.lines...); got.status != tc.status || short != tc.short {
			t.Errorf("%q: %d, the short way: %v", tc.lines, got.status, short)
		}
	}
}

// With TLS and by HTTP/2 hits take the short way, too, with the response of the long one.
func TestTheShortWayOfOtherProtocols(t *testing.T) {
	r := newHitRig(t, func(c *Config) { c.AutoFormats = []transform.Format{transform.WebP} })
	target := r.path("w:20/fn:name")
	r.long.ask(target)
	r.settled()
	_, rest, _ := strings.Cut(r.long.ask(target).header, "Etag: ")
	etag, _, _ := strings.Cut(rest, "\r\n")
	for name, way := range map[string]struct{ tls, http2 bool }{
		"HTTP/1 with TLS": {true, false}, "HTTP/2 with TLS": {true, true}, "HTTP/2": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			url, client := r.open(t, way.tls, way.http2)
			for _, condition := range []string{"", etag} {
				lines := []string{"X-Request-Id: one"}
				if condition != "" {
					lines = append(lines, "If-None-Match: "+condition)
				}
				r.long.ask(target, lines...)
				want, before := r.long.ask(target, lines...), r.short.Load()
				req, _ := http.NewRequest(http.MethodGet, url+target, nil)
				for _, line := range lines {
					name, value, _ := strings.Cut(line, ": ")
					req.Header.Set(name, value)
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got := read(t, resp)
				if got != want || (resp.ProtoMajor == 2) != way.http2 || (resp.TLS != nil) != way.tls {
					t.Errorf("%s:\n%+v\nthe long way:\n%+v", resp.Proto, got, want)
				}
				r.until("it is the short way", func() bool { return r.short.Load() == before+1 })
			}
		})
	}
}

// open opens one more front door, and gives its URL and a client.
func (r *hitRig) open(t *testing.T, secure, http2 bool) (url string, client *http.Client) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(http2)
	front := httptest.NewUnstartedServer(r)
	front.Config.Protocols, front.Config.HTTP2 = &protocols, memory.HTTP2Config()
	if secure {
		other := httptest.NewTLSServer(nil)
		front.Config.TLSConfig = &tls.Config{
			Certificates: other.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
		other.Close()
	}
	front.Listener = r.server.LimitListener(front.Config, front.Listener)
	front.Start()
	t.Cleanup(front.Close)
	tr := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + front.Listener.Addr().String(), &http.Client{Transport: tr}
}

// FuzzPlainCondition: of the conditions that are not left to the standard library, the same
// become a 304.
func FuzzPlainCondition(f *testing.F) {
	for _, s := range []string{
		`"a"`, `W/"a"`, `"b"`, `"a", "b"`, `"a`, "*", "", `"a"b"`, `W/W/"a"`, ` "a"`, "\"\x00\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, condition string) {
		r := httptest.NewRequest(http.MethodGet, "/a", nil)
		r.Header["If-None-Match"] = []string{condition}
		etag, ok := plainCondition(r)
		if !ok {
			return
		}
		w := httptest.NewRecorder()
		w.Header()["Etag"] = []string{`"a"`}
		http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader("body"))
		if got := strings.TrimPrefix(etag, "W/") == `"a"`; got != (w.Code == http.StatusNotModified) {
			t.Fatalf("%q: %v, but %d", condition, got, w.Code)
		}
	})
}
