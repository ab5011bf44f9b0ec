package proxy

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange sends a request byte for byte and gives the whole response as it came.
func (r *rig) exchange(request string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(slow)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatalf("%q: %v", request, err)
	}
	return string(b)
}

// ofResponses are the headers that a response may have.
var ofResponses = []string{"Accept-Ranges", "Access-Control-Allow-Origin", "Age", "Allow", "Cache-Control",
	"Cache-Status", "Cdn-Cache-Control",
	"Connection", "Content-Disposition", "Content-Length", "Content-Range", "Content-Security-Policy", "Content-Type",
	"Cross-Origin-Resource-Policy",
	"Date", "Etag", "Last-Modified", "Retry-After", "Timing-Allow-Origin", "Vary", "X-Content-Type-Options",
	"X-Request-Id"}

// whatEndsALine are texts that end a header somewhere, or begin one.
var whatEndsALine = []string{"\r\nX-Injected: 1", "\nX-Injected: 1", "\rX-Injected: 1", "\r\n\r\n<script>",
	"%0d%0aX-Injected:%201", "%0aX-Injected: 1",
	"%250d%250aX-Injected:1", "%E5%98%8A%E5%98%8DX-Injected:1", "嘊嘍X-Injected: 1", "\u2028X-Injected: 1",
	"\u0085X-Injected: 1", "\x00X-Injected: 1",
	"\vX-Injected: 1", "\"; filename=\"evil.html", "\\\"; X-Injected", "\";\r\nX-Injected: 1; \"",
	"=?utf-8?q?=0d=0aX-Injected?="}

// places are the parts of a request that responses repeat, or might.
func places(r *rig, text string) map[string]string {
	encode := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
		return b.String()
	}
	sign := func(path string) string { return "/" + ring.Sign(path) + path }
	get := func(target, header string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + "\r\n"
	}
	encoded := base64.RawURLEncoding.EncodeToString([]byte(r.site.URL + "/" + text + ".png"))
	out := map[string]string{
		"source":          get(sign("/w:10/plain/"+r.site.URL+"/"+encode(text)+".png"), ""),
		"query of source": get(sign("/w:10/plain/"+r.site.URL+"/a%3F"+encode(text)), ""),
		"base64 source":   get(sign("/w:10/"+encoded), ""),
		"file name":       get(sign("/w:10/fn:"+encode(text)+"/plain/"+r.site.URL+"/a.png"), ""),
		"base64 file name": get(sign("/w:10/fn:"+base64.RawURLEncoding.EncodeToString([]byte(text))+":1/att:1/plain/"+
			r.site.URL+"/a.png"), ""),
		"cache buster":      get(sign("/w:10/cb:"+encode(text)+"/plain/"+r.site.URL+"/a.png"), ""),
		"cache tag":         get(sign("/w:10/ct:"+encode(text)+"/plain/"+r.site.URL+"/a.png"), ""),
		"option":            get(sign("/"+encode(text)+":1/plain/"+r.site.URL+"/a.png"), ""),
		"argument":          get(sign("/w:"+encode(text)+"/plain/"+r.site.URL+"/a.png"), ""),
		"extension":         get(sign("/w:10/plain/"+r.site.URL+"/a.png@"+encode(text)), ""),
		"unsigned path":     get("/"+encode(text)+"/"+encode(text), ""),
		"query of the path": get(sign("/w:10/plain/"+r.site.URL+"/a.png")+"?"+encode(text), ""),
		"scheme of source":  get(sign("/w:10/plain/"+encode(text)+"://x/a"), ""),
	}
	if oneLine := strings.NewReplacer("\r", "", "\n", "", "\x00",
		"").Replace(text); oneLine == text { // else it is one more header
		for _, name := range []string{"X-Request-Id", "Traceparent", "Accept", "If-None-Match", "If-Modified-Since",
			"Range", "If-Range", "Origin",
			"Referer", "User-Agent", "Forwarded", "X-Forwarded-Host", "X-Forwarded-For", "Cookie", "Accept-Encoding",
			"X-Original-Url"} {
			out["header "+name] = get(sign("/w:10/plain/"+r.site.URL+"/a.png"), name+": "+text+"\r\n")
		}
	}
	return out
}

// Nothing that a request says becomes a header of the response, or ends one.
func TestRequestsPutNoHeaderIntoAResponse(t *testing.T) {
	r := newRig(t, nil)
	for _, text := range whatEndsALine {
		for place, request := range places(r, text) {
			wellFormed(t, fmt.Sprintf("%q in the %s", text, place), r.exchange(request))
		}
	}
}

// Of what an origin says nothing becomes a header of the response but what caches
// need, in the server's own words.
func TestOriginsPutNoHeaderIntoAResponse(t *testing.T) {
	names := []string{"Set-Cookie", "Location", "Refresh", "Link", "X-Injected", "Access-Control-Allow-Credentials",
		"Clear-Site-Data",
		"Strict-Transport-Security", "Content-Disposition", "Content-Security-Policy", "Content-Type", "Cache-Tag",
		"Surrogate-Key", "Surrogate-Control",
		"Etag", "Last-Modified", "Expires", "Age", "Cache-Control", "Vary", "Warning", "Via", "Server", "X-Request-Id",
		"Content-Language",
		"Content-Location", "Service-Worker-Allowed", "Sourcemap", "X-Sendfile", "X-Accel-Redirect", "Alt-Svc", "Nel",
		"Report-To", "Upgrade"}
	r := newRig(t, nil)
	r.apart = true
	n := 0
	for _, text := range append([]string{"evil", "text/html", `attachment; filename="x.html"`, "default-src *", "*"},
		whatEndsALine...) {
		if strings.ContainsAny(text, "\r\n\x00\v") { // net/http lets no origin say that
			continue
		}
		for _, name := range names {
			r.header = http.Header{name: {text}}
			n++
			path := fmt.Sprintf("/w:10/plain/%s/%d.png", r.site.URL, n)
			response := r.exchange("GET /" + ring.Sign(path) + path +
				" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			head := wellFormed(t, fmt.Sprintf("%s: %q of the origin", name, text), response)
			if strings.Contains(head, text) && text != "*" {
				t.Errorf("%s: %q of the origin is in %q", name, text, head)
			}
		}
	}
	if asked := r.asked.Load(); asked < int64(n) {
		t.Errorf("the origin was asked %d times for %d sources", asked, n)
	}
}

// wellFormed reads a response line by line, as a suspicious client does, and gives
// its head.
func wellFormed(t *testing.T, what, response string) (head string) {
	t.Helper()
	head, body, ok := strings.Cut(response, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if !ok || !strings.HasPrefix(lines[0], "HTTP/1.1 ") || strings.Contains(head, "\n\n") {
		t.Fatalf("%s: %q", what, response)
	}
	early := lines[0] == "HTTP/1.1 400 Bad Request" ||
		strings.HasPrefix(lines[0], "HTTP/1.1 431 ") // of net/http itself
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if !slices.Contains(ofResponses, name) || strings.ContainsAny(value, "\r\n\x00") || strings.ContainsFunc(value,
			func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			t.Errorf("%s: header %q", what, line)
		}
		if name == "Content-Disposition" && strings.Count(value, `"`) > 2 {
			t.Errorf("%s: %q", what, line)
		}
	}
	if parsed, err := http.ReadResponse(bufio.NewReader(strings.NewReader(response)), nil); err != nil {
		t.Errorf("%s: %v", what, err)
	} else if parsed.Header.Get("X-Content-Type-Options") != "nosniff" && !early {
		t.Errorf("%s: sniffed: %q", what, head)
	} else if strings.HasPrefix(parsed.Header.Get("Content-Type"), "text/plain") && strings.Contains(body, "\r") {
		t.Errorf("%s: %q", what, body)
	}
	return head
}
