package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/accesslog"
)

// accessLine is what an access log says.
type accessLine struct {
	Request, Trace, Client, Method, Target, Code, Outcome, Tier string
	Status                                                      int
	Sent                                                        int64
	Duration                                                    float64 `json:"duration_ms"`
	Fetch                                                       float64 `json:"fetch_ms"`
	Transform                                                   float64 `json:"transform_ms"`
	Verify                                                      float64 `json:"verify_ms"`
}

// logTo has a server log requests to out.
func logTo(t *testing.T, out io.Writer, l RequestLog) func(*Config) {
	t.Helper()
	var err error
	if l.Access, err = accesslog.New(accesslog.Config{Out: out, Format: "json"}); err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.RequestLog = l }
}

// linesOf closes an access log, and reads it.
func linesOf(t *testing.T, r *rig, out *bytes.Buffer) (lines []accessLine) {
	t.Helper()
	if err := r.cfg.RequestLog.Access.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(out); d.More(); {
		var l accessLine
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// A miss, a short hit, one that has not changed and an error each have a line, with the id that the response has.
func TestAccessLog(t *testing.T) {
	var out bytes.Buffer
	r := newHitRig(t, logTo(t, &out, RequestLog{}))
	path := r.path("w:100")
	first, body := r.must(path, "X-Request-Id", "mine", "Referer", "https://shop.example/?token=hush")
	r.settled()
	if _, short := r.askInFront(path, "X-Request-Id: short"); !short {
		t.Error("the hit was not short")
	}
	r.askInFront(path, "If-None-Match: "+first.Header.Get("Etag"))
	r.must("/wrong/w:1/plain/https://hush.example/a?b")
	r.must("/health")
	lines := linesOf(t, r.rig, &out)
	if len(lines) != 5 {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	miss, hit, same, wrong, health := lines[0], lines[1], lines[2], lines[3], lines[4]
	size := int64(len(body))
	if miss.Status != 200 || miss.Outcome != "miss" || miss.Sent != size || miss.Request != "mine" ||
		miss.Client != "127.0.0.1" || miss.Transform == 0 || miss.Fetch == 0 {
		t.Errorf("the miss: %+v", miss)
	}
	if !strings.HasSuffix(miss.Target, "/plain/"+r.site.URL+"/a.png") || !strings.HasPrefix(miss.Target, "/-/") {
		t.Errorf("target %q", miss.Target)
	}
	if hit.Status != 200 || hit.Outcome != "hit" || hit.Tier != "memory" || hit.Sent != size ||
		hit.Request != "short" || hit.Target != miss.Target || hit.Duration <= 0 {
		t.Errorf("the hit: %+v", hit)
	}
	if same.Status != 304 || same.Sent != 0 {
		t.Errorf("the one that has not changed: %+v", same)
	}
	if wrong.Status != 403 || wrong.Code != "wrong-signature" || wrong.Target != "/-/w:1/plain/https://hush.example/a" {
		t.Errorf("the error: %+v", wrong)
	}
	if health.Target != "/health" || health.Status != 200 {
		t.Errorf("the check: %+v", health)
	}
}

func TestAccessLogOfErrors(t *testing.T) {
	var out bytes.Buffer
	r := newRig(t, logTo(t, &out, RequestLog{OnlyErrors: true}))
	r.must(r.path("w:100"))
	r.must(r.path("w:100"))
	r.must("/-/x")
	if lines := linesOf(t, r, &out); len(lines) != 1 || lines[0].Status != 403 {
		t.Errorf("%+v", lines)
	}
}

// A client that leaves before there is a response has a line, too.
func TestAccessLogOfAClientThatLeaves(t *testing.T) {
	var out bytes.Buffer
	r := newRig(t, logTo(t, &out, RequestLog{}))
	started, release := r.hold()
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-started
		leave()
	}()
	if _, _, err := r.get(ctx, r.path("w:100")); err == nil {
		t.Error("it has got a response")
	}
	r.until("the server is done", func() bool { return r.handled.Load() == 1 })
	close(release)
	if lines := linesOf(t, r, &out); len(lines) != 1 || lines[0].Status != statusClientLeft {
		t.Errorf("%+v", lines)
	}
}

// Neither log has a signature, what a presigned URL is signed with, credentials or, where that is asked for, sources.
func TestLogsHaveNoSecrets(t *testing.T) {
	for _, mode := range []string{LogSourcesFull, LogSourcesHost, LogSourcesOff} {
		var out, errors bytes.Buffer
		r := newRig(t, func(c *Config) {
			logTo(t, &out, RequestLog{Sources: mode})(c)
			c.Log = slog.New(slog.NewTextHandler(&errors, nil))
		})
		good := r.pathOf("w:100", "/private/a.png%3FX-Amz-Signature=presigned")
		bad := r.pathOf("w:100", "/private/gone.png%3FX-Amz-Signature=presigned")
		r.must(good)
		r.must(good)
		r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
		r.must(bad)
		for range 2 {
			r.must("/" + strings.Repeat("A", 43) + "/w:1/plain/https://user:presigned@x.example/private")
			r.must("/" + strings.Repeat("A", 43) + "/w:1/aHR0cHM6Ly9wcmVzaWduZWQ")
		}
		r.cfg.RequestLog.Access.Close(context.Background())
		text := out.String() + errors.String()
		secrets := []string{"presigned", "cHJlc2lnbmVk", strings.Split(good, "/")[1], "AAAAA"}
		host := strings.TrimPrefix(r.site.URL, "http://")
		switch mode {
		case LogSourcesOff:
			secrets = append(secrets, "private", host)
		case LogSourcesHost:
			secrets = append(secrets, "private")
			fallthrough
		default:
			if !strings.Contains(text, host) {
				t.Errorf("%s: no host: %s", mode, text)
			}
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the log has %q: %s", mode, secret, text)
			}
		}
	}
}

// The header with the token, and no other, gets it.
func TestServerTimingByToken(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RequestLog.TimingToken = "open" })
	for token, want := range map[string]bool{"open": true, "opens": false, "": false} {
		resp, _ := r.must(r.path("w:100"), TimingHeader, token)
		if got := resp.Header.Get("Server-Timing") != ""; got != want {
			t.Errorf("%q: %v", token, resp.Header)
		}
	}
}

// What a hit by the short way costs over a connection, both ends of it.
func BenchmarkShortHit(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"off": func(*Config) {},
		"all": func(c *Config) {
			c.RequestLog.Access, _ = accesslog.New(accesslog.Config{Out: io.Discard, Format: "json"})
		},
	} {
		b.Run(name, func(b *testing.B) {
			r := newHitRig(b, change)
			path := r.path("w:100")
			r.must(path)
			b.ReportAllocs()
			for b.Loop() {
				r.front.ask(path)
			}
			if err := r.cfg.RequestLog.Access.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
