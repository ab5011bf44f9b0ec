package e2e

import (
	"bytes"
	"fmt"
	"image/color"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// refuseCommand makes this test program refuse Landlock to another one, as the
// seccomp profiles of some containers do: its arguments are the number of the
// error and the program with its arguments.
const refuseCommand = "refuse-landlock"

// refusing is that program's life.
func refusing() bool {
	if len(os.Args) < 4 || os.Args[1] != refuseCommand {
		return false
	}
	errno, err := strconv.Atoi(os.Args[2])
	if err == nil {
		runtime.LockOSThread()
		err = refuseLandlock(unix.Errno(errno))
	}
	if err == nil {
		err = unix.Exec(os.Args[3], os.Args[3:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
	return true
}

func refuseLandlock(errno unix.Errno) error {
	// 444 to 446 are its calls on every architecture.
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: unix.SYS_LANDLOCK_CREATE_RULESET, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: unix.SYS_LANDLOCK_RESTRICT_SELF, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		return e
	}
	return nil
}

// withoutLandlock is a command that leads to pictor, to which Landlock is refused.
func withoutLandlock(t testing.TB, errno unix.Errno) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(self, refuseCommand, strconv.Itoa(int(errno)), program)
}

// layersHere are the layers that this system offers, as `pictor version` says.
func layersHere(t testing.TB) []string {
	t.Helper()
	out, errs, code := pictor(t, nil, "version")
	_, rest, ok := strings.Cut(out, "\nsandbox ")
	if code != 0 || !ok {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	line, _, _ := strings.Cut(rest, "\n")
	var layers []string
	for _, l := range strings.Split(line, ", ") {
		name, _, _ := strings.Cut(l, " ")
		layers = append(layers, name)
	}
	return layers
}

// needsWholeSandbox skips by name where a layer is missing that the kernel
// lacks, and fails where tests must be whole and the kernel has it.
func needsWholeSandbox(t testing.TB) {
	t.Helper()
	layers := layersHere(t)
	for _, name := range []string{"landlock", "seccomp", "no_new_privs", "rlimits"} {
		if slices.Contains(layers, name) {
			continue
		}
		_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
		if os.Getenv("CI") == "true" && (name != "landlock" || errno == 0) {
			t.Fatalf("there is no %s", name)
		}
		t.Skipf("there is no %s", name)
	}
}

// sandboxed are the layers that a server says are in force: in its report, in
// its metrics, in its log.
func (s *server) sandboxed() (report, metrics []string) {
	s.t.Helper()
	m, err := s.memory()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range m.Sandbox {
		if l.On {
			report = append(report, l.Name)
		}
	}
	resp, err := client.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		rest, ok := strings.CutPrefix(line, `pictor_worker_sandbox{layer="`)
		if name, value, _ := strings.Cut(rest, `"} `); ok && strings.TrimSpace(value) == "1" {
			metrics = append(metrics, name)
		}
	}
	slices.Sort(report)
	slices.Sort(metrics)
	return report, metrics
}

func TestSandboxIsShown(t *testing.T) {
	here := layersHere(t)
	slices.Sort(here)
	for _, tc := range []struct {
		mode string
		cmd  *exec.Cmd
		want []string
		log  string
	}{
		{"auto", exec.Command(program), here, "worker sandbox is"},
		{"off", exec.Command(program), nil, `msg="worker sandbox is off"`},
		{"auto", withoutLandlock(t, unix.EPERM), without(here, "landlock"),
			"probably by the container's seccomp profile"},
		{"auto", withoutLandlock(t, unix.ENOSYS), without(here, "landlock"), "use Linux 5.13 or newer"},
	} {
		s := start(t, tc.cmd, "--insecure", "--allow-networks", "127.0.0.0/8", "--sandbox", tc.mode)
		report, metrics := s.sandboxed()
		if !slices.Equal(report, tc.want) || !slices.Equal(metrics, tc.want) {
			t.Errorf("%s: %q and %q, want %q", tc.mode, report, metrics, tc.want)
		}
		if n := strings.Count(s.logged(), "worker sandbox is"); n != 1 || !strings.Contains(s.logged(), tc.log) {
			t.Errorf("%s: %d lines, and no %q in\n%s", tc.mode, n, tc.log, s.logged())
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.workers()[0]))
		if err != nil {
			t.Fatal(err)
		}
		for name, line := range map[string]string{
			"seccomp": "\nSeccomp:\t2\n", "no_new_privs": "\nCapEff:\t0000000000000000\n",
		} {
			// The refusing filter is a filter, too.
			if on := bytes.Contains(status, []byte(line)); slices.Contains(tc.want, name) && !on {
				t.Errorf("%s: no %q in\n%s", tc.mode, line, status)
			}
		}
		source := newSite(t).put("/a.jpg", picturetest.JPEG(picturetest.Photo(300, 200, 1), 85))
		if a := s.get("/insecure/w:100/plain/" + source + "@avif"); a.status != http.StatusOK {
			t.Errorf("%s: %v", tc.mode, a)
		}
		s.stop()
	}
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}

// A server that must have the sandbox says what is missing, and what to do.
func TestSandboxThatIsRequired(t *testing.T) {
	needsWholeSandbox(t)
	cmd := withoutLandlock(t, unix.EPERM)
	cmd.Args = append(cmd.Args, "serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen", "off",
		"--sandbox", "require")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("exit %v: %s", err, out)
	}
	for _, words := range []string{
		"--sandbox=require", "landlock: landlock_create_ruleset", "seccomp profile", "--sandbox=auto",
	} {
		if !strings.Contains(string(out), words) {
			t.Errorf("no %q in %s", words, out)
		}
	}
	_, errs, code := pictor(t, nil, "serve", "--insecure", "--sandbox", "strict")
	if code != 3 || !strings.Contains(errs, "auto, require or off") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// sandboxSources are seven kinds of source, small enough for hundreds of jobs.
func sandboxSources(t testing.TB) map[string][]byte {
	t.Helper()
	photo := picturetest.Photo(640, 426, 3)
	jpg := picturetest.JPEG(photo, 85)
	glass := picturetest.PNG(picturetest.Glass(400, 300))
	return map[string][]byte{
		"photo.jpg":       jpg,
		"turned.jpg":      picturetest.WithOrientation(jpg, 6),
		"progressive.jpg": saved(t, jpg, "jpg", "interlace,Q=85"),
		"framed.png":      picturetest.PNG(picturetest.Framed(300, 200, 20, color.White)),
		"glass.webp":      saved(t, glass, "webp", "lossless"),
		"photo.avif":      saved(t, jpg, "avif", "effort=0"),
		"still.gif":       picturetest.GIFStill(320, 240),
	}
}

var sandboxOptions = []string{
	"w:200", "rs:fill:120:120/g:sm", "rs:fit:160:160/blur:3", "w:150/sh:1", "c:200:150:ce/w:100",
	"rot:90/w:90", "t:10/w:100",
	"w:120/bg:255:0:0/pd:10", "w:120/br:20/co:1.2/sa:0.5", "w:100/pix:8", "w:120/mb:3000", "w:140/sm:0/scp:0",
}

// The sandbox refuses nothing that an image needs: all results are the same
// bytes with and without.
func TestSandboxChangesNoByte(t *testing.T) {
	needsWholeSandbox(t)
	long(t, "hundreds of images twice")
	t.Parallel()
	origin := newSite(t)
	paths := map[string][]string{} // by source
	sources := sandboxSources(t)
	for i, name := range slices.Sorted(maps.Keys(sources)) {
		source := origin.put("/"+name, sources[name])
		for j, options := range sandboxOptions {
			for k, format := range []string{"jpg", "png", "webp", "avif", "gif"} {
				if (i+j+k)%2 == 1 && os.Getenv(soakVar) == "" {
					continue // each source in each format, and each option in each, but not all three
				}
				paths[source] = append(paths[source], "/insecure/"+options+"/plain/"+source+"@"+format)
			}
		}
	}
	images := func(mode string) map[string]answer {
		s := serve(t, "--insecure", "--allow-networks", "127.0.0.0/8", "--sandbox", mode)
		out := map[string]answer{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		// One source, one client: results that wait together share a decode, and look alike, but
		// are not the same bytes.
		for _, of := range paths {
			wg.Go(func() {
				for _, path := range of {
					got, _ := s.try(http.MethodGet, path)
					mu.Lock()
					out[path] = got
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		s.stop()
		return out
	}
	off, on := images("off"), images("require")
	same := 0
	for path, got := range on {
		if got.status != http.StatusOK || !bytes.Equal(got.body, off[path].body) {
			t.Errorf("%s: %v, without the sandbox %v", path, got, off[path])
			continue
		}
		same++
	}
	t.Logf("%d of %d images are the same", same, len(on))
}

// treeCPU is the CPU time of a server and all of its workers, also of those
// that have ended.
func (s *server) treeCPU() time.Duration {
	s.t.Helper()
	pid := s.cmd.Process.Pid
	sum := cpuTime(s.t, pid)
	for _, ticks := range processes()[pid][statCPU+2 : statCPU+4] {
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += time.Duration(n) * time.Second / ticksPerSecond
	}
	for _, worker := range s.workers() {
		if d, err := processCPU(worker); err == nil {
			sum += d
		}
	}
	return sum
}

// BenchmarkSandbox measures the CPU time of all processes per miss, with and
// without the sandbox in turns, and gives the ratio of the least of each.
func BenchmarkSandbox(b *testing.B) {
	needsWholeSandbox(b)
	origin := newSite(b)
	photo := picturetest.Photo(2816, 2112, 1)
	origin.put("/a.jpg", picturetest.JPEG(photo, 85))
	origin.put("/a.webp", saved(b, picturetest.JPEG(photo, 85), "webp", "Q=80,effort=0"))
	modes := []string{"off", "require"}
	servers, used := map[string]*server{}, map[string][]time.Duration{}
	for _, mode := range modes {
		servers[mode] = serve(b, "--insecure", "--allow-networks", "127.0.0.0/8", "--workers", "1",
			"--cache-disk", "off", "--sandbox", mode)
	}
	const misses = 12
	asked := 0
	for b.Loop() {
		for _, mode := range modes {
			s := servers[mode]
			before := s.treeCPU()
			for i := range misses {
				asked++
				name := []string{"a.jpg", "a.webp"}[i%2]
				format := []string{"jpg", "webp", "png"}[i%3]
				path := fmt.Sprintf("/insecure/w:720/plain/%s/v/%d/%s@%s", origin.URL, asked, name, format)
				if a := s.get(path); a.status != http.StatusOK {
					b.Fatal(a)
				}
			}
			used[mode] = append(used[mode], (s.treeCPU()-before)/misses)
		}
		slices.Reverse(modes)
	}
	off, on := slices.Sorted(slices.Values(used["off"])), slices.Sorted(slices.Values(used["require"]))
	middle := len(on) / 2
	b.ReportMetric(float64(off[0].Microseconds()), "µs-off/miss")
	b.ReportMetric(float64(on[0].Microseconds()), "µs-on/miss")
	b.ReportMetric(float64(on[0])/float64(off[0]), "ratio-least")
	b.ReportMetric(float64(on[middle])/float64(off[middle]), "ratio-median")
	b.ReportMetric(float64(off[len(off)-1])/float64(off[0]), "spread-off")
}
