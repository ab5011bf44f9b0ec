// Package accesslog writes a line for each request, as fast as its reader takes them and no faster: no request waits
// for it.
package accesslog

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Line is one request.
type Line struct {
	// Began is when the server got the request, Duration how long it took.
	Began    time.Time
	Duration time.Duration
	Client   Client
	// Method, Target and Proto are of the request line; the Target is without secrets.
	Method, Target, Proto string
	// Status is that of the response, or 499 where the client left before there was one.
	Status int
	// Sent is the size of what was sent of the content, in bytes.
	Sent int64
	// RequestID is X-Request-Id, Trace the id of a trace that is recorded; "" for none.
	RequestID, Trace string
	// Code is the error code of the response; "" for none.
	Code string
	// Outcome and Tier are what the cache did, for a response with an image; else "".
	Outcome, Tier string
	// Phases are what the time went to, in order; those without any time are left out.
	Phases []Phase
}

// Client is who asks, as far as it says so.
type Client struct {
	// Address is the IP address of the connection.
	Address string
	// Referer is without its query.
	Referer, UserAgent string
}

// Phase is a part of the time of a request.
type Phase struct {
	Name string
	Time time.Duration
}

// Config configures a Log.
type Config struct {
	Out io.Writer
	// Format is text, json or combined, the Combined Log Format of Apache and nginx.
	Format string
	// PerSecond is the most lines in a second; 0 for no such bound. The last fifth of them is for errors.
	PerSecond int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// maxPending is how many bytes of lines wait for the reader. As many again may be with it.
const maxPending = 256 << 10

// Log writes lines. Its methods may be called by several goroutines at once.
type Log struct {
	cfg    Config
	format func(b []byte, l *Line, leftOut uint64) []byte
	// wake tells the goroutine that writes of lines that wait.
	wake chan struct{}
	done chan struct{}

	mu      sync.Mutex
	pending []byte
	closed  bool
	// second is when the lines of the current second began, and written how many of them there are.
	second  time.Time
	written int
	counts  LeftOut
	// unsaid are lines that were left out since the last one that was written.
	unsaid uint64
}

// LeftOut counts lines that were not written.
type LeftOut struct {
	// Rate counts those beyond PerSecond, Slow those that came faster than the reader took them.
	Rate, Slow uint64
}

var formats = map[string]func([]byte, *Line, uint64) []byte{
	"text": appendText, "json": appendJSON, "combined": appendCombined,
}

// New makes a Log.
func New(cfg Config) (*Log, error) {
	format := formats[cfg.Format]
	if format == nil || cfg.Out == nil {
		return nil, errors.New("accesslog: a writer and one of the formats text, json and combined are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Log{cfg: cfg, format: format, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.writePending()
	return l, nil
}

// Write takes a line, or counts it as left out. It never waits for the reader.
func (l *Log) Write(line *Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return
	case !l.allow(line.Status >= 400):
		l.counts.Rate++
		l.unsaid++
		return
	}
	before := len(l.pending)
	l.pending = l.format(l.pending, line, l.unsaid)
	if len(l.pending) > maxPending {
		l.pending = l.pending[:before]
		l.counts.Slow++
		l.unsaid++
		return
	}
	l.unsaid = 0
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// allow says whether there may be another line in this second. The lock is held.
func (l *Log) allow(isError bool) bool {
	most := l.cfg.PerSecond
	if most == 0 {
		return true
	}
	if !isError {
		most -= most / 5
	}
	if now := l.cfg.Now(); now.Sub(l.second) >= time.Second || now.Before(l.second) {
		l.second, l.written = now, 0
	}
	if l.written >= most {
		return false
	}
	l.written++
	return true
}

// LeftOut is how many lines were not written.
func (l *Log) LeftOut() LeftOut {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// writePending writes until the log is closed. The two buffers take turns.
func (l *Log) writePending() {
	defer close(l.done)
	var taken []byte
	for range l.wake {
		l.mu.Lock()
		taken, l.pending = l.pending, taken[:0]
		l.mu.Unlock()
		_, _ = l.cfg.Out.Write(taken) // there is nothing to tell it to
	}
}

// lastMoment is how long a reader that reads takes for the last lines, and more.
const lastMoment = 50 * time.Millisecond

// Close writes what waits, as long as ctx lasts, and for lastMoment where it has ended before.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		select {
		case l.wake <- struct{}{}:
		default:
		}
		close(l.wake)
	}
	l.mu.Unlock()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-l.done:
		return nil
	case <-time.After(lastMoment):
		return errors.New("the access log is not read")
	}
}
