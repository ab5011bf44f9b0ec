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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// briefly are short timeouts, with which a shutdown may take endsWithin.
var briefly = []string{"--request-timeout", "2s", "--fetch-timeout", "2s", "--queue-wait", "2s"}

// endsWithin is the longest that docs/cli.md allows, with briefly: the request
// timeout, five seconds for requests and five for all else. The rest is for a
// machine that does other things; what hangs takes for ever.
const endsWithin = (2+5+5)*time.Second + time.Minute

// hanging is a server, and what is needed to have something about it hang.
type hanging struct {
	*server
	t     *testing.T
	site  *site
	stall *staller
	dir   string
}

// ask asks in the background, for an answer that may never come.
func (h *hanging) ask(path string) {
	go func() { _, _ = h.try(http.MethodGet, path) }()
}

// held waits until something hangs in a file system.
func (h *hanging) held() {
	waitFor(h.t, "a call that hangs", func() bool { return h.stall.holds() > 0 })
}

// origin is one that does with each connection what it likes.
func (h *hanging) origin(serve func(net.Conn)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { l.Close() })
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			go serve(c)
		}
	}()
	url = "http://" + l.Addr().String()
	for i := range 10 {
		h.ask(signed(h.t, fmt.Sprintf("/w:%d/plain/%s/%d.jpg", 100+i, url, i)))
	}
	// On a busy machine the first ones fail, and suspend the host, before the last are asked.
	select {
	case <-accepted:
	case <-time.After(patience):
		h.t.Fatal("no request reaches the origin")
	}
	return url
}

// unread is a client that asks for much and reads nothing.
func (h *hanging) unread() {
	large := append(photo(600, 400), make([]byte, 40<<20)...) // more than sockets hold
	path := signed(h.t, "/raw:1/plain/"+h.site.put("/large.jpg", large))
	waitFor(h.t, "a large hit", func() bool { return h.get(path).status == http.StatusOK }) // in time, however late
	resp, err := client.Get(h.url + path)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatal(resp, err)
	}
	h.t.Cleanup(func() { resp.Body.Close() })
}

func (h *hanging) cacheDir() string { return filepath.Join(h.dir, "cache") }

// cached is the path of a result that is on disk, and not in RAM.
func (h *hanging) cached() string {
	path := signed(h.t, "/raw:1/plain/"+h.site.put("/cached.jpg", photo(1500, 1000)))
	waitFor(h.t, "a hit on disk", func() bool {
		return strings.HasSuffix(h.get(path).header.Get("Cache-Status"), "detail=disk")
	})
	return path
}

// shutdowns have something hang. codes are what the server may end with, and
// said what its log says then.
var shutdowns = map[string]struct {
	args  []string
	hang  func(h *hanging)
	codes []int
	said  string
}{
	"nothing":                   {nil, func(*hanging) {}, []int{0}, "level=INFO msg=\"shutdown complete\""},
	"origins that never answer": {nil, func(h *hanging) { h.origin(func(net.Conn) {}) }, []int{0}, "shutdown complete"},
	"origins that drip": {nil, func(h *hanging) {
		h.origin(func(c net.Conn) {
			defer c.Close()
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
			for ; err == nil; _, err = c.Write([]byte{0}) {
				time.Sleep(100 * time.Millisecond)
			}
		})
	}, []int{0}, "shutdown complete"},
	"FIFOs below the local root": {nil, func(h *hanging) {
		if err := syscall.Mkfifo(filepath.Join(h.dir, "local/fifo"), 0o600); err != nil {
			h.t.Fatal(err)
		}
		for i := range 20 {
			a := h.get(signed(h.t, fmt.Sprintf("/w:%d/cb:%d/plain/local:///fifo", 100+i, i)))
			if a.status != http.StatusNotFound {
				h.t.Error(a)
			}
		}
	}, []int{0}, "shutdown complete"},
	"a local root": {nil, func(h *hanging) {
		h.stall.stall(filepath.Join(h.dir, "local"))
		for i := range 100 {
			h.ask(signed(h.t, fmt.Sprintf("/cb:%d/plain/local:///a.jpg", i)))
		}
		h.held()
	}, []int{0}, "shutdown complete"},
	"a cache directory that is read": {[]string{"--cache-memory", "off"}, func(h *hanging) {
		path := h.cached()
		h.stall.stall(h.cacheDir())
		for range 10 {
			h.ask(path)
		}
		h.held()
	}, []int{0}, "shutdown complete"},
	"a cache directory that is written": {nil, func(h *hanging) {
		h.stall.stall(h.cacheDir())
		for i := range 4 {
			h.ask(signed(h.t, fmt.Sprintf("/w:%d/plain/%s", 100+i, h.site.put("/photo.jpg", photo(600, 400)))))
		}
		h.held()
	}, []int{0, 1}, "shutdown complete"},
	"a state directory": {nil, func(h *hanging) {
		h.stall.stall(filepath.Join(h.dir, "state"))
		go client.Post(h.admin+"/purge", "application/json", strings.NewReader(`{"all": true}`))
		h.held()
	}, []int{1}, `given_up_on="purge log: does not respond"`},
	"workers that are stopped": {[]string{"--workers", "2"}, func(h *hanging) {
		src := h.site.put("/photo.jpg", photo(600, 400))
		if a := h.get(signed(h.t, "/w:50/plain/"+src)); a.status != http.StatusOK {
			h.t.Fatal(a)
		}
		for _, pid := range h.workers() {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				h.t.Fatal(err)
			}
		}
		h.ask(signed(h.t, "/w:51/plain/"+src))
	}, []int{0}, "shutdown complete"},
	"clients that do not read": {nil, (*hanging).unread, []int{1}, "cut_off=1"},
}

// SIGTERM ends the server within the time that is documented, whatever hangs.
func TestSIGTERMEndsWhateverHangs(t *testing.T) {
	long(t, "waits for timeouts")
	needs(t, "openssl")
	for what, test := range shutdowns {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := hang(t, test.args...)
			test.hang(h)
			workers := h.workers()
			h.end(endsWithin, syscall.SIGTERM)
			if code := h.cmd.ProcessState.ExitCode(); !slices.Contains(test.codes, code) {
				t.Errorf("exit code %d, want %v", code, test.codes)
			}
			waitFor(t, "its last words", func() bool { return strings.Contains(h.logged(), "shutdown c") })
			if gaveUp := strings.Contains(h.logged(), "given_up_on"); !strings.Contains(h.logged(), test.said) ||
				gaveUp && h.cmd.ProcessState.ExitCode() == 0 {
				t.Errorf("it does not say %s, or gives up and ends well", test.said)
			}
			waitFor(t, "the workers to be gone", func() bool {
				left := processes()
				return !slices.ContainsFunc(workers, func(pid int) bool {
					return left[pid] != nil && left[pid][0] != "Z"
				})
			})
			if t.Failed() {
				t.Log(h.logged())
			}
		})
	}
}

// hang starts a server of which something may hang.
func hang(t *testing.T, args ...string) *hanging {
	h := &hanging{t: t, site: newSite(t), dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(h.dir, "local"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "local/a.jpg"), photo(60, 40), 0o600); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"--allow-networks", "127.0.0.0/8", "--local-root", filepath.Join(h.dir, "local")}, keys...)
	all = append(append(append(all, storedIn(h.dir)...), briefly...), args...)
	h.server, h.stall = serveStalled(t, all...)
	return h
}

// end signals, and waits until the process is gone.
func (h *hanging) end(within time.Duration, signals ...os.Signal) {
	h.t.Helper()
	for _, sig := range signals {
		if err := h.cmd.Process.Signal(sig); err != nil {
			h.t.Fatal(err)
		}
	}
	select {
	case <-h.done:
	case <-time.After(within):
		h.cmd.Process.Kill()
		h.t.Fatalf("it did not end within %v:\n%s", within, h.logged())
	}
}

// A second signal ends the server at once, whatever the first one waits for.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	needs(t, "openssl")
	const term, interrupt = syscall.SIGTERM, syscall.SIGINT
	for _, signals := range [][2]syscall.Signal{{term, term}, {term, interrupt}, {interrupt, term}} {
		t.Run(fmt.Sprint(signals), func(t *testing.T) {
			t.Parallel()
			h := hang(t, "--request-timeout", "30m")
			h.unread()
			h.cmd.Process.Signal(signals[0])
			waitFor(t, "the shutdown", func() bool {
				return strings.Contains(h.logged(), "shutting down: draining requests")
			})
			h.end(patience, signals[1])
			if code := h.cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			waitFor(t, "why", func() bool {
				return strings.Contains(h.logged(),
					`msg="shutdown cut short" why="a second signal came" at="draining requests"`)
			})
		})
	}
}

// A standard error that nobody reads stops all that logs, the shutdown included.
func TestSIGTERMEndsWithAStandardErrorThatNobodyReads(t *testing.T) {
	long(t, "waits for timeouts")
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	args := append(append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"}, keys...), briefly...)
	cmd := exec.Command(program, append(args, storedIn(t.TempDir())...)...)
	cmd.Env, cmd.Stderr = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &hanging{t: t, server: &server{t: t, cmd: cmd, done: make(chan struct{})}}
	go func() {
		cmd.Wait()
		close(h.done)
	}()
	w.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() && !strings.Contains(lines.Text(), "msg=ready") {
	}
	// Opened anew, so that not waiting is for us alone.
	full, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for err == nil {
		_, err = syscall.Write(int(full.Fd()), []byte{'x'})
	}
	if err != syscall.EAGAIN {
		t.Fatal(err)
	}
	h.end(endsWithin, syscall.SIGTERM)
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
