package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memory"
)

// program is the real pictor, built once for all tests of the package, with its worker program beside it.
var program string

// workerProgram is the program of the workers of program.
func workerProgram() string { return filepath.Join(filepath.Dir(program), "pictor-worker") }

// programVar names one that is built already, for a test that runs itself again.
const programVar = "PICTOR_E2E_PROGRAM"

func TestMain(m *testing.M) {
	if ballast() || refusing() {
		return
	}
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "pictor-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		if program = os.Getenv(programVar); program != "" {
			return m.Run()
		}
		program = filepath.Join(scratch, "pictor")
		if err := errors.Join(os.Chmod(scratch, 0o755), // some tests run it as another user
			build(program, "..", "CGO_ENABLED=0"), build(workerProgram(), workerSource, "CGO_ENABLED=1")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// scratch is the folder of what is made once for all tests of the package.
var scratch string

// workerSource is the package of the worker program.
const workerSource = "../../pictor-worker"

// build makes a program of a package. Both programs are of one build also where a commit falls between them.
func build(program, source, cgo string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", program}, flags...)
	cmd := exec.Command("go", append(args, source)...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", source, err, out)
	}
	return nil
}

// The key and salt of the tests: "secret" and "hello".
const keyHex, saltHex = "736563726574", "68656C6C6F"

// server is a running pictor.
type server struct {
	t   testing.TB
	cmd *exec.Cmd
	url string
	// admin is the address of the admin port, empty where it is off.
	admin string
	done  chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

var (
	listening = regexp.MustCompile(`msg=listening.* url=(https?://\S+)`)
	adminAt   = regexp.MustCompile(`msg=admin url=(http://\S+)/ `)
)

// patiently are the settings of a server that answers also on a machine that
// does five other things: a test that is not about timeouts must not meet one.
// Later flags win, so a test that is about them sets its own.
var patiently = []string{"--fetch-timeout", "2m", "--request-timeout", "4m", "--queue-wait", "4m"}

// promptly are the timeouts that serve has by default.
var promptly = []string{"--fetch-timeout", "10s", "--request-timeout", "30s", "--queue-wait", "20s"}

// serve starts pictor on a free port, and stops it when the test ends.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	return start(t, exec.Command(program), args...)
}

// start is serve by a command that leads to pictor, with more arguments.
func start(t testing.TB, cmd *exec.Cmd, args ...string) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, done: make(chan struct{})}
	s.cmd.Args = append(s.cmd.Args, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--log-level", "debug")
	s.cmd.Args = append(append(s.cmd.Args, patiently...), args...)
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	// A pipe of our own: os/exec's would keep Wait from returning for as long as
	// a process that inherited it lives.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	found := make(chan string, 1)
	go s.read(r, found)
	go func() { s.cmd.Wait(); close(s.done) }()
	t.Cleanup(s.stop)
	select {
	case s.url = <-found:
		// It is told of before.
		if m := adminAt.FindStringSubmatch(s.logged()); m != nil {
			s.admin = m[1]
		}
	case <-s.done:
		t.Fatalf("pictor ended: %s", s.logged())
	case <-time.After(patience):
		t.Fatalf("pictor does not listen: %s", s.logged())
	}
	waitFor(t, "readiness", func() bool { return s.get("/health/ready").status == http.StatusOK })
	return s
}

func (s *server) read(r *os.File, found chan<- string) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		s.mu.Lock()
		fmt.Fprintln(&s.log, lines.Text())
		s.mu.Unlock()
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			found <- m[1]
		}
	}
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) stop() {
	s.nothingLeft()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(patience):
		s.cmd.Process.Kill()
		s.t.Errorf("SIGTERM did not end pictor: %s", s.logged())
	}
	if s.t.Failed() {
		s.t.Logf("log of pictor:\n%s", s.logged())
	}
}

// nothingLeft waits until nothing is under way, and fails where something
// stays: bytes that nobody gives back, or a source that nobody closes.
func (s *server) nothingLeft() {
	if s.admin == "" {
		return
	}
	left := "?"
	for end := time.Now().Add(patience); left != "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.done:
			return
		default:
		}
		m, err := s.memory()
		if err != nil {
			continue // it is ending
		}
		left = ""
		for _, a := range m.Accounts {
			if a.InUse != 0 || a.Waiting != 0 {
				left += fmt.Sprintf("%+v ", a)
			}
		}
		if m.Sources.Count != 0 {
			left += fmt.Sprintf("%d sources", m.Sources.Count)
		}
	}
	if left != "" && left != "?" {
		s.t.Errorf("something is left in the end: %s", left)
	}
}

// memory is the server's own memory report.
func (s *server) memory() (m memory.Report, err error) {
	resp, err := client.Get(s.admin + "/debug/memory")
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	return m, json.NewDecoder(resp.Body).Decode(&m)
}

// answer is a whole HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string {
	body := a.body
	if len(body) > 200 {
		body = body[:200]
	}
	return fmt.Sprintf("%d %v %q", a.status, a.header, body)
}

func (s *server) get(path string, header ...string) answer {
	s.t.Helper()
	a, err := s.try(http.MethodGet, path, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

var client = &http.Client{Timeout: patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 200, DisableCompression: true, TLSClientConfig: anyCertificate}}

func (s *server) try(method, path string, header ...string) (answer, error) {
	req, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

// workers are the process ids of pictor's children.
func (s *server) workers() []int { return children(s.cmd.Process.Pid) }

// site is an origin that counts. It has each file under ever new names, too:
// /v/ANYTHING/file is /file.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	asked map[string]int
	// hold, if set, is called before a file is sent.
	hold func(path string)
}

func newSite(t testing.TB) *site {
	s := &site{files: map[string][]byte{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/v/"); ok {
			_, name, _ := strings.Cut(rest, "/")
			path = "/" + name
		}
		b, ok := s.files[path]
		hold := s.hold
		s.mu.Unlock()
		if hold != nil {
			hold(r.URL.Path)
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) put(path string, b []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = b
	return s.URL + path
}

func (s *site) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

// pictor runs the program to its end.
func pictor(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

var keys = []string{"--key", keyHex, "--salt", saltHex}

// serveLocal is serve for sources on this machine.
func serveLocal(t testing.TB, args ...string) *server {
	t.Helper()
	return serve(t, append(append([]string{"--allow-networks", "127.0.0.0/8"}, keys...), args...)...)
}

// long skips what takes its time in a short run (make check): load, kills,
// calibration, caches before pictor.
func long(t testing.TB, what string) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short: ", what)
	}
}

// needs skips where a program is missing, but fails where tests must be whole.
func needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// missigned is a signed path with one character of its signature changed.
func missigned(path string) string {
	other := "/A"
	if strings.HasPrefix(path, other) { // as one in 64 does
		other = "/B"
	}
	return other + path[2:]
}

// signed signs a path by openssl: code that is not ours says what is right.
func signed(t testing.TB, path string) string {
	t.Helper()
	needs(t, "openssl")
	salt, err := unhex(saltHex)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+keyHex, "-binary")
	cmd.Stdin = io.MultiReader(bytes.NewReader(salt), strings.NewReader(path))
	sum, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	b64 := exec.Command("openssl", "base64", "-A")
	b64.Stdin = bytes.NewReader(sum)
	text, err := b64.Output()
	if err != nil {
		t.Fatal(err)
	}
	return "/" + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(string(text)) + path
}
