package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// origin answers a request on a connection, byte for byte, as no library would.
type origin struct {
	want []string
	say  func(conn net.Conn)
}

// all writes until the other side has had enough.
func all(conn net.Conn, parts ...string) {
	for _, p := range parts {
		if _, err := io.WriteString(conn, p); err != nil {
			return
		}
	}
}

// forever writes a head, and then the same for ever.
func forever(head, part string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, head)
		for err == nil {
			_, err = io.WriteString(conn, part)
		}
	}
}

// slowly writes a head, and then a byte now and then until the other side has gone.
func slowly(head string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, head)
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = io.WriteString(conn, "a")
		}
	}
}

// gzipped is what gzip makes of n zeros, again and again.
func gzipped(t testing.TB, n, times int) string {
	t.Helper()
	b := make([]byte, n)
	for range times {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		z.Close()
		b = out.Bytes()
	}
	return string(b)
}

// origins are ways to answer, with the codes that one of them is to end in.
func origins(t testing.TB) map[string]origin {
	const ok, end = "HTTP/1.1 200 OK\r\n", "\r\n"
	image := string(photo(40, 30))
	says := func(want string, parts ...string) origin {
		return origin{strings.Fields(want), func(conn net.Conn) { all(conn, parts...) }}
	}
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	bomb := gzipped(t, 64<<20, 1)
	twice := gzipped(t, 64<<20, 2)
	const unreachable, large, late = "source-unreachable", "source-too-large", "source-timeout"
	return map[string]origin{
		"right":                says("200", ok, length(len(image)), end, image),
		"right without length": says("200", "HTTP/1.0 200 OK\r\n", end, image),
		"right, chunked": says("200", ok, "Transfer-Encoding: chunked\r\n", end, fmt.Sprintf("%x\r\n",
			len(image)), image, "\r\n0\r\n\r\n"),
		"endless": {[]string{large}, forever(ok+end, strings.Repeat("a", 1<<16))},
		"endless, chunked": {[]string{large}, forever(ok+"Transfer-Encoding: chunked\r\n\r\n",
			"10000\r\n"+strings.Repeat("a", 1<<16)+"\r\n")},
		"endless chunk extension": {[]string{unreachable, late}, forever(ok+"Transfer-Encoding: chunked\r\n\r\n1;",
			strings.Repeat("a", 1<<16))},
		"endless trailers": {[]string{unreachable, late},
			forever(ok+"Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n0\r\n", "A: "+strings.Repeat("b", 1000)+"\r\n")},
		"endless header":       {[]string{unreachable}, forever(ok+"A: ", strings.Repeat("a", 1<<16))},
		"endless headers":      {[]string{unreachable}, forever(ok, "A: b\r\n")},
		"endless status":       {[]string{unreachable}, forever("HTTP/1.1 200 ", strings.Repeat("a", 1<<16))},
		"endless 100 Continue": {[]string{unreachable, late}, forever("", "HTTP/1.1 100 Continue\r\n\r\n")},
		"endless 103 Early Hints": {[]string{unreachable, late}, forever("",
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")},
		"endless empty lines":   {[]string{unreachable, late}, forever("", "\r\n")},
		"endless gzip":          {[]string{large, unreachable}, forever(ok+"Content-Encoding: gzip\r\n\r\n", bomb)},
		"slow header":           {[]string{late}, slowly("HTTP/1.1 200 OK\r\nA: ")},
		"slow body":             {[]string{late}, slowly(ok + length(1000000) + end)},
		"slow image":            {[]string{late}, slowly(ok + length(1000000) + end + image)},
		"silent":                {[]string{late}, func(conn net.Conn) { io.Copy(io.Discard, conn) }},
		"gone at once":          says(unreachable),
		"no HTTP":               says(unreachable, "SSH-2.0-OpenSSH_9.9\r\n"),
		"HTTP/0.9":              says(unreachable, image),
		"HTTP/2 without asking": says(unreachable, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
		"TLS":                   says(unreachable, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		"101":                   says(unreachable, "HTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n"),
		"204":                   says(unreachable, "HTTP/1.1 204 x\r\n\r\n"),
		"206 of a part": says(unreachable,
			"HTTP/1.1 206 x\r\nContent-Range: bytes 0-2/9\r\nContent-Length: 3\r\n\r\nabc"),
		"304 without asking": says(unreachable, "HTTP/1.1 304 x\r\n\r\n"),
		"999":                says(unreachable, "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n"),
		"status of letters":  says(unreachable, "HTTP/1.1 OK\r\n\r\n"),
		"length too small":   says("truncated broken-picture unsupported-type", ok, length(100), end, image),
		"length too large":   says(unreachable, ok, length(len(image)+1), end, image),
		"length of 8 EiB":    says(large, ok, "Content-Length: 9223372036854775807\r\n", end, image),
		"length below 0":     says(unreachable, ok, "Content-Length: -1\r\n", end, image),
		"two lengths":        says(unreachable, ok, length(len(image)), length(5), end, image),
		"chunked with a length": says("200 source-unreachable", ok, length(5), "Transfer-Encoding: chunked\r\n", end,
			fmt.Sprintf("%x\r\n", len(image)), image, "\r\n0\r\n\r\n"),
		"chunk of 16 EiB": says(unreachable, ok, "Transfer-Encoding: chunked\r\n", end, "ffffffffffffffff\r\n",
			image),
		"chunk of letters": says(unreachable, ok, "Transfer-Encoding: chunked\r\n", end, "xyz\r\n", image),
		"chunked, cut": says(unreachable, ok, "Transfer-Encoding: chunked\r\n", end, fmt.Sprintf("%x\r\n",
			len(image)+9), image),
		"gzip in transfer":    says(unreachable, ok, "Transfer-Encoding: gzip, chunked\r\n", end, "0\r\n\r\n"),
		"gzip bomb":           says(large, ok, "Content-Encoding: gzip\r\n", length(len(bomb)), end, bomb),
		"gzip bomb in a gzip": says(large, ok, "Content-Encoding: gzip, gzip\r\n", length(len(twice)), end, twice),
		"gzip ten times": says("source-unreachable unsupported-type", ok,
			"Content-Encoding: "+strings.Repeat("gzip, ", 9)+"gzip\r\n", length(len(twice)), end, twice),
		"gzip that is none": says(unreachable, ok, "Content-Encoding: gzip\r\n", length(4), end, "none"),
		"brotli":            says("unsupported-type", ok, "Content-Encoding: br\r\n", length(4), end, "\x8b\x03\x80a"),
		"redirect to itself": says(unreachable,
			"HTTP/1.1 302 x\r\nLocation: ?\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
		"redirect to nowhere": says(unreachable, "HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n"),
		"redirect of 60 KB": says("bad-source source-unreachable",
			"HTTP/1.1 302 x\r\nLocation: /"+strings.Repeat("a",
				60_000)+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
		"redirect with a body": {[]string{unreachable, late}, forever("HTTP/1.1 302 x\r\nLocation: gopher://x\r\n\r\n",
			strings.Repeat("a", 1<<16))},
		"redirect with cookies": says(unreachable,
			"HTTP/1.1 302 x\r\nLocation: ?\r\nConnection: close\r\n"+strings.Repeat("Set-Cookie: a=b\r\n",
				3000)+"Content-Length: 0\r\n\r\n"),
		"404 with an endless body": {[]string{"source-not-found"}, forever("HTTP/1.1 404 x\r\n\r\n", strings.Repeat("a",
			1<<16))},
		"500 with an endless body": {[]string{unreachable}, forever("HTTP/1.1 500 x\r\n\r\n", strings.Repeat("a", 1<<16))},
		"401 that asks for a name": says(unreachable,
			"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n"),
		"header without a colon": says("200 source-unreachable", ok, "abc\r\n", length(len(image)), end, image),
		"headers 3000":           says("200", ok, strings.Repeat("A: bcdefgh\r\n", 3000), length(len(image)), end, image),
		"a null in a header":     says("200 source-unreachable", ok, "A: \x00\r\n", length(len(image)), end, image),
		"folded header":          says("200 source-unreachable", ok, "A: b\r\n c\r\n", length(len(image)), end, image),
	}
}

// serveOrigins has a port for each origin, and gives their addresses.
func serveOrigins(t *testing.T, answers map[string]origin) map[string]string {
	t.Helper()
	addresses := map[string]string{}
	for name, o := range answers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		addresses[name] = l.Addr().String()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && req.Body.Close() == nil {
						o.say(conn)
					}
				}()
			}
		}()
	}
	return addresses
}

// Whatever an origin answers, and however slowly and for however long, each request
// ends in an image or a documented error within its time, all of them together stay
// under the ceiling, and none is left behind.
func TestHostileOrigins(t *testing.T) {
	t.Parallel() // most of it is waiting
	const limit = 256 * mib
	answers := origins(t)
	addresses := serveOrigins(t, answers)
	g := newCgroup(t, limit)
	s := serveIn(t, g, "--fetch-timeout", "8s", "--max-source-size", "2MiB")
	watch := g.watch()
	var wg sync.WaitGroup
	for name, o := range answers {
		for i := range 3 { // the last two ask for one source at once
			wg.Go(func() {
				a, err := s.try(http.MethodGet,
					fmt.Sprintf("/insecure/w:%d/plain/http://%s/%d", 10+i, addresses[name], i/2))
				got, _, _ := strings.Cut(string(a.body), ":")
				if a.status == http.StatusOK {
					got = "200"
				}
				if err != nil || !slices.Contains(o.want, got) {
					t.Errorf("%s: %v, %v, want %v", name, a, err, o.want)
				}
			})
		}
	}
	wg.Wait()
	if peak := watch(); peak > limit/10*9 || g.oomKills() > 0 {
		t.Errorf("%d MiB of %d were in use, %d OOM kills", peak/mib, limit/mib, g.oomKills())
	}
	if a := s.get("/insecure/w:20/plain/http://" + addresses["right"] + "/"); a.status != http.StatusOK {
		t.Errorf("afterwards: %v", a)
	}
	for text := range strings.Lines(s.logged()) { // none but the server writes its log
		if !strings.HasPrefix(text, "time=") {
			t.Errorf("a line of the log: %.200q", text)
		}
	}
}
