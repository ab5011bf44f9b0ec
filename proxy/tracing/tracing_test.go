package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// collector is a collector of spans in JSON.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]span
}

// span is a span as OTLP has it in JSON.
type span struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	TraceState   string `json:"traceState"`
	Name         string
	Attributes   []struct {
		Key   string
		Value struct{ StringValue, IntValue any }
	}
}

// attribute is the text of an attribute; nil for none.
func (s span) attribute(key string) any {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return nil
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string]span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		if err := json.NewDecoder(r.Body).Decode(&export); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					c.spans[s.Name] = s
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	return c
}

func newTracer(t *testing.T, cfg Config) *Tracer {
	t.Helper()
	tracer, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func requestWith(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// A client's trace goes on; where nothing says which one is meant, or whether it is one, another begins.
func TestParents(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, Config{Endpoint: c.URL, Queue: 100, Batch: 100})
	for name, headers := range map[string][]string{
		"good":  {"Traceparent", traceparent, "Tracestate", "a=1", "Tracestate", "b=2"},
		"long":  {"Traceparent", traceparent, "Tracestate", "a=" + strings.Repeat("1", 250) + ",b=" + strings.Repeat("1", 260)},
		"twice": {"Traceparent", traceparent, "Traceparent", traceparent},
		"bad":   {"Traceparent", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"},
		"none":  nil,
	} {
		r := requestWith(headers...)
		tracer.Begin(r, time.Now()).Finish(r, &Summary{Pattern: name, Ended: time.Now()})
	}
	off := tracer.Begin(requestWith("Traceparent", traceparent[:len(traceparent)-1]+"0"), time.Now())
	if off.IsSampled() || off.ID() != "" {
		t.Error("recorded, though the client does not record it")
	}
	tracer.Close(t.Context())
	for name, state := range map[string]any{"good": "a=1,b=2", "long": "", "twice": nil, "bad": nil, "none": nil} {
		s := c.spans["GET "+name]
		if isChild := strings.EqualFold(s.ParentSpanID, traceparent[36:52]) &&
			strings.EqualFold(s.TraceID, traceparent[3:35]); s.SpanID == "" || isChild != (state != nil) ||
			isChild && s.TraceState != state {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if got := tracer.Figures(); got != (Figures{Ended: 5, Sent: 5}) {
		t.Errorf("%+v", got)
	}
}

// An origin gets the context of the trace, also of one that is not recorded.
func TestOriginsGetTheTrace(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, Config{Endpoint: c.URL, Queue: 100, Batch: 100})
	for _, flags := range []string{"01", "00"} {
		in := requestWith("Traceparent", traceparent[:53]+flags, "Tracestate", "a=1", "Baggage", "b=c")
		q := tracer.Begin(in, time.Now())
		out := requestWith()
		q.BeginFetch(out, "")(0, errors.New("hush"))
		got := out.Header.Get("Traceparent")
		if len(out.Header) != 2 || !strings.HasPrefix(got, traceparent[:36]) || !strings.HasSuffix(got, "-"+flags) ||
			got[36:52] == traceparent[36:52] || out.Header.Get("Tracestate") != "a=1" {
			t.Errorf("%s: %v", flags, out.Header)
		}
	}
	tracer.Close(t.Context())
	if s := c.spans["GET"]; s.attribute("error.type") != "*errors.errorString" || s.attribute("url.full") != nil {
		t.Errorf("%+v", s)
	}
}

// Texts that are no UTF-8 lose nothing, and those of any length have a bound.
func TestTextsOfClients(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, Config{Endpoint: c.URL, Queue: 100, Batch: 100})
	r := requestWith("User-Agent", strings.Repeat("ä", 300)+"\xff")
	r.Method, r.Host = "MADE\xffUP", "h\xff"
	tracer.Begin(r, time.Now()).Finish(r, &Summary{Target: "/\xff", Ended: time.Now()})
	tracer.Close(t.Context())
	s := c.spans["_OTHER"]
	if agent, _ := s.attribute("user_agent.original").(string); len(agent) < maxText || len(agent) > maxText+8 {
		t.Errorf("%q", agent)
	}
	if s.attribute("url.path") != "/\ufffd" || s.attribute("server.address") != "h\ufffd" {
		t.Errorf("%+v", s)
	}
}

func TestFailuresAreToldOfOnceAMinute(t *testing.T) {
	now := time.Unix(1000, 0)
	var told []int
	f := newFailures(Config{Now: func() time.Time { return now }, Failed: func(_ string, lost int) {
		told = append(told, lost)
	}})
	for range 120 {
		f.add(io.EOF, 10)
		now = now.Add(time.Second)
	}
	now = now.Add(-time.Hour)
	f.add(io.EOF, 10)
	if len(told) != 3 || told[0] != 10 || told[1] != 600 || told[2] != 600 {
		t.Errorf("%v", told)
	}
}

// A collector that hangs holds up nobody. The spans that wait take no more than what the memory limit has for them.
func TestSpansTakeWhatIsCounted(t *testing.T) {
	began := make(chan struct{}, 100)
	hang := make(chan struct{})
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		began <- struct{}{}
		<-hang
	}))
	defer c.Close()
	defer close(hang)
	before := heapBytes()
	const queue, batch = 4096, 1024
	tracer := newTracer(t, Config{Endpoint: c.URL, Queue: queue, Batch: batch, Failed: func(string, int) {}})
	long := strings.Repeat("a", 2*maxText)
	add := func(n int) {
		for range n {
			r := requestWith("User-Agent", strings.Clone(long), "Traceparent", traceparent)
			q := tracer.Begin(r, time.Now())
			s := &Summary{Route: "image", Pattern: "/*", Target: strings.Clone(long), RequestID: long[:128],
				Status: 200, Dialect: "native", Outcome: "stale-if-error", Tier: "memory", ContentType: "image/jpeg", Ended: time.Now()}
			for range 6 {
				s.Phases = append(s.Phases, Phase{"lookup", time.Now(), time.Now().Add(time.Second)})
			}
			q.BeginFetch(requestWith(), strings.Clone(long))(200, nil)
			q.Finish(r, s)
		}
	}
	add(batch/8 + 1)
	<-began
	add(queue) // eight times as many spans as there is place for
	took := heapBytes() - before
	t.Logf("%d KiB, %d are counted", took>>10, Bytes(queue, batch)>>10)
	if most := Bytes(queue, batch); took > most || took < most/8 {
		t.Errorf("%d spans and a batch of %d take %d bytes, %d are counted", queue, batch, took, most)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	tracer.Close(now)
	if got := tracer.Figures(); got.Sent != 0 {
		t.Errorf("%+v", got)
	}
}

// heapBytes is what lives on the heap.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
