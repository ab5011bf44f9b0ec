package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	aUUID        = "7f1d3c5a-95b2-4f0e-8a53-0f9f1d7f3c11"
	aTraceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	aTraceparent = "00-" + aTraceID + "-00f067aa0ba902b7-01"
)

// fresh stands for an id that the server makes.
const fresh = ""

func TestRequestIDsAreTakenOverWhereTheyAreSound(t *testing.T) {
	long := strings.Repeat("a", maxRequestID)
	for name, tc := range map[string]struct {
		header http.Header
		want   string
	}{
		"none":                        {nil, fresh},
		"a UUID":                      {http.Header{"X-Request-Id": {aUUID}}, aUUID},
		"base64":                      {http.Header{"X-Request-Id": {"0+FdjaAAAAC/u_x=="}}, "0+FdjaAAAAC/u_x=="},
		"dotnet's":                    {http.Header{"X-Request-Id": {"|7fd8.1d2~3:4@5."}}, "|7fd8.1d2~3:4@5."},
		"the longest":                 {http.Header{"X-Request-Id": {long}}, long},
		"one byte too long":           {http.Header{"X-Request-Id": {long + "a"}}, fresh},
		"empty":                       {http.Header{"X-Request-Id": {""}}, fresh},
		"two":                         {http.Header{"X-Request-Id": {"a", "b"}}, fresh},
		"the same one twice":          {http.Header{"X-Request-Id": {"a", "a"}}, fresh},
		"a list":                      {http.Header{"X-Request-Id": {"a,b"}}, fresh},
		"a blank":                     {http.Header{"X-Request-Id": {"a b"}}, fresh},
		"a line break":                {http.Header{"X-Request-Id": {"a\r\nlevel=ERROR"}}, fresh},
		"a tab":                       {http.Header{"X-Request-Id": {"a\tb"}}, fresh},
		"a terminal's escape":         {http.Header{"X-Request-Id": {"a\x1b[31m"}}, fresh},
		"a double quote":              {http.Header{"X-Request-Id": {`a"`}}, fresh},
		"a single quote":              {http.Header{"X-Request-Id": {"a'"}}, fresh},
		"a backslash":                 {http.Header{"X-Request-Id": {`a\n`}}, fresh},
		"markup":                      {http.Header{"X-Request-Id": {"<b>"}}, fresh},
		"a template":                  {http.Header{"X-Request-Id": {"${jndi:ldap://x}"}}, fresh},
		"percent-encoded":             {http.Header{"X-Request-Id": {"a%0ab"}}, fresh},
		"not ASCII":                   {http.Header{"X-Request-Id": {"ä"}}, fresh},
		"a trace":                     {http.Header{"Traceparent": {aTraceparent}}, aTraceID},
		"a trace behind an id":        {http.Header{"X-Request-Id": {"a"}, "Traceparent": {aTraceparent}}, "a"},
		"a trace behind a bad id":     {http.Header{"X-Request-Id": {"a b"}, "Traceparent": {aTraceparent}}, aTraceID},
		"a trace behind an empty id":  {http.Header{"X-Request-Id": {""}, "Traceparent": {aTraceparent}}, aTraceID},
		"two traces":                  {http.Header{"Traceparent": {aTraceparent, aTraceparent}}, fresh},
		"a trace that is not one":     {http.Header{"Traceparent": {"00-0-0-0"}}, fresh},
		"the trace's state by itself": {http.Header{"Tracestate": {"a=" + aTraceID}}, fresh},
	} {
		w := httptest.NewRecorder()
		setRequestID(w, &http.Request{Header: tc.header})
		got := w.Header()["X-Request-Id"]
		if len(got) != 1 || requestIDOf(w) != got[0] {
			t.Fatalf("%s: %q", name, got)
		}
		switch {
		case tc.want != fresh && got[0] != tc.want:
			t.Errorf("%s: %q, want %q", name, got[0], tc.want)
		case tc.want == fresh && (len(got[0]) != 12 || !isRequestID(got[0])):
			t.Errorf("%s: %q is not a new one", name, got[0])
		}
	}
}

// The rules of W3C Trace Context for the header's value.
func TestTraceIDs(t *testing.T) {
	const id, parent = aTraceID, "00f067aa0ba902b7"
	zeros := strings.Repeat("0", 32)
	for value, ok := range map[string]bool{
		"00-" + id + "-" + parent + "-01":                  true,
		"00-" + id + "-" + parent + "-00":                  true,
		"00-" + id + "-" + parent + "-ff":                  true,
		"00-" + id + "-" + parent + "-01-":                 false, // version 00 has four fields
		"00-" + id + "-" + parent + "-01-what":             false,
		"00-" + id + "-" + parent + "-0":                   false,
		"00-" + id + "-" + parent:                          false,
		"00-" + id + "-" + parent + "-0x":                  false,
		"00-" + id + "-" + parent + "-1 ":                  false,
		"00-" + strings.ToUpper(id) + "-" + parent + "-01": false,
		"00-" + id + "-" + strings.ToUpper(parent) + "-01": false,
		"00-" + zeros + "-" + parent + "-01":               false,
		"00-" + id + "-" + zeros[:16] + "-01":              false,
		"00-" + id[1:] + "-" + parent + "-01":              false,
		"00-" + id + "0-" + parent + "-01":                 false,
		"00-g" + id[1:] + "-" + parent + "-01":             false,
		"00_" + id + "_" + parent + "_01":                  false,
		"0x-" + id + "-" + parent + "-01":                  false,
		"ff-" + id + "-" + parent + "-01":                  false,
		"FF-" + id + "-" + parent + "-01":                  false,
		"01-" + id + "-" + parent + "-01":                  true,
		"cc-" + id + "-" + parent + "-01-what-follows":     true,
		"cc-" + id + "-" + parent + "-01-":                 true,
		"cc-" + id + "-" + parent + "-01.what":             false,
		"cc-" + id + "-" + parent + "-010":                 false,
		" 00-" + id + "-" + parent + "-01":                 false,
		"":                                                 false,
		"-":                                                false,
		strings.Repeat("-", 55):                            false,
		strings.Repeat("0", 55):                            false,
	} {
		if got, is := traceID(value); is != ok || ok && got != id || !ok && got != "" {
			t.Errorf("%q: %q, %v", value, got, is)
		}
	}
}

func FuzzRequestID(f *testing.F) {
	f.Add("", "")
	f.Add("a-b", aTraceparent)
	f.Add("a\r\nb", "cc"+aTraceparent[2:]+"-x")
	f.Add(strings.Repeat("a", 200), "ff"+aTraceparent[2:])
	f.Fuzz(func(t *testing.T, id, parent string) {
		ids := requestID(http.Header{"X-Request-Id": {id}, "Traceparent": {parent}})
		if len(ids) != 1 || ids[0] == "" || len(ids[0]) > maxRequestID {
			t.Fatalf("%q", ids)
		}
		got := ids[0]
		bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'`\\<>,;$(){}%", r) }
		if strings.ContainsFunc(got, bad) {
			t.Fatalf("%q", got)
		}
		trace, ok := traceID(parent)
		if ok && (len(trace) != 32 || !strings.HasPrefix(parent[3:], trace) || isZero(trace)) {
			t.Fatalf("%q of %q", trace, parent)
		}
	})
}

// Every response names its request, whatever comes of it.
func TestEveryResponseHasARequestID(t *testing.T) {
	r := newRig(t, nil)
	admin := httptest.NewServer(r.server.Admin(""))
	defer admin.Close()
	image := r.path("w:100")
	etag := r.first(image).Header.Get("ETag")
	for _, tc := range []struct {
		method, url string
		header      []string
		status      int
	}{
		{"GET", r.URL + r.path("w:101"), nil, 200},
		{"GET", r.URL + image, nil, 200},
		{"HEAD", r.URL + image, nil, 200},
		{"GET", r.URL + image, []string{"Range", "bytes=0-3"}, 206},
		{"GET", r.URL + image, []string{"If-None-Match", etag}, 304},
		{"GET", r.URL + image, []string{"If-Match", `"x"`}, 412},
		{"GET", r.URL + image, []string{"Range", "bytes=999999-"}, 416},
		{"GET", r.URL + strings.Replace(image, "w:100", "w:102", 1), nil, 403},
		{"GET", r.URL + "/nothing", nil, 404},
		{"POST", r.URL + image, nil, 405},
		{"OPTIONS", r.URL + image, nil, 204},
		{"GET", r.URL + "/", nil, 200},
		{"GET", r.URL + "/robots.txt", nil, 200},
		{"GET", r.URL + "/health", nil, 200},
		{"GET", r.URL + "/health/ready", nil, 200},
		{"GET", admin.URL + "/", nil, 200},
		{"GET", admin.URL + "/metrics", nil, 200},
		{"GET", admin.URL + "/debug/memory", nil, 200},
		{"GET", admin.URL + "/debug/memory?format=x", nil, 400},
		{"GET", admin.URL + "/nothing", nil, 404},
		{"GET", admin.URL + "/purge", nil, 405},
		{"POST", admin.URL + "/purge", nil, 415},
		{"POST", admin.URL + "/warm", nil, 415},
	} {
		for _, given := range []string{"", "given-1"} {
			req, err := http.NewRequest(tc.method, tc.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+1 < len(tc.header); i += 2 {
				req.Header.Set(tc.header[i], tc.header[i+1])
			}
			if given != "" {
				req.Header.Set("X-Request-Id", given)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			ids := resp.Header.Values("X-Request-Id")
			right := len(ids) == 1 && (ids[0] == given || given == "" && len(ids[0]) == 12)
			if resp.StatusCode != tc.status || !right {
				t.Errorf("%s %s with %q: %d %q", tc.method, tc.url, given, resp.StatusCode, ids)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// Clients of one entry each get their own id, be it cached, joined, or an error
// that is remembered.
func TestARequestIDIsNotCached(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{r.path("w:100"), r.pathOf("w:100", "/missing.png")} {
		if strings.Contains(path, "missing") {
			r.answers(func(w http.ResponseWriter) { w.WriteHeader(404) })
		}
		for _, id := range []string{"first", "second", "third"} {
			resp, body := r.must(path, "X-Request-Id", id)
			named := resp.StatusCode == 200 || strings.HasSuffix(body, "(request "+id+")\n")
			if resp.Header.Get("X-Request-Id") != id || !named {
				t.Errorf("%s: %v %q", id, resp.Header, body)
			}
		}
		if resp := r.first(path); len(resp.Header.Get("X-Request-Id")) != 12 {
			t.Errorf("of a request without one: %v", resp.Header)
		}
	}
}

func TestHTTP10HasRequestIDs(t *testing.T) {
	r := newRig(t, nil)
	c, err := net.Dial("tcp", strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /health HTTP/1.0\r\nx-request-id: old-client\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.Header.Get("X-Request-Id") != "old-client" {
		t.Errorf("%v, %v", resp, err)
	}
}

// It is on the path of every hit.
func TestARequestIDCostsNextToNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		header http.Header
		most   float64
	}{
		"given":   {http.Header{"X-Request-Id": {aUUID}}, 0},
		"traced":  {http.Header{"Traceparent": {aTraceparent}}, 1},
		"made":    {nil, 2},
		"useless": {http.Header{"X-Request-Id": {"a b"}, "Traceparent": {"x"}}, 2},
	} {
		if n := testing.AllocsPerRun(100, func() { requestID(tc.header) }); n > tc.most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkRequestID(b *testing.B) {
	for name, header := range map[string]http.Header{
		"given": {"X-Request-Id": {aUUID}}, "traced": {"Traceparent": {aTraceparent}}, "made": nil,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				requestID(header)
			}
		})
	}
}
