package e2e

import (
	"bufio"
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

// netHTTP starts a bare net/http handler that gives the same answer, and gives its URL.
func (b *bench) netHTTP(like answer) (url string, pid int) {
	b.Helper()
	program, file := filepath.Join(b.TempDir(), "nethttp"), filepath.Join(b.TempDir(), "body")
	if err := build(program, "./testdata/bench/nethttp", "CGO_ENABLED=0"); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, like.body, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, file)
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

// repeater asks for one thing again and again on one connection. It does less than
// http.Client, which would take the processors from what is measured.
type repeater struct {
	conn    net.Conn
	answers *bufio.Reader
	request string
}

func newRepeater(t testing.TB, url, etag string) *repeater {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	conn, err := net.Dial("tcp", req.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var text strings.Builder
	if err := req.Write(&text); err != nil {
		t.Fatal(err)
	}
	return &repeater{conn, bufio.NewReaderSize(conn, 64<<10), text.String()}
}

// ask gives the status and how many bytes the body has.
func (r *repeater) ask() (status, size int, err error) {
	if _, err := io.WriteString(r.conn, r.request); err != nil {
		return 0, 0, err
	}
	resp, err := http.ReadResponse(r.answers, nil)
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
	var all []*repeater
	for range clients {
		all = append(all, newRepeater(b, url, etag))
	}
	return func(times int) (took []time.Duration, size int) {
		each := make([][]time.Duration, len(all))
		var running sync.WaitGroup
		for i, r := range all {
			running.Go(func() {
				for range (times + i) / len(all) {
					began := time.Now()
					status, n, err := r.ask()
					if err != nil || status != want {
						b.Errorf("%s: %d, %v; want %d", url, status, err, want)
						return
					}
					if each[i] = append(each[i], time.Since(began)); i == len(all)-1 {
						size = n
					}
				}
			})
		}
		running.Wait()
		return slices.Concat(each...), size
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
