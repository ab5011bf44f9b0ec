package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// collectorConfig has the OpenTelemetry Collector send on what it gets, in JSON.
const collectorConfig = `yaml:
receivers: {otlp: {protocols: {http: {endpoint: "{host}:{port}"}}}}
exporters: {otlp_http: {endpoint: "%s", encoding: json, compression: none}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}`

// otlpSpan is a span as OTLP has it in JSON.
type otlpSpan struct {
	TraceID, SpanID, ParentSpanID, Name string
	StartTimeUnixNano, EndTimeUnixNano  string
	Kind                                int
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue string }
	}
}

// attribute is the text of an attribute; "" for none.
func (s otlpSpan) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return ""
}

func (s otlpSpan) duration() time.Duration {
	begin, _ := strconv.ParseInt(s.StartTimeUnixNano, 10, 64)
	end, _ := strconv.ParseInt(s.EndTimeUnixNano, 10, 64)
	return time.Duration(end - begin)
}

// sink takes spans in JSON.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	spans []otlpSpan
	text  strings.Builder
}

func newSink(t *testing.T) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var export struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []otlpSpan } }
		}
		var raw json.RawMessage
		err := json.NewDecoder(r.Body).Decode(&raw)
		if err == nil {
			err = json.Unmarshal(raw, &export)
		}
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.text.Write(raw)
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				s.spans = append(s.spans, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s
}

// named are the spans of a name that have arrived.
func (s *sink) named(name string) (found []otlpSpan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.spans {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

// A real collector gets the trace of a miss, as a part of the client's and with what the settings say of it, at the
// latest when the server ends. Its phases are all of its time, and the origin is told which trace it is part of.
func TestTraceOfAMissInACollector(t *testing.T) {
	s := newSink(t)
	collector := enginetest.Run(t, "collector", "--config", fmt.Sprintf(collectorConfig, s.URL))
	asked := make(chan string, 1)
	photo := picturetest.PNG(picturetest.Chart(1200, 900))
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Traceparent")
		w.Write(photo)
	}))
	defer origin.Close()
	p := start(t, exec.Command("env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collector.Address(),
		"OTEL_SERVICE_NAME=images", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
		"OTEL_BSP_SCHEDULE_DELAY=600000", program), "--insecure", "--allow-networks", "127.0.0.0/8")
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	a := p.get("/x/w:300/plain/"+origin.URL+"/a.png@webp", "Traceparent", "00-"+trace+"-"+parent+"-01")
	if a.status != 200 {
		t.Fatal(a)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	waitFor(t, "the trace", func() bool { return len(s.named("GET /*")) > 0 && len(s.named("GET")) > 0 })
	miss := s.named("GET /*")[0]
	if miss.TraceID != trace || miss.ParentSpanID != parent {
		t.Errorf("%+v", miss)
	}
	var phases time.Duration
	for _, name := range []string{"verify", "lookup", "follow", "queue", "fetch", "transform", "send"} {
		for _, span := range s.named(name) {
			if span.ParentSpanID != miss.SpanID {
				t.Errorf("%+v", span)
			}
			phases += span.duration()
			t.Logf("%-9s %v", name, span.duration())
		}
	}
	t.Logf("all       %v", miss.duration())
	if all := miss.duration(); phases > all || phases < all*95/100 {
		t.Errorf("%v in phases, %v in all", phases, all)
	}
	if given := <-asked; given != "00-"+trace+"-"+s.named("GET")[0].SpanID+"-01" {
		t.Errorf("the origin has %q", given)
	}
	for _, text := range []string{`"images"`, "deployment.environment.name", "cache.outcome", "service.version"} {
		if !strings.Contains(s.text.String(), text) {
			t.Errorf("there is no %s in %s", text, s.text.String())
		}
	}
}

// A collector that takes connections and never answers costs no request its time and no server its end, and has a line
// in the log once a minute however often it fails.
func TestCollectorThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts; the kernel does
	site := newSite(t)
	source := site.put("/a.png", picturetest.PNG(picturetest.Chart(40, 30)))
	p := start(t, exec.Command("env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+l.Addr().String(),
		"OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=8", "OTEL_BSP_EXPORT_TIMEOUT=20", program),
		"--insecure", "--allow-networks", "127.0.0.0/8")
	for i := range 200 {
		if a := p.get(fmt.Sprintf("/x/w:%d/plain/%s", 10+i%2, source)); a.status != 200 {
			t.Fatal(a)
		}
	}
	waitFor(t, "a failure that is told of", func() bool {
		return strings.Contains(p.logged(), `msg="traces cannot be sent"`)
	})
	lost := func() bool {
		m := seriesIn(t, p.metrics())
		return m["pictor_trace_spans_ended_total"] > 200 && m["pictor_trace_spans_sent_total"] == 0
	}
	if !lost() {
		t.Error("the metrics do not tell of spans that are lost")
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	if n := strings.Count(p.logged(), "traces cannot be sent"); n > 2 {
		t.Errorf("%d lines in a few seconds: %s", n, p.logged())
	}
}

// What traces are is with the settings. What cannot be is refused before anything starts.
func TestSettingsOfTraces(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"
	for _, tc := range []struct {
		env  []string
		want string
	}{
		{nil, "off"},
		{[]string{endpoint, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1"},
			"to http://collector:4318/v1/traces, up to 8MiB waiting, traceidratio 0.1"},
	} {
		out, errs, code := pictor(t, tc.env, "config", "--insecure")
		if !strings.Contains(strings.Join(strings.Fields(out), " "), "traces "+tc.want+" OTEL_") || code != 0 {
			t.Errorf("%q: %d, %s%s", tc.env, code, out, errs)
		}
	}
	_, errs, code := pictor(t, []string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "serve", "--insecure")
	if code != 3 || !strings.Contains(errs, "set it to http/protobuf") {
		t.Errorf("%d, %s", code, errs)
	}
	_, errs, code = pictor(t, []string{endpoint, "OTEL_BSP_MAX_QUEUE_SIZE=1000000"}, "serve", "--insecure",
		"--memory-limit", "256MiB")
	if code != 3 || !strings.Contains(errs, "lower OTEL_BSP_MAX_QUEUE_SIZE") {
		t.Errorf("%d, %s", code, errs)
	}
}
