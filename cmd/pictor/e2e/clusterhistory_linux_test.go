package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
)

// link is a way to an engine that can be cut: what is sent then goes nowhere, as in a network that is torn.
type link struct {
	net.Listener
	to  string
	cut atomic.Bool

	mu   sync.Mutex
	open []net.Conn
}

func newLink(t testing.TB, to string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{Listener: l, to: to}
	t.Cleanup(func() { k.Close(); k.drop() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go k.carry(c)
		}
	}()
	return k
}

func (k *link) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", k.to)
	if err != nil {
		return
	}
	defer to.Close()
	k.mu.Lock()
	k.open = append(k.open, from, to)
	k.mu.Unlock()
	go k.copy(to, from)
	k.copy(from, to)
}

// copy swallows what comes while the link is cut.
func (k *link) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if k.cut.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// drop ends what is open: after a cut, half of a command may be lost.
func (k *link) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.open {
		c.Close()
	}
	k.open = nil
}

// history is a cluster under purges, and what it may answer.
type history struct {
	t       *testing.T
	origin  *versions
	engine  *engine
	ways    []busWay
	dirs    []string
	client  *http.Client
	mu      sync.Mutex
	servers []*server
	floor   map[string]int // no answer to a request that begins now may be older

	answers, refused, confirmed, pending atomic.Int64
	times                                []time.Duration // of confirmed purges; under mu
}

const historyImages = 8

func imagePath(i int) string { return fmt.Sprintf("/image%d.png", i) }

func newHistory(t *testing.T, servers int) *history {
	h := &history{t: t, floor: map[string]int{}, client: &http.Client{Timeout: 3 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 20, DialContext: dialInside}}}
	h.origin, h.engine, h.ways = newNetworks(t, servers)
	for i := range servers {
		h.dirs = append(h.dirs, t.TempDir())
		h.servers = append(h.servers, h.startServer(i))
	}
	return h
}

func (h *history) startServer(i int) *server {
	at := *h.engine
	at.url = "redis://" + h.ways[i].address()
	cmd, more := h.ways[i].command()
	args := clusterArgs(&at, fmt.Sprintf("s%d", i), h.dirs[i], "--purge-in-doubt", "revalidate",
		"--fill-leases", at.url, "--fill-leases-from", "0", "--fill-leases-wait", "1s")
	return start(h.t, cmd, slices.Concat(args, promptly, more)...)
}

func (h *history) server(i int) *server {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.servers[i]
}

// read asks a server for an image, and compares the answer with what was purged before.
func (h *history) read() {
	path, i := imagePath(rand.IntN(historyImages)), rand.IntN(len(h.ways))
	h.mu.Lock()
	least := h.floor[path]
	h.mu.Unlock()
	resp, err := h.client.Get(h.server(i).url + "/_/raw:1/plain/" + h.origin.URL + path)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return
	}
	if resp.StatusCode != http.StatusOK {
		h.refused.Add(1)
		return
	}
	h.answers.Add(1)
	if got, err := versionOf(answer{resp.StatusCode, resp.Header, body}); err != nil || got < least {
		h.t.Errorf("server %d answers %s with version %d, %v; %d was purged before: %s", i, path, got, err, least-1,
			resp.Header.Get("Cache-Status"))
	}
}

// purge changes an image, and purges it in one of several ways. Where that is confirmed, older versions are gone.
func (h *history) purge() {
	image := rand.IntN(historyImages)
	path := imagePath(image)
	h.origin.change(path)
	named := map[string]int{path: h.origin.version(path)}
	ask := proxy.PurgeRequest{Mode: "hard"}
	switch kind := rand.IntN(10); {
	case kind < 4:
		ask.Sources = []string{h.origin.URL + path}
	case kind < 6:
		ask.URLs = []string{"/_/raw:1/plain/" + h.origin.URL + path}
	case kind < 8:
		ask.Prefixes = []string{h.origin.URL + path[:7]}
	default:
		ask.All = true
		for i := range historyImages {
			named[imagePath(i)] = h.origin.version(imagePath(i))
		}
	}
	began := time.Now()
	_, status, err := h.server(rand.IntN(len(h.ways))).purgeAt(ask)
	switch {
	case err != nil:
	case status == http.StatusAccepted:
		h.pending.Add(1)
	case status == http.StatusOK:
		h.confirmed.Add(1)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.times = append(h.times, time.Since(began))
		for path, version := range named {
			h.floor[path] = max(h.floor[path], version)
		}
	}
}

// trouble does something to the cluster, and takes it back.
func (h *history) trouble() {
	i := rand.IntN(len(h.ways))
	pause := func(most int) { time.Sleep(time.Duration(rand.IntN(most)) * time.Millisecond) }
	switch rand.IntN(6) {
	case 0:
		pid := h.server(i).cmd.Process.Pid
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		pause(4000)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	case 1:
		h.server(i).kill()
		pause(500)
		s := h.startServer(i)
		h.mu.Lock()
		h.servers[i] = s
		h.mu.Unlock()
	case 2:
		h.ways[i].cutOff()
		pause(4000)
		h.ways[i].heal()
	case 3:
		h.engine.Kill()
		pause(1000)
		h.engine.Start()
	case 4:
		_ = syscall.Kill(h.engine.PID(), syscall.SIGSTOP)
		pause(3000)
		_ = syscall.Kill(h.engine.PID(), syscall.SIGCONT)
	case 5:
		h.ways[i].oneWay()
		pause(4000)
		h.ways[i].heal()
	}
}

// run has clients read and purge until done.
func (h *history) run(readers, purgers int, done <-chan struct{}) *sync.WaitGroup {
	var wait sync.WaitGroup
	for n := range readers + purgers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				if n < readers {
					h.read()
				} else {
					h.purge()
				}
			}
		}()
	}
	return &wait
}

// settle waits until a purge is confirmed again.
func (h *history) settle() {
	waitFor(h.t, "a confirmed purge", func() bool {
		n := h.confirmed.Load()
		h.purge()
		return h.confirmed.Load() > n
	})
}

func (h *history) report(phase string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.times)
	p99 := time.Duration(0)
	if n := len(h.times); n > 0 {
		p99 = h.times[n*99/100]
	}
	h.t.Logf("%s: %d answers, %d refused; %d purges confirmed (p99 %v), %d pending", phase, h.answers.Load(),
		h.refused.Load(), h.confirmed.Load(), p99.Round(time.Millisecond), h.pending.Load())
	h.times = nil
}

// No answer is older than a purge that was answered before its request, whatever happens to servers, bus and the
// network between them. make soak does it with 10,000 purges.
func TestHistoryOfACluster(t *testing.T) {
	t.Parallel() // it waits
	if (os.Getuid() == 0 || os.Getenv("CI") == "true") && !inNamespaceOf(t, clusterNetworks) {
		return // it ran there
	}
	well, purges, purgers := 100, 60, 2
	if os.Getenv(soakVar) != "" {
		well, purges, purgers = 1000, 10_000, 16
	}
	h := newHistory(t, 5)
	h.settle()
	h.times = nil
	done := make(chan struct{})
	wait := h.run(3, purgers, done)
	for h.confirmed.Load() < int64(well) && !t.Failed() {
		time.Sleep(20 * time.Millisecond)
	}
	h.report("all is well")
	taken := 0
	for i := range h.servers {
		taken += h.server(i).leased("taken")
	}
	if taken == 0 {
		t.Error("no server took a result from another one")
	}
	t.Logf("%d results were taken from other servers", taken)
	for h.confirmed.Load() < int64(purges+well) && !t.Failed() {
		h.trouble()
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
	}
	close(done)
	wait.Wait()
	h.settle()
	for range 100 {
		h.read()
	}
	h.report("under trouble")
}
