package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/container"
)

// sweepVar is the directory whose files TestSweep sends through a server. The
// others bound it, and set the memory limit of the server in MiB.
const (
	sweepVar       = "PICTOR_SWEEP"
	sweepFilesVar  = "PICTOR_SWEEP_FILES"
	sweepTimeVar   = "PICTOR_SWEEP_TIME"
	sweepMemoryVar = "PICTOR_SWEEP_MEMORY"
)

// sweepOperations are what is asked of each file: each encoder, what needs the
// image whole or twice, what looks at its header alone, and its own bytes.
var sweepOperations = []struct{ name, path string }{
	{"to JPEG", "/insecure/rs:fit:720:720/f:jpg/plain/"},
	{"to WebP", "/insecure/w:400/f:webp/plain/"},
	{"to AVIF", "/insecure/w:200/f:avif/plain/"},
	{"crop and turn", "/insecure/c:0.5:0.5:sm/rot:90/h:300/f:png/plain/"},
	{"trim", "/insecure/t:10/w:300/sm:0/plain/"},
	{"as it is", "/insecure/plain/"},
	{"raw", "/insecure/raw:1/plain/"},
	{"info", "/thumbor/unsafe/meta/100x0/"},
}

// sweep is what came of files by operation.
type sweep struct {
	mu sync.Mutex
	// outcomes counts by operation and outcome, such as "200" or "422 truncated".
	outcomes map[string]map[string]int
	// bad are responses that must not be: a 5xx, no response, or a 200 that is no
	// image. odd are those of which a worker had to be killed, or crashed.
	bad, odd []string
	done     int
}

// Every file of a directory, whatever it is, gets an image or a clear 4xx, in each
// operation, and the server stays under its limit: make sweep DIR=….
func TestSweep(t *testing.T) {
	dir := os.Getenv(sweepVar)
	if dir == "" {
		t.Skip("sends the files of a directory through a server: make sweep DIR=…")
	}
	files := filesBelow(t, dir, int(setting(t, sweepFilesVar, 10_000)))
	limit := setting(t, sweepMemoryVar, 256) * mib
	g, err := tryCgroup(t, limit)
	command := exec.Command(program)
	if err != nil {
		t.Logf("the limit of memory is the server's own alone: %v", err)
	} else {
		command = g.command()
	}
	s := start(t, command,
		append(promptly, "--insecure", "--thumbor-unsafe", "--local-root", dir, "--cache-disk", "off",
			"--memory-limit", fmt.Sprint(limit/mib, "MiB"), "--queue-wait", "4m", "--log-level", "info")...)
	peak := func() int64 { return s.tree() }
	if g != nil {
		g.started(s.cmd.Process.Pid)
		peak = g.watch()
	}
	w := &sweep{outcomes: map[string]map[string]int{}}
	w.run(t, s, dir, files, time.Duration(setting(t, sweepTimeVar, 3600))*time.Second)
	most := peak()
	w.report(t, s, len(files))
	t.Logf("anonymous and shared memory at most %d MiB of %d", most/mib, limit/mib)
	if most > limit || g != nil && g.oomKills() > 0 {
		t.Error("that is over the limit, or the kernel killed for it")
	}
	select {
	case <-s.done:
		t.Fatal("the server has ended")
	default:
	}
	if a := s.get("/health/ready"); a.status != http.StatusOK {
		t.Errorf("afterwards: %v", a)
	}
}

// setting is a number of the environment.
func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	n, err := strconv.ParseInt(cmp.Or(os.Getenv(name), strconv.FormatInt(otherwise, 10)), 10, 32)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number of at least 1: %q", name, os.Getenv(name))
	}
	return n
}

// filesBelow are the regular files of a directory and those below it, so many at
// most.
func filesBelow(t *testing.T, dir string, most int) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case len(files) == most:
			t.Logf("only the first %d files: %s has the number", most, sweepFilesVar)
			return filepath.SkipAll
		case d.Type().IsRegular():
			name, err := filepath.Rel(dir, path)
			files = append(files, name)
			return err
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	return files
}

// run asks for every operation of every file, four files at once, until the time is
// over.
func (w *sweep) run(t *testing.T, s *server, dir string, files []string, most time.Duration) {
	end, told := time.Now().Add(most), time.Now()
	next := make(chan string)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for name := range next {
				w.file(s, dir, name)
			}
		})
	}
	for _, name := range files {
		if time.Now().After(end) {
			t.Logf("only %d of %d files: the time is over, %s has the seconds", w.done, len(files), sweepTimeVar)
			break
		}
		next <- name
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			w.mu.Lock()
			t.Logf("%d of %d files, %d bad", w.done, len(files), len(w.bad))
			w.mu.Unlock()
		}
	}
	close(next)
	wg.Wait()
}

// killing are the codes of errors for which a worker ended.
var killing = []string{"crashed", "overran", "transform-timeout"}

func (w *sweep) file(s *server, dir, name string) {
	for _, op := range sweepOperations {
		a, err := s.try(http.MethodGet, op.path+"local:///"+line(escaped(name)))
		code, _, _ := strings.Cut(string(a.body), ":")
		outcome := fmt.Sprint(a.status)
		if a.status >= 400 {
			outcome += " " + code
		}
		if err == nil && a.status == http.StatusOK {
			err = served(op.name, filepath.Join(dir, name), a)
		}
		w.mu.Lock()
		if w.outcomes[op.name] == nil {
			w.outcomes[op.name] = map[string]int{}
		}
		what := fmt.Sprintf("%s, %s: %s", name, op.name, outcome)
		switch {
		case err != nil:
			outcome = "wrong"
			w.bad = append(w.bad, fmt.Sprintf("%s, %s: %v", name, op.name, err))
		case a.status >= 500:
			w.bad = append(w.bad, what)
		}
		if slices.Contains(killing, code) && a.status >= 400 {
			w.odd = append(w.odd, what)
		}
		w.outcomes[op.name][outcome]++
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.done++
	w.mu.Unlock()
}

// served is what is wrong with a 200.
func served(operation, file string, a answer) error {
	switch operation {
	case "info":
		if !json.Valid(a.body) {
			return fmt.Errorf("info that is no JSON: %.100q", a.body)
		}
		return nil
	case "raw":
		b, err := os.ReadFile(file)
		if err == nil && !bytes.Equal(b, a.body) {
			err = fmt.Errorf("raw bytes that are not the file's")
		}
		return err
	}
	info, err := container.Sniff(a.body)
	if err != nil || info.End > 0 || a.header.Get("Content-Type") != info.Format.MIME() {
		return fmt.Errorf("a 200 of %s that is no image of it: %+v, %v", a.header.Get("Content-Type"), info, err)
	}
	return nil
}

var (
	endedLine = regexp.MustCompile(`(?m)^pictor_workers_ended_total\{(.*)\} ([1-9]\d*)$`)
	crashLine = regexp.MustCompile(`(?m)^.*(?:worker crashed|panic|runtime error|SIGSEGV).*$`)
)

// report tells what came of it, and fails where something is bad.
func (w *sweep) report(t *testing.T, s *server, files int) {
	for _, op := range sweepOperations {
		var parts []string
		for _, outcome := range slices.Sorted(maps.Keys(w.outcomes[op.name])) {
			parts = append(parts, fmt.Sprintf("%s × %d", outcome, w.outcomes[op.name][outcome]))
		}
		t.Logf("%-14s %s", op.name, strings.Join(parts, ", "))
	}
	if resp, err := client.Get(s.admin + "/metrics"); err == nil {
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		resp.Body.Close()
		for _, m := range endedLine.FindAllStringSubmatch(b.String(), -1) {
			t.Logf("workers ended: %s, %s", m[2], m[1])
		}
	}
	for _, text := range w.odd {
		t.Logf("a worker ended: %s", text)
	}
	for _, text := range crashLine.FindAllString(s.logged(), 20) {
		t.Logf("log: %s", text)
	}
	for _, text := range w.bad {
		t.Errorf("bad: %s", text)
	}
	t.Logf("%d of %d files", w.done, files)
}

// The sweep itself finds what is bad, and takes what is not for good.
func TestWhatASweepTakesForAnImage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.png")
	image := photo(20, 10)
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	jpeg := http.Header{"Content-Type": {"image/jpeg"}}
	for _, tc := range []struct {
		operation string
		header    http.Header
		body      []byte
		good      bool
	}{
		{"to JPEG", jpeg, image, true}, {"to JPEG", jpeg, image[:len(image)/2], false}, {"to JPEG", jpeg, nil, false},
		{"as it is", http.Header{"Content-Type": {"image/png"}}, image, false}, {"raw", jpeg, image, true}, {"raw", jpeg,
			image[1:], false},
		{"info", nil, []byte(`{"width": 1}`), true}, {"info", nil, image, false},
	} {
		if err := served(tc.operation, file, answer{http.StatusOK, tc.header, tc.body}); (err == nil) != tc.good {
			t.Errorf("%s of %d bytes: %v", tc.operation, len(tc.body), err)
		}
	}
}
