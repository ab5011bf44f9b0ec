package worker

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// stderrLine is how much of a line is logged, in bytes.
	stderrLine = 1 << 10
	// stderrBurst lines of all workers together are logged at once, and then
	// stderrRate of them a second. A crash of Go code prints about a hundred.
	stderrBurst = 200
	stderrRate  = 10
	// stderrGrace is how long the rest is read after a worker has ended. Only a
	// child of the worker's can still have the pipe open then.
	stderrGrace = time.Second
)

// stderrLog reads what workers write to standard error, and logs it. Workers
// have a pipe instead of the server's own standard error: where that is a file,
// a worker that was broken into could overwrite the log, and where it is a
// terminal or a collector, fill it.
type stderrLog struct {
	log *slog.Logger

	mu      sync.Mutex
	lines   float64 // that may be logged now
	since   time.Time
	dropped int
}

func newStderrLog(log *slog.Logger) *stderrLog {
	return &stderrLog{log: log, lines: stderrBurst, since: time.Now()}
}

// readLines logs the lines of one worker until its pipe ends.
func (l *stderrLog) readLines(r *os.File, pid int) {
	defer r.Close()
	lines := bufio.NewReaderSize(r, stderrLine)
	for continued := false; ; {
		line, err := lines.ReadSlice('\n')
		// Of a longer line the beginning is logged, and the rest skipped.
		cut := errors.Is(err, bufio.ErrBufferFull)
		if text := bytes.TrimSpace(line); len(text) > 0 && !continued {
			l.logLine(pid, string(text), cut)
		}
		continued = cut
		if err != nil && !cut {
			return // io.EOF, or the end of the grace
		}
	}
}

func (l *stderrLog) logLine(pid int, text string, cut bool) {
	ok, dropped := l.allowLine(time.Now())
	if !ok {
		return
	}
	attrs := []any{"pid", pid, "text", text}
	if cut {
		attrs = append(attrs, "cut_at", stderrLine)
	}
	if dropped > 0 {
		attrs = append(attrs, "lines_dropped", dropped)
	}
	l.log.Warn("worker wrote to stderr", attrs...)
}

// allowLine says whether a line may be logged, and how many were dropped since the
// last one.
func (l *stderrLog) allowLine(now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = min(l.lines+now.Sub(l.since).Seconds()*stderrRate, stderrBurst)
	l.since = now
	if l.lines < 1 {
		l.dropped++
		return false, 0
	}
	l.lines--
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}
