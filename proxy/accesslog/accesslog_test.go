package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newLog(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Nobody reads: requests go on, the lines that there is no room for are counted, and the memory has a bound.
func TestReaderThatHangs(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t, Config{Out: w, Format: "json"})
	const lines = 20_000
	for range lines {
		l.Write(&Line{Status: 200, Target: "/-/w:100/plain/https://photos.example/a.jpg"})
	}
	left := l.LeftOut()
	if left.Slow == 0 || left.Rate != 0 {
		t.Errorf("%+v of %d lines were left out", left, lines)
	}
	if cap(l.pending) > 2*maxPending {
		t.Errorf("%d bytes wait", cap(l.pending))
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(now); err == nil {
		t.Error("closed while nobody reads")
	}
	read := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(r)
		read <- all
	}()
	closed(t, l) // all that waits is read now
	w.Close()
	if got := bytes.Count(<-read, []byte("\n")); uint64(got)+left.Slow != lines {
		t.Errorf("%d lines are there, %d were left out, of %d", got, left.Slow, lines)
	}
	r.Close()
}

// A shutdown that has no time left, as other parts took it, has the last lines written all the same.
func TestLastLinesOfAShutdownWithoutTime(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		var out bytes.Buffer
		l := newLog(t, Config{Out: &out, Format: "text"})
		l.Write(&Line{Status: 200})
		if err := l.Close(over); err != nil || !strings.Contains(out.String(), "status=200") {
			t.Fatalf("%v, %q", err, out.String())
		}
	}
}

// Beyond the rate lines are counted, the next line says so, and errors have room when others have none any more.
func TestLinesOfASecond(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	l := newLog(t, Config{Out: &out, Format: "text", PerSecond: 10, Now: func() time.Time { return now }})
	for range 20 {
		l.Write(&Line{Status: 200})
	}
	for range 5 {
		l.Write(&Line{Status: 503})
	}
	now = now.Add(time.Second)
	l.Write(&Line{Status: 304})
	l.Write(&Line{Status: 200})
	closed(t, l)
	text := out.String()
	for part, want := range map[string]int{
		"status=200": 9, "status=503": 2, "left_out=12": 1, "left_out=3": 1, "left_out": 2,
	} {
		if got := strings.Count(text, part); got != want {
			t.Errorf("%s: %d times, want %d", part, got, want)
		}
	}
	if got := l.LeftOut(); got != (LeftOut{Rate: 15}) {
		t.Errorf("%+v", got)
	}
}

// Whatever a client sends, a line is one line, and its texts are what was sent.
func TestTextsOfClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		l := &Line{Began: time.Unix(1, 0), Method: text, Target: text, Proto: "HTTP/1.1", Status: 200,
			Client: Client{Address: "192.0.2.1", Referer: text, UserAgent: text}}
		for name, format := range formats {
			line := string(format(nil, l, 0))
			if !strings.HasSuffix(line, "\n") || strings.ContainsAny(line[:len(line)-1], "\n\r\x00\x1b") {
				t.Fatalf("%s: %q", name, line)
			}
		}
		var got map[string]any
		if err := json.Unmarshal(appendJSON(nil, l, 0), &got); err != nil {
			t.Fatal(err)
		}
		if len(text) < maxText && got["target"] != strings.ToValidUTF8(text, "\ufffd") {
			t.Fatalf("%q, want %q", got["target"], text)
		}
		line := string(appendCombined(nil, l, 0))
		if n := strings.Count(line, `"`); n != 6 {
			t.Fatalf("%d quotes: %q", n, line)
		}
	})
}

func TestCombinedLogFormat(t *testing.T) {
	l := &Line{Began: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC), Method: "GET",
		Target: "/-/w:1/plain/a", Proto: "HTTP/2.0", Status: 200, Sent: 42,
		Client: Client{Address: "192.0.2.1", UserAgent: `a"b`}}
	want := `192.0.2.1 - - [01/Mar/2026:12:30:00 +0000] "GET /-/w:1/plain/a HTTP/2.0" 200 42 "-" "a\x22b"` + "\n"
	if got := string(appendCombined(nil, l, 3)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func BenchmarkWrite(b *testing.B) {
	l, err := New(Config{Out: io.Discard, Format: "json"})
	if err != nil {
		b.Fatal(err)
	}
	line := &Line{Began: time.Now(), Duration: time.Millisecond, Method: "GET", Proto: "HTTP/1.1", Status: 200,
		Outcome: "hit", Target: "/-/w:100/plain/https://photos.example/a.jpg", Tier: "memory", RequestID: "ABCDEFGHIJKL"}
	b.ReportAllocs()
	for b.Loop() {
		l.Write(line)
	}
	l.Close(context.Background())
}
