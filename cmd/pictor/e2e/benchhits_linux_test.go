package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hitOptions make a result of about 30 KB.
const hitOptions = "rs:fit:540:0"

func (b *bench) measureHits(table *benchTable) {
	table.head("Hits, and answers 304")
	hit, path := b.hit()
	of := b.compareHits(hit, path)
	for _, clients := range []int{1, hitClients} {
		by := fmt.Sprintf("clients: %d", clients)
		what := fmt.Sprintf("hit of %.0f KB, %s", float64(len(hit.body))/1e3, by)
		table.add(what, inTurns(b, of(clients, false), benchRounds, benchHits))
		table.add("304, "+by, inTurns(b, of(clients, true), benchRounds, benchHits))
	}
	table.add("hit while all workers encode AVIF", []cost{b.hitsWhileBusy(path)})
}

// hit makes an entry, and gives the answer and its path behind the server's prefix.
func (b *bench) hit() (answer, string) {
	b.Helper()
	path := "/" + hitOptions + "/plain/" + b.origin.URL + b.fresh("6mp.jpg") + "@jpg"
	get := func() answer {
		a, err := (&server{t: b, url: b.servers[0].prefix}).try(http.MethodGet, path)
		if err != nil || a.status != http.StatusOK {
			b.Fatal(a, err)
		}
		return a
	}
	get()
	return get(), path
}

// compareHits starts a bare handler with the same answer as pictor's, and gives the two
// with so many clients, who ask for the picture, or whether theirs is still the newest.
func (b *bench) compareHits(hit answer, path string) func(clients int, revalidate bool) []contender {
	b.Helper()
	url, pid := b.netHTTP(hit)
	return func(clients int, revalidate bool) []contender {
		etag := ""
		if revalidate {
			etag = hit.header.Get("ETag")
		}
		pictor := b.servers[0]
		return []contender{
			{pictor.name, pictor.pid, b.askAgain(pictor.prefix+path, etag, clients)},
			{"bare net/http", pid, b.askAgain(url+path, etag, clients)},
		}
	}
}

// netHTTP starts a bare net/http handler that gives the same answer, and gives its URL. It has TLS where flags say so.
func (b *bench) netHTTP(like answer, flags ...string) (url string, pid int) {
	b.Helper()
	program, file := filepath.Join(b.TempDir(), "nethttp"), filepath.Join(b.TempDir(), "body")
	if err := build(program, "./testdata/bench/nethttp", "CGO_ENABLED=0"); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, like.body, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, append(flags, file)...)
	for name, values := range like.header {
		if slices.Contains([]string{"Date", "Content-Length"}, name) {
			continue // it writes its own
		}
		for _, v := range values {
			cmd.Args = append(cmd.Args, name, v)
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		b.Fatal("the bare handler does not listen: ", lines.Err())
	}
	return lines.Text(), cmd.Process.Pid
}

// getter asks for paths, and gives the status and how many bytes the body has.
type getter interface {
	get(path string) (status, size int, err error)
}

// asker asks on one connection. It does less than http.Client, which would take the
// processors from what is measured.
type asker struct {
	conn    net.Conn
	answers *bufio.Reader
	// prefix is before the path of every request, rest behind it.
	prefix, rest string
}

func newAsker(t testing.TB, url, etag string) *asker {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	host, prefix, _ := strings.Cut(rest, "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if scheme == "https" {
		conn = tls.Client(conn, anyCertificate)
	}
	rest = " HTTP/1.1\r\nHost: " + host + "\r\n"
	if etag != "" {
		rest += "If-None-Match: " + etag + "\r\n"
	}
	return &asker{conn, bufio.NewReaderSize(conn, 64<<10), "GET /" + prefix, rest + "\r\n"}
}

// get implements getter.
func (a *asker) get(path string) (status, size int, err error) {
	if _, err := io.WriteString(a.conn, a.prefix+path+a.rest); err != nil {
		return 0, 0, err
	}
	resp, err := http.ReadResponse(a.answers, nil)
	if err != nil {
		return 0, 0, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, int(n), err
}

// askAgain is work of some clients that ask for the same answer each time, or with an ETag
// for a 304. Each has a connection of its own.
func (b *bench) askAgain(url, etag string, clients int) work {
	b.Helper()
	want := http.StatusOK
	if etag != "" {
		want = http.StatusNotModified
	}
	return b.askEach(url, etag, clients, want, func(int) string { return "" })
}

// askEach is work of some clients, of which each asks for other paths behind the URL.
func (b *bench) askEach(url, etag string, clients, want int, path func(i int) string) work {
	b.Helper()
	var all []getter
	for range clients {
		all = append(all, newAsker(b, url, etag))
	}
	return b.askTogether(all, want, path)
}

// askTogether is work of clients, of which each asks for other paths.
func (b *bench) askTogether(all []getter, want int, path func(i int) string) work {
	return func(times int) (took []time.Duration, size int) {
		var next atomic.Int64
		each, sizes := make([][]time.Duration, len(all)), make([]int, len(all))
		var running sync.WaitGroup
		for c, a := range all {
			running.Go(func() {
				for i := next.Add(1) - 1; i < int64(times); i = next.Add(1) - 1 {
					began := time.Now()
					status, n, err := a.get(path(int(i)))
					if err != nil || status != want {
						b.Errorf("%q: %d, %v; want %d", path(int(i)), status, err, want)
						return
					}
					each[c], sizes[c] = append(each[c], time.Since(began)), n
				}
			})
		}
		running.Wait()
		return slices.Concat(each...), slices.Max(sizes)
	}
}

// hitsWhileBusy is the latency of hits while each worker has an AVIF to encode and
// the next one waits. What all of it costs says nothing about a hit.
func (b *bench) hitsWhileBusy(path string) (c cost) {
	b.Helper()
	pictor := b.servers[0]
	end := make(chan struct{})
	var busy sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		busy.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
					b.fetch(pictor, "rs:fit:1400:0", b.fresh("6mp.jpg"), "avif")
				}
			}
		})
	}
	c.name = pictor.name
	again := b.askAgain(pictor.prefix+path, "", 1)
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(time.Millisecond) {
		c.do(again, 1)
	}
	close(end)
	busy.Wait()
	return c
}
