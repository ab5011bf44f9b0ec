package e2e

import (
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// balanced are servers behind a balancer with a recipe of docs/deploy.
type balanced struct {
	t       *testing.T
	url     string
	listen  []string // of each server
	dirs    []string
	servers []*server
	args    []string
	// control is the socket at which HAProxy says how it sees the servers, and pid is HAProxy's.
	control string
	pid     int
}

// balancers are those that there are recipes for.
var balancers = map[string]func(t *testing.T, args ...string) *balanced{
	"haproxy": newBalanced, "nginx": newBalancedByNginx,
}

// startServers starts n servers. It gives what is to be replaced in a recipe, and by what.
func (b *balanced) startServers(n int) (change []string) {
	b.t.Helper()
	for i := range n {
		b.listen = append(b.listen, freeAddress(b.t))
		b.dirs = append(b.dirs, b.t.TempDir())
		b.servers = append(b.servers, b.start(i))
		change = append(change, fmt.Sprintf("127.0.0.1:808%d", i+1), b.listen[i])
	}
	return change
}

func newBalanced(t *testing.T, args ...string) *balanced { return newBalancedBy(t, nil, args...) }

// newBalancedBy is newBalanced with changes of the recipe.
func newBalancedBy(t *testing.T, change []string, args ...string) *balanced {
	t.Helper()
	return newBalancedOf(t, 3, change, args...)
}

// newBalancedOf has as many servers of the recipe as it is told, at most three.
func newBalancedOf(t *testing.T, servers int, change []string, args ...string) *balanced {
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("haproxy is not installed: .ci/setup test does it")
		}
		t.Skip("haproxy is not installed")
	}
	recipe, err := os.ReadFile("../../../docs/deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	b := &balanced{t: t, args: args}
	front := freeAddress(t)
	b.control = filepath.Join(t.TempDir(), "control")
	change = append(change, "bind :8000", "bind "+front, "global\n", "global\n\tstats socket "+b.control+"\n")
	change = append(change, b.startServers(servers)...)
	for i := servers; i < 3; i++ {
		change = append(change, fmt.Sprintf("\tserver web%d 127.0.0.1:808%d\n", i+1, i+1), "")
	}
	conf := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(conf, []byte(strings.NewReplacer(change...).Replace(string(recipe))), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxy, "-db", "-f", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.url, b.pid = "http://"+front, cmd.Process.Pid
	waitFor(t, "HAProxy", func() bool { return b.get("/health/ready").status == http.StatusOK })
	return b
}

// start starts a server at the address and in the folders that it has.
func (b *balanced) start(i int) *server {
	b.t.Helper()
	args := append([]string{"--insecure", "--allow-networks", "127.0.0.0/8", "--log-level", "info", "--workers", "1",
		"--listen", b.listen[i]}, storedIn(b.dirs[i])...)
	return serve(b.t, append(args, b.args...)...)
}

// get asks through the balancer; a failed request has the status 0.
func (b *balanced) get(path string) answer {
	return (&server{t: b.t, url: b.url}).attempt(path)
}

// isUp says whether HAProxy takes a server for one that can be asked.
func (b *balanced) isUp(i int) bool {
	conn, err := net.Dial("unix", b.control)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		b.t.Fatal(err)
	}
	table, err := csv.NewReader(conn).ReadAll()
	if err != nil {
		b.t.Fatal(err)
	}
	column := slices.Index(table[0], "status")
	for _, row := range table[1:] {
		if row[1] == fmt.Sprintf("web%d", i+1) {
			return row[column] == "UP"
		}
	}
	b.t.Fatalf("HAProxy has no server %d: %v", i, table)
	return false
}

// attempt is get without a failure of the test.
func (s *server) attempt(path string) answer {
	a, err := s.try(http.MethodGet, path)
	if err != nil {
		return answer{}
	}
	return a
}

// variantsOf are paths of one source, in the spellings that there are.
func variantsOf(source string) []string {
	return []string{
		"/_/w:32/plain/" + source,
		"/_/w:40/q:80/plain/" + source + "@webp",
		"/other-signature/rs:fit:48:48/f:png/plain/" + source,
		"/_/plain/" + source,
	}
}

// Each source has its server: all sizes and formats of an image are made where its source is, which is
// fetched once.
func TestBalancerSendsASourceToItsServer(t *testing.T) {
	for name, start := range balancers {
		t.Run(name, func(t *testing.T) { sendSources(t, start(t)) })
	}
}

func sendSources(t *testing.T, b *balanced) {
	site := newSite(t)
	const sources = 24
	for i := range sources {
		site.put(fmt.Sprintf("/%d/photo.jpg", i), photo(64, 48))
	}
	for i := range sources {
		source := fmt.Sprintf("%s/%d/photo.jpg", site.URL, i)
		for _, path := range variantsOf(source) {
			if a := b.get(path); a.status != http.StatusOK {
				t.Errorf("%s: %v", path, a)
			}
		}
		if n := site.count(fmt.Sprintf("/%d/photo.jpg", i)); n != 1 {
			t.Errorf("source %d was fetched %d times", i, n)
		}
	}
	encoded := base64.RawURLEncoding.EncodeToString([]byte(site.URL + "/0/photo.jpg"))
	before := site.count("/0/photo.jpg")
	for _, path := range []string{"/_/w:50/" + encoded, "/_/w:51/" + encoded + ".webp",
		"/_/w:52/q:70/" + encoded + ".png"} {
		if a := b.get(path); a.status != http.StatusOK {
			t.Errorf("%s: %v", path, a)
		}
	}
	if n := site.count("/0/photo.jpg"); n > before+1 {
		t.Errorf("a base64 source was fetched %d times", n-before)
	}
}

// steadyClients ask for images at a steady rate, each fifth one new, until they are told to end.
type steadyClients struct {
	asked, failed, hits atomic.Int64
	wait                sync.WaitGroup
	stop                chan struct{}
	mu                  sync.Mutex
	wrong               []string
}

func (b *balanced) steady(site *site, images int) *steadyClients {
	c := &steadyClients{stop: make(chan struct{})}
	tick := time.NewTicker(20 * time.Millisecond)
	c.wait.Add(1)
	go func() {
		defer c.wait.Done()
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
			path := fmt.Sprintf("/_/w:32/plain/%s/v/%d/photo.jpg", site.URL, i%images)
			if i%5 == 4 {
				path = fmt.Sprintf("/_/w:32/plain/%s/v/new%d/photo.jpg", site.URL, i)
			}
			c.wait.Add(1)
			go func() {
				defer c.wait.Done()
				a := b.get(path)
				c.asked.Add(1)
				switch {
				case a.status != http.StatusOK:
					c.failed.Add(1)
					c.mu.Lock()
					c.wrong = append(c.wrong, a.String())
					c.mu.Unlock()
				case strings.Contains(a.header.Get("Cache-Status"), "; hit"):
					c.hits.Add(1)
				}
			}()
		}
	}()
	return c
}

func (c *steadyClients) end() {
	close(c.stop)
	c.wait.Wait()
}

var warmed = regexp.MustCompile(`memory cache is warm" from_disk=(\d+)`)

// Servers are restarted one after the other under 50 requests a second, and no request fails. What they had on disk
// is there afterwards, and what they had in memory is in memory.
func TestRollingRestartLosesNoRequest(t *testing.T) {
	b, site := newBalanced(t), newSite(t)
	site.put("/photo.jpg", photo(64, 48))
	const images = 60
	for i := range images {
		b.get(fmt.Sprintf("/_/w:32/plain/%s/v/%d/photo.jpg", site.URL, i))
	}
	c := b.steady(site, images)
	for i := range b.servers {
		old := b.servers[i]
		if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-old.done
		waitFor(t, "HAProxy to see that it is gone", func() bool { return !b.isUp(i) })
		next := b.start(i)
		b.servers[i] = next
		waitFor(t, "HAProxy to see that it is there", func() bool { return b.isUp(i) })
		waitFor(t, "a warm server", func() bool { return warmed.MatchString(next.logged()) })
		if n, _ := strconv.Atoi(warmed.FindStringSubmatch(next.logged())[1]); n < images/6 {
			t.Errorf("server %d has %d images in memory after its restart, of a third of %d", i, n, images)
		}
	}
	c.end()
	if n := c.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed: %.300v", n, c.asked.Load(), c.wrong)
	}
	fetched := 0
	for i := range images {
		if site.count(fmt.Sprintf("/v/%d/photo.jpg", i)) > 2 { // at home, and once where it was meanwhile
			fetched++
		}
	}
	if fetched > images/3 { // popular ones are on several servers, more of them where these are busy
		t.Errorf("%d of %d images were fetched again after the restart of their server", fetched, images)
	}
	t.Logf("%d requests, %d hits; %d images fetched again", c.asked.Load(), c.hits.Load(), fetched)
}

// A server that is killed loses no request: the balancer asks another one. Its share of the images is made anew
// elsewhere, and the others stay hits.
func TestKilledServerCostsItsShare(t *testing.T) {
	for name, start := range balancers {
		t.Run(name, func(t *testing.T) { killServer(t, start(t)) })
	}
}

func killServer(t *testing.T, b *balanced) {
	site := newSite(t)
	site.put("/photo.jpg", photo(64, 48))
	const images = 90
	for i := range images {
		b.get(fmt.Sprintf("/_/w:32/plain/%s/v/%d/photo.jpg", site.URL, i))
	}
	c := b.steady(site, images)
	b.servers[1].kill()
	time.Sleep(1500 * time.Millisecond)
	c.end()
	if n := c.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed: %.300v", n, c.asked.Load(), c.wrong)
	}
	again := 0
	for i := range images {
		b.get(fmt.Sprintf("/_/w:32/plain/%s/v/%d/photo.jpg", site.URL, i))
		if site.count(fmt.Sprintf("/v/%d/photo.jpg", i)) > 1 {
			again++
		}
	}
	if again == 0 || again > images/2 {
		t.Errorf("%d of %d images were fetched again; the killed server had a third", again, images)
	}
	t.Logf("%d requests, %d failed; %d of %d images fetched again", c.asked.Load(), c.failed.Load(), again, images)
}
