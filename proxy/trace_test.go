package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/tracing"
	"github.com/pictor-proxy/pictor/transform"
)

// sentSpan is a span as OTLP has it in JSON.
type sentSpan struct {
	TraceID, SpanID, ParentSpanID      string
	Name                               string
	Kind                               int
	StartTimeUnixNano, EndTimeUnixNano string
	Attributes                         []struct {
		Key   string
		Value map[string]any
	}
}

func (s sentSpan) duration() time.Duration {
	begin, _ := strconv.ParseInt(s.StartTimeUnixNano, 10, 64)
	end, _ := strconv.ParseInt(s.EndTimeUnixNano, 10, 64)
	return time.Duration(end - begin)
}

// attributes are those of a span, as text.
func (s sentSpan) attributes() map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		for _, v := range a.Value {
			all[a.Key] = fmt.Sprint(v)
		}
	}
	return all
}

// traced has a server send traces, and gives what was sent when they are closed.
func traced(t testing.TB) (change func(*Config), spans func() []sentSpan) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	var mu sync.Mutex
	var sent []sentSpan
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []sentSpan } }
		}
		if err := json.NewDecoder(r.Body).Decode(&export); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				sent = append(sent, scope.Spans...)
			}
		}
	}))
	t.Cleanup(collector.Close)
	tracer, err := tracing.New(tracing.Config{Endpoint: collector.URL, Queue: 1000, Batch: 1000})
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() { tracer.Close(context.Background()) })
	t.Cleanup(end)
	return func(c *Config) { c.Tracer = tracer }, func() []sentSpan {
		end()
		mu.Lock()
		defer mu.Unlock()
		return sent
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// The trace of a miss is a part of the client's. It has its phases, which are its whole time, and the request to the
// origin, which gets the context of it and nothing else of the client.
func TestTraceOfAMiss(t *testing.T) {
	change, spans := traced(t)
	var errors bytes.Buffer
	var access bytes.Buffer
	r := newRig(t, func(c *Config) {
		change(c)
		logTo(t, &access, RequestLog{})(c)
		c.Log = slog.New(slog.NewTextHandler(&errors, nil))
	})
	var asked http.Header
	r.gate = func(req *http.Request) { asked = req.Header.Clone() }
	path := r.pathOf("w:100", "/a.png%3Fsig=presigned")
	_, body := r.must(path, "Traceparent", traceparent, "Tracestate", "a=1", "Baggage", "user=7")
	r.must(path, "Traceparent", traceparent)
	r.must(path, "Traceparent", traceparent[:53]+"00")
	r.must("/health", "Traceparent", traceparent)
	r.must("/wrong/w:1/plain/x", "Traceparent", traceparent)
	var ids []string
	for _, l := range linesOf(t, r, &access) {
		ids = append(ids, l.Trace)
	}
	if id := traceparent[3:35]; !slices.Equal(ids, []string{id, id, "", "", id}) {
		t.Errorf("the access log has %q", ids)
	}
	if !strings.Contains(errors.String(), "trace="+traceparent[3:35]) {
		t.Errorf("%s", &errors)
	}
	byName := map[string][]sentSpan{}
	for _, s := range spans() {
		byName[s.Name] = append(byName[s.Name], s)
		text, signature := fmt.Sprint(s), strings.Split(path, "/")[1]
		if strings.Contains(text, "presigned") || strings.Contains(text, signature) {
			t.Errorf("a secret: %s", text)
		}
	}
	if len(byName["GET /*"]) != 3 || len(byName["GET"]) != 1 {
		t.Fatalf("%v", slices.Collect(maps.Keys(byName)))
	}
	miss, hit, wrong, fetch := byName["GET /*"][0], byName["GET /*"][1], byName["GET /*"][2], byName["GET"][0]
	var phases time.Duration
	for _, p := range phaseNames {
		for _, s := range byName[p] {
			if s.ParentSpanID == miss.SpanID {
				phases += s.duration()
			}
		}
	}
	if all := miss.duration(); phases > all || phases < all*95/100 {
		t.Errorf("%v in phases, %v in all", phases, all)
	}
	if !strings.EqualFold(miss.TraceID+miss.ParentSpanID, traceparent[3:35]+traceparent[36:52]) || miss.Kind != 2 {
		t.Errorf("%+v", miss)
	}
	for _, name := range []string{"verify", "lookup", "fetch", "transform", "send"} {
		if len(byName[name]) == 0 {
			t.Errorf("there is no %s", name)
		}
	}
	holds(t, miss.attributes(), map[string]string{
		"http.request.method": "GET", "http.response.status_code": "200", "http.route": "/*", "pictor.route": "image",
		"pictor.dialect": "native", "pictor.cache.outcome": "miss", "pictor.cache.tier": "none",
		"pictor.content_type": "image/png", "http.response.body.size": strconv.Itoa(len(body)),
		"url.path": "/-/" + strings.SplitN(strings.TrimSuffix(path, "%3Fsig=presigned"), "/", 3)[2],
	})
	holds(t, hit.attributes(), map[string]string{"pictor.cache.outcome": "hit", "pictor.cache.tier": "memory"})
	holds(t, wrong.attributes(), map[string]string{"http.response.status_code": "403", "error.type": "wrong-signature"})
	holds(t, fetch.attributes(), map[string]string{
		"http.response.status_code": "200", "url.full": r.site.URL + "/a.png", "server.address": "127.0.0.1",
	})
	if fetch.ParentSpanID != miss.SpanID || fetch.Kind != 3 ||
		!strings.EqualFold(asked.Get("Traceparent"), "00-"+miss.TraceID+"-"+fetch.SpanID+"-01") ||
		asked.Get("Tracestate") != "a=1" || asked.Get("Baggage") != "" {
		t.Errorf("%+v, the origin has %v", fetch, asked)
	}
}

// holds compares attributes with those that it wants among them.
func holds(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

// Where there are no traces an origin gets nothing of the client's, and a trace names no host that logs do not name.
func TestTracesSayNoMoreThanLogs(t *testing.T) {
	var asked http.Header
	r := newRig(t, nil)
	r.gate = func(req *http.Request) { asked = req.Header.Clone() }
	r.must(r.path("w:100"), "Traceparent", traceparent, "Tracestate", "a=1")
	if asked.Get("Traceparent") != "" || asked.Get("Tracestate") != "" {
		t.Errorf("%v", asked)
	}
	change, spans := traced(t)
	r = newRig(t, func(c *Config) {
		change(c)
		c.RequestLog.Sources = LogSourcesOff
	})
	r.painter.fail = func(context.Context) error { return transform.ErrCrashed }
	r.must(r.path("w:100"))
	r.must(r.path("w:100"), "Traceparent", traceparent[:53]+"00")
	host := strings.TrimPrefix(r.site.URL, "http://")
	ended := ""
	for _, s := range spans() {
		ended += s.attributes()["pictor.worker.ended"]
		if strings.Contains(fmt.Sprint(s.attributes()["url.full"], s.attributes()["url.path"]), host) {
			t.Errorf("%+v", s)
		}
	}
	if ended != "crashed" {
		t.Errorf("ended %q", ended)
	}
}

// A part of a phase that counts for another one is where it was.
func TestTimeline(t *testing.T) {
	at := time.Unix(1000, 0)
	l := &timeline{}
	add := func(p phase, seconds int) {
		begin := at
		at = at.Add(time.Duration(seconds) * time.Second)
		l.add(p, begin, at)
	}
	text := func() string {
		var b strings.Builder
		for _, p := range l.phases() {
			fmt.Fprintf(&b, "%s %v,", p.Name, p.End.Sub(p.Begin))
		}
		return b.String()
	}
	add(phaseVerify, 1)
	add(phaseFetch, 2)
	add(phaseFetch, 3)
	add(phaseSend, 0)
	l.move(phaseFetch, phaseQueue, 4*time.Second)
	add(phaseLookup, 1)
	add(phaseFetch, 2)
	if got := text(); got != "verify 1s,queue 4s,fetch 1s,lookup 1s,fetch 2s," {
		t.Error(got)
	}
	l.move(phaseFetch, phaseQueue, time.Hour)
	if got := text(); got != "verify 1s,queue 4s,queue 1s,lookup 1s,queue 2s," {
		t.Error(got)
	}
	for i := range 2 * maxStretches {
		add(phase(i%2), 1)
	}
	if len(l.stretches) != maxStretches || l.stretches[maxStretches-1].end != at {
		t.Errorf("%d stretches", len(l.stretches))
	}
}

// What tracing costs a request whose trace is not recorded, and one that has none.
func BenchmarkTracedShortHit(b *testing.B) {
	for name, header := range map[string]string{
		"off": "", "unsampled": "Traceparent: " + traceparent[:53] + "00", "sampled": "Traceparent: " + traceparent,
	} {
		b.Run(name, func(b *testing.B) {
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))
			defer collector.Close()
			r := newHitRig(b, func(c *Config) {
				if header != "" {
					c.Tracer, _ = tracing.New(tracing.Config{Endpoint: collector.URL, Queue: 2048, Batch: 512})
				}
			})
			path := r.path("w:100")
			r.must(path)
			headers := slices.DeleteFunc([]string{header}, func(s string) bool { return s == "" })
			b.ReportAllocs()
			for b.Loop() {
				r.long.ask(path, headers...)
			}
			r.cfg.Tracer.Close(context.Background())
		})
	}
}
