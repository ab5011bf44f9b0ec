package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// bombs are images whose metadata costs far more than their pixels.
func metadataBombs(t *testing.T) []picturetest.Bomb {
	t.Helper()
	src := picturetest.PNG(picturetest.Photo(64, 64, 3))
	webp, progressive, avif := saved(t, src, "webp", ""), saved(t, src, "jpg", "interlace"), saved(t, src, "avif",
		"effort=0")
	return picturetest.Bombs(webp, progressive, avif)
}

// Each bomb is the image without its metadata, or refused, and its worker lives
// and has hardly worked.
func TestBombsOfMetadata(t *testing.T) {
	t.Parallel() // one worker does it all
	const most = 2500 * time.Millisecond
	site, s := newSite(t), serveLocal(t, "--workers", "1")
	get := func(path string, b []byte, options string) answer {
		return s.get(signed(t, "/"+options+"/plain/"+site.put(path, b)+"@png"))
	}
	for i, b := range metadataBombs(t) {
		t.Run(b.Name, func(t *testing.T) {
			plain := get(fmt.Sprintf("/plain%d", i), b.Plain, "sm:1")
			want, err := png.Decode(bytes.NewReader(plain.body))
			if err != nil {
				t.Fatal(plain, err)
			}
			for _, options := range []string{"sm:1", "kcr:0", "sm:0"} {
				before := s.workersCPU()
				a := get(fmt.Sprintf("/bomb%d", i), b.Bytes, options)
				if took := s.workersCPU() - before; took > most {
					t.Errorf("%s: %v of CPU time", options, took)
				}
				if a.status == http.StatusUnprocessableEntity && bytes.HasPrefix(a.body, []byte("broken-picture: ")) {
					continue
				}
				got, err := png.Decode(bytes.NewReader(a.body))
				if err != nil {
					t.Fatal(options, a, err)
				}
				if d := picturetest.Distance(got, want); d > 0 {
					t.Errorf("%s: pixels differ by %v", options, d)
				}
			}
		})
	}
	for _, why := range []string{"crashed", "killed", "overran", "overtime"} {
		s.counted(`pictor_workers_ended_total{why="` + why + `"} 0`)
	}
}

// workersCPU is the CPU time of all workers that there are and were.
func (s *server) workersCPU() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ
	ticks := 0
	add := func(fields ...string) {
		for _, f := range fields {
			n, _ := strconv.Atoi(f)
			ticks += n
		}
	}
	all := processes()
	for _, fields := range all {
		if fields[statParent] == strconv.Itoa(s.cmd.Process.Pid) {
			add(fields[statCPU], fields[statCPU+1])
		}
	}
	if fields := all[s.cmd.Process.Pid]; fields != nil {
		add(fields[statCPU+2], fields[statCPU+3])
	}
	return time.Duration(ticks) * tick
}

// counted waits for a metric.
func (s *server) counted(want string) {
	s.t.Helper()
	waitFor(s.t, want, func() bool {
		a, err := (&server{t: s.t, url: s.admin}).try(http.MethodGet, "/metrics")
		return err == nil && strings.Contains(string(a.body), want)
	})
}

// An image of 1000 pixels that takes the CPU for ever is refused, and blocked
// after two workers.
func TestJobOverItsCPUTime(t *testing.T) {
	t.Parallel() // one worker does it all
	site, s := newSite(t), serveLocal(t, "--workers", "1")
	b := picturetest.PNG(picturetest.Photo(32, 32, 3))
	// A text that is left out, so that there is memory for the steps.
	slow := picturetest.WithPNGProfile(b, picturetest.SlowProfile(40_000))
	slow = picturetest.WithPNGChunk(slow, "abCd", make([]byte, 10<<20))
	src := site.put("/slow.png", slow)
	for i, code := range []string{"overtime", "overtime", "poison", "poison"} {
		a := s.get(signed(t, fmt.Sprintf("/w:%d/plain/%s@jpg", 10+i, src)))
		if a.status != http.StatusUnprocessableEntity || !strings.HasPrefix(string(a.body), code+": ") {
			t.Errorf("%d: %v", i, a)
		}
	}
	s.counted(`pictor_workers_ended_total{why="overtime"} 2`)
	if a := s.get(signed(t, "/w:10/plain/"+site.put("/good.png", b)+"@jpg")); a.status != http.StatusOK {
		t.Error(a)
	}
}

// A worker that was stopped while it was idle harms no job.
func TestWorkerThatWasStoppedWhileIdle(t *testing.T) {
	site, s := newSite(t), serveLocal(t, "--workers", "1")
	src := site.put("/a.png", picturetest.PNG(picturetest.Photo(32, 32, 3)))
	if a := s.get(signed(t, "/w:10/plain/"+src)); a.status != http.StatusOK {
		t.Fatal(a)
	}
	for _, pid := range s.workers() {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the worker to stop", func() bool {
			p := processes()[pid]
			return len(p) > 0 && p[0] == "T"
		})
	}
	if a := s.get(signed(t, "/w:11/plain/"+src)); a.status != http.StatusOK {
		t.Error(a)
	}
	s.counted(`pictor_workers_ended_total{why="stalled"} 1`)
}

// While something kills every worker, clients are told to come back.
func TestEveryWorkerIsKilled(t *testing.T) {
	site, s := newSite(t), serveLocal(t, "--workers", "2")
	b := picturetest.PNG(picturetest.Photo(32, 32, 3))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for _, pid := range s.workers() {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	refused := 0
	for i := range 40 {
		a := s.get(signed(t, "/w:10/plain/"+site.put(fmt.Sprintf("/%d.png", i), b)))
		code, _, _ := strings.Cut(string(a.body), ": ")
		switch {
		case a.status == http.StatusServiceUnavailable && code == "no-worker" && a.header.Get("Retry-After") != "":
			refused++
		case a.status == http.StatusOK, a.status == http.StatusUnprocessableEntity && code == "crashed":
		default:
			t.Error(a)
		}
	}
	close(stop)
	<-stopped
	if refused == 0 {
		t.Error("no request was refused")
	}
	waitFor(t, "readiness", func() bool { return s.get("/health/ready").status == http.StatusOK })
	waitFor(t, "an image", func() bool {
		return s.get(signed(t, "/w:11/plain/"+site.put("/good.png", b))).status == http.StatusOK
	})
}
