package origin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

const declared = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"

// scripted is a fetcher in a bubble, where time is not real. Its origin is at
// the other end of a pipe and says what the script says.
func scripted(t *testing.T, cfg Config, script func(w io.Writer)) *Fetcher {
	f := newFetcher(t, cfg)
	t.Cleanup(func() { time.Sleep(24 * time.Hour) }) // for scripts to run to their end
	f.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
				script(there)
			}
		}()
		return here, nil
	}
	return f
}

func TestSlowOrigins(t *testing.T) {
	drip := func(n int, every time.Duration) func(io.Writer) {
		return func(w io.Writer) {
			fmt.Fprintf(w, declared, 1<<20)
			for {
				if _, err := w.Write(make([]byte, n)); err != nil {
					return
				}
				time.Sleep(every)
			}
		}
	}
	hours := func(w io.Writer) { time.Sleep(time.Hour) }
	for _, tc := range []struct {
		name   string
		cfg    Config
		script func(io.Writer)
		want   string
		after  time.Duration
	}{
		{"no answer", Config{}, hours, "no response within 5s", 5 * time.Second},
		{"half of another time", Config{Timeout: 30 * time.Second}, hours, "no response within 15s", 15 * time.Second},
		{"a limit of its own", Config{FirstByte: time.Second}, hours, "no response within 1s", time.Second},
		{"a limit beyond the timeout", Config{FirstByte: time.Minute}, hours, "longer than 10s", 10 * time.Second},
		{"a status line by letters", Config{}, func(w io.Writer) { io.WriteString(w, "HTTP/1.1 20"); hours(w) }, "no response", 5 * time.Second},
		{"hints and no answer", Config{},
			func(w io.Writer) { io.WriteString(w, "HTTP/1.1 103 Early Hints\r\n\r\n"); hours(w) },
			"no response within 5s", 5 * time.Second},
		{"no body", Config{}, func(w io.Writer) { fmt.Fprintf(w, declared, 9); hours(w) }, "8192 bytes per second", 2 * time.Second},
		{"trickle", Config{}, drip(1, 100*time.Millisecond), "8192 bytes per second", 2 * time.Second},
		// 160 KiB at once are good for 20 s at 8 KiB/s; the timeout comes first.
		{"stall after a good start", Config{}, drip(160<<10, time.Hour), "longer than 10s", 10 * time.Second},
		{"stall after a fair start", Config{}, drip(32<<10, time.Hour), "8192 bytes per second", 4 * time.Second},
		{"fast enough, but long", Config{}, drip(9<<10, time.Second), "longer than 10s", 10 * time.Second},
		{"a rate of its own", Config{MinRate: 16 << 10}, drip(9<<10, time.Second), "16384 bytes per second", 2 * time.Second},
		{"no rate", Config{MinRate: -1, Timeout: time.Minute}, drip(1, time.Second), "longer than 1m0s", time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scripted(t, tc.cfg, tc.script)
				start := time.Now()
				_, _, err := fetch(t, f, "http://origin.example/")
				took := time.Since(start)
				if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), tc.want) || took != tc.after {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// The time until a response begins is counted for each redirect anew, and stands
// for what an origin takes, not for what the body takes after it.
func TestAFirstByteInTimePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := scripted(t, Config{}, func(w io.Writer) {
			time.Sleep(4 * time.Second)
			if asked++; asked == 1 {
				io.WriteString(w, "HTTP/1.1 302 Found\r\nLocation: /b\r\n"+
					"Content-Length: 0\r\nConnection: close\r\n\r\n")
				return
			}
			fmt.Fprintf(w, declared, 2)
			io.WriteString(w, "a")
			time.Sleep(1500 * time.Millisecond)
			io.WriteString(w, "b")
		})
		start := time.Now()
		body, _, err := fetch(t, f, "http://origin.example/")
		if took := time.Since(start); err != nil || body != "ab" || took != 9500*time.Millisecond {
			t.Errorf("%q, %v after %v", body, err, took)
		}
	})
}

func TestSlowButSteadyOriginsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scripted(t, Config{}, func(w io.Writer) {
			fmt.Fprintf(w, declared, 9*9<<10)
			for range 9 {
				w.Write(make([]byte, 9<<10))
				time.Sleep(time.Second)
			}
		})
		if _, meta, err := fetch(t, f, "http://origin.example/"); err != nil || meta.Size != 9*9<<10 {
			t.Errorf("%+v, %v", meta, err)
		}
	})
}

// Waiting for memory is not the origin's fault, before the body or in it.
func TestTimeInReserveDoesNotCount(t *testing.T) {
	wait := func(int64) error { time.Sleep(time.Minute); return nil }
	for name, header := range map[string]string{
		"declared":   fmt.Sprintf(declared, 3<<20),
		"undeclared": "HTTP/1.0 200 OK\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scripted(t, Config{}, func(w io.Writer) {
					time.Sleep(time.Second)
					io.WriteString(w, header)
					w.Write(make([]byte, 3<<20))
				})
				meta, err := f.Fetch(t.Context(), "http://origin.example/", io.Discard, wait)
				if err != nil || meta.Size != 3<<20 {
					t.Errorf("%+v, %v", meta, err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				f := scripted(t, Config{}, func(w io.Writer) { io.WriteString(w, header+"x"); time.Sleep(time.Hour) })
				start := time.Now()
				_, err := f.Fetch(t.Context(), "http://origin.example/", io.Discard, wait)
				if took := time.Since(start); !errors.Is(err, ErrTimeout) || took != time.Minute+rateGrace {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// A host's connections are few; whoever waits for one has asked nothing yet.
func TestTimeInLineForAConnectionDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scripted(t, Config{}, func(w io.Writer) { fmt.Fprintf(w, declared+"x", 1) })
		f.transport.MaxConnsPerHost = 1
		var wg sync.WaitGroup
		defer wg.Wait()
		start := time.Now()
		for range 3 {
			wg.Go(func() {
				wait := func(int64) error { time.Sleep(15 * time.Second); return nil }
				if _, err := f.Fetch(t.Context(), "http://origin.example/", io.Discard, wait); err != nil {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
	})
}

func TestCancellationEndsAFetchAtOnce(t *testing.T) {
	gone := errors.New("everybody left")
	for name, script := range map[string]func(io.Writer){
		"before the answer": func(io.Writer) { time.Sleep(time.Hour) },
		"in the body":       func(w io.Writer) { fmt.Fprintf(w, declared+"x", 9); time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scripted(t, Config{}, script)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(gone) })
				start := time.Now()
				_, err := f.Fetch(ctx, "http://origin.example/", io.Discard, nil)
				if took := time.Since(start); err != gone || took != time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	f := newFetcher(t, Config{Local: fstest.MapFS{"a": {Data: []byte("picture")}}})
	for _, source := range []string{"http://origin.example/", "local:///a"} {
		if _, err := f.Fetch(ctx, source, new(bytes.Buffer), nil); err != gone {
			t.Errorf("%s: %v", source, err)
		}
	}
}
