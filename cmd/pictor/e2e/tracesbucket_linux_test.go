package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// The trace of a miss has the read of the bucket, on the server that finds nothing there and on the one that has its
// image from there. What is written afterwards is a trace of its own. None has a secret, or the source of a request
// that logs do not name.
func TestTraceOfTheBucket(t *testing.T) {
	t.Parallel() // it waits
	e, b, o, s := startRedis(t), newSharedBucket(t), newVersions(t), newSink(t)
	serving := func(name string, more ...string) *server {
		return start(t, exec.Command("env", "OTEL_EXPORTER_OTLP_ENDPOINT="+s.URL, "OTEL_BSP_SCHEDULE_DELAY=50",
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/json", program), append(b.flags(t, e, name), more...)...)
	}
	const template = "s3://records/v1/{object}"
	first, second, silent := serving("first"), serving("second"), serving("silent", "--log-sources", "off")
	want := func(server *server, trace, method, result string, isPart, isNamed bool) {
		t.Helper()
		if trace != "" {
			a := server.get(fmt.Sprintf("/_/f:png/plain/%s/0.png", o.URL), "Traceparent",
				"00-"+trace+"-b7ad6b7169203331-01")
			if a.status != 200 {
				t.Fatal(a)
			}
		}
		waitFor(t, "the span of "+method+" "+result, func() bool {
			for _, span := range s.named(method + " " + template) {
				url := span.attribute("url.full")
				named := strings.HasPrefix(url, "s3://records/v1/r/") && len(url) > 100
				if span.attribute("pictor.bucket.result") == result && span.Kind == 3 && isNamed == named &&
					isPart == strings.EqualFold(span.TraceID, trace) && (isPart || span.ParentSpanID == "") &&
					span.attribute("http.request.method") == method {
					return true
				}
			}
			return false
		})
	}
	const miss, hit, unnamed = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c",
		"2af7651916cd43dd8448eb211c80319c"
	want(first, miss, "GET", "none", true, true)
	first.awaitWritten(t, 1)
	want(first, "", "PUT", "ok", false, false)
	want(second, hit, "GET", "ok", true, true)
	want(silent, unnamed, "GET", "ok", true, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range []string{"AKID", "SECRET", "X-Amz", "Signature"} {
		if strings.Contains(s.text.String(), secret) {
			t.Errorf("the spans have %q", secret)
		}
	}
}
