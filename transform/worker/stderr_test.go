package worker

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer is a log that is written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

// logged is what is logged of a worker that writes text and ends.
func logged(t *testing.T, text string) []string {
	t.Helper()
	var log lockedBuffer
	l := newStderrLog(slog.New(slog.NewTextHandler(&log, nil)))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { l.readLines(r, 42); close(done) }()
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-done
	return log.lines()
}

func TestStderrOfWorkersIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100*stderrLine)
	got := logged(t, "one\n\n"+long+"\ntwo")
	if len(got) != 3 || !strings.Contains(got[0], "text=one") || !strings.Contains(got[1], "cut_at=1024") ||
		len(got[1]) > stderrLine+200 || !strings.Contains(got[2], "text=two") {
		t.Errorf("%d lines: %.300q", len(got), got)
	}
	if got = logged(t, strings.Repeat("x\n", 20000)); len(got) < stderrBurst || len(got) > 2*stderrBurst {
		t.Errorf("%d of 20000 lines are logged", len(got))
	}
	// No line of a worker's looks like one of the server's.
	forged := "time=2026-01-01T00:00:00Z level=INFO msg=ready\r\x1b[2Jx"
	got = logged(t, forged+"\n")
	if len(got) != 1 || strings.ContainsAny(got[0], "\r\x1b") || !strings.Contains(got[0], `text="time=`) {
		t.Errorf("%q", got)
	}
}

func TestLinesDroppedAreCounted(t *testing.T) {
	l := newStderrLog(slog.New(slog.DiscardHandler))
	now := l.since
	for i := range stderrBurst + 7 {
		if ok, _ := l.allowLine(now); ok != (i < stderrBurst) {
			t.Fatalf("line %d: %v", i, ok)
		}
	}
	now = now.Add(time.Second)
	for i := range stderrRate + 1 {
		ok, dropped := l.allowLine(now)
		if ok != (i < stderrRate) || (dropped == 7) != (i == 0) {
			t.Errorf("line %d after a second: %v, %d dropped", i, ok, dropped)
		}
	}
}

// A worker that was broken into cannot write over a log that is a file.
func TestWorkersHaveNotTheServersStandardError(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	p := newPool(t, 1)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	fd := fmt.Sprintf("/proc/%d/fd", p.idle[0].cmd.Process.Pid)
	ours, err := os.Readlink("/proc/self/fd/2")
	if err != nil {
		t.Fatal(err)
	}
	// Each pipe has a number.
	link, err := os.Readlink(filepath.Join(fd, "2"))
	if err != nil || !strings.HasPrefix(link, "pipe:") || link == ours {
		t.Errorf("standard error is %q, ours %q, %v", link, ours, err)
	}
	for _, name := range []string{"0", "1"} {
		if link, err := os.Readlink(filepath.Join(fd, name)); err != nil || link != os.DevNull {
			t.Errorf("descriptor %s is %q, %v", name, link, err)
		}
	}
}

func TestLastWordsOfAWorkerAreLogged(t *testing.T) {
	var log lockedBuffer
	p := newPoolOf(t, Config{Size: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := do(within(t, patience), p, newJob(t, "x", panics))
	if err == nil {
		t.Fatal("a job whose worker panics is done")
	}
	found := func() bool {
		return strings.Contains(strings.Join(log.lines(), "\n"), "these are my last words")
	}
	for end := time.Now().Add(patience); !found() && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the pipe is read beside the socket
	}
	if !found() {
		t.Errorf("%q", log.lines())
	}
}
