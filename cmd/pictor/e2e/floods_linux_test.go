package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// flood is a request that no honest client sends, and what statuses it may get.
type flood struct {
	request string
	want    []int
}

// floods are requests at an image that is in the cache, at path.
func floods(path, other string) map[string]flood {
	get := func(target string, lines ...string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + strings.Join(lines,
			"\r\n") + strings.Repeat("\r\n", 1+min(len(lines), 1))
	}
	plain := "/plain/" + other
	long := strings.Repeat("a", 1<<20)
	return map[string]flood{
		"a header of 1 MiB":     {get(path, "A: "+long), []int{431}},
		"a name of 1 MiB":       {get(path, long+": a"), []int{431}},
		"10,000 headers":        {get(path, strings.Repeat("A: bcd\r\n", 9999)+"A: b"), []int{431}},
		"2000 headers":          {get(path, strings.Repeat("A: b\r\n", 1999)+"A: b"), []int{200}},
		"a cookie of 14 KB":     {get(path, "Cookie: "+long[:14<<10]), []int{200}},
		"an Accept of 14 KB":    {get(path, "Accept: "+strings.Repeat("a/b;q=0.1,", 1400)), []int{200}},
		"7000 tags":             {get(path, "If-None-Match: "+strings.Repeat(`"",`, 4000)+`""`), []int{200, 304}},
		"1700 ranges":           {get(path, "Range: bytes="+strings.Repeat("0-1,", 1700)+"5-6"), []int{200, 206, 416}},
		"ranges that overlap":   {get(path, "Range: bytes="+strings.Repeat("0-,", 1700)+"0-"), []int{200, 206, 416}},
		"a range of 8 EiB":      {get(path, "Range: bytes=0-9223372036854775807"), []int{200, 206}},
		"a range beyond int64":  {get(path, "Range: bytes=0-99999999999999999999"), []int{200, 206, 416}},
		"a URL of 1 MiB":        {get("/" + long), []int{414, 431}},
		"a URL of 15 KB":        {get("/" + long[:15<<10]), []int{404, 403}},
		"4000 options":          {get("/insecure" + strings.Repeat("/w:1", 3500) + plain), []int{200}},
		"an option of 14 KB":    {get("/insecure/w:" + strings.Repeat("1", 14<<10) + plain), []int{404}},
		"7000 arguments":        {get("/insecure/rs" + strings.Repeat(":1", 7000) + plain), []int{404}},
		"2000 tags of a URL":    {get("/insecure/ct" + strings.Repeat(":a", 2000) + plain), []int{404}},
		"percent signs, nested": {get("/insecure/plain/http%3A//x/" + strings.Repeat("%25", 4500) + "41"), []int{404, 502}},
		"half percent signs":    {get("/insecure/plain/" + strings.Repeat("%", 14<<10)), []int{400, 404}},
		"14,000 slashes":        {get("/insecure" + strings.Repeat("/", 14<<10)), []int{404}},
		"14,000 colons":         {get("/insecure/" + strings.Repeat(":", 14<<10) + plain), []int{404}},
		"base64 of 14 KB":       {get("/insecure/w:1/" + strings.Repeat("YWFh", 3500)), []int{404}},
		"thumbor filters": {get("/thumbor/unsafe/10x10/filters:" + strings.Repeat("blur(1):",
			1700) + "blur(1)/" + other), []int{200, 404}},
		"thumbor parentheses": {get("/thumbor/unsafe/filters:" + strings.Repeat("a(", 5000) + strings.Repeat(")",
			3000) + "/" + other), []int{200, 403, 404}},
		"a query of 14 KB":      {get(path + "?" + long[:14<<10]), []int{200}},
		"a null":                {get(path + "\x00"), []int{400}},
		"a blank in the target": {get(path + " b"), []int{400}},
		"no target":             {"GET HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		"no method":             {" / HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		"two blanks":            {"GET  " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		"HTTP/1.0":              {"GET " + path + " HTTP/1.0\r\n\r\n", []int{200}},
		"HTTP/0.9":              {"GET " + path + "\r\n\r\n", []int{400}},
		"HTTP/9.9":              {"GET " + path + " HTTP/9.9\r\nHost: x\r\n\r\n", []int{400, 505}},
		"HTTP/2 without TLS":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{400, 404, 505}},
		"an upgrade to HTTP/2":  {get(path, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), []int{200}},
		"an upgrade to WebSocket": {get(path, "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
			[]int{200}},
		"TLS":                     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + long[:600] + "\r\n\r\n", []int{400}},
		"no Host":                 {"GET " + path + " HTTP/1.1\r\nConnection: close\r\n\r\n", []int{400}},
		"two Hosts":               {"GET " + path + " HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", []int{400}},
		"a Host of slashes":       {"GET " + path + " HTTP/1.1\r\nHost: x/y\r\n\r\n", []int{200, 400}},
		"an absolute target":      {get("http://evil.example" + path), []int{200}},
		"a folded header":         {get(path, "A: b\r\n c"), []int{200, 400}},
		"a header without colon":  {get(path, "abc"), []int{400}},
		"a blank before a colon":  {get(path, "A : b"), []int{400}},
		"lengths that differ":     {get(path, "Content-Length: 1", "Content-Length: 2"), []int{400}},
		"a length below 0":        {get(path, "Content-Length: -1"), []int{400}},
		"a length of 8 EiB":       {get(path, "Content-Length: 9223372036854775807"), []int{200}},
		"a length and chunks":     {get(path, "Content-Length: 5", "Transfer-Encoding: chunked", "", "0"), []int{200, 400}},
		"chunks twice":            {get(path, "Transfer-Encoding: chunked, chunked"), []int{400, 501}},
		"chunks of an identity":   {get(path, "Transfer-Encoding: identity"), []int{400, 501}},
		"a chunk of 16 EiB":       {get(path, "Transfer-Encoding: chunked", "", "ffffffffffffffff"), []int{200, 400}},
		"a body of 4 MiB":         {get(path, "Content-Length: 4194304", "", strings.Repeat(long, 4)), []int{200}},
		"a body that is expected": {get(path, "Expect: 100-continue", "Content-Length: 4194304"), []int{200}},
		"an odd expectation":      {get(path, "Expect: a miracle"), []int{417}},
		"CONNECT": {"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{400,
			404, 405}},
		"TRACE":                   {strings.Replace(get(path), "GET", "TRACE", 1), []int{405}},
		"a method of 15 KB":       {strings.Replace(get(path), "GET", strings.Repeat("A", 15<<10), 1), []int{405, 431}},
		"OPTIONS of all":          {"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{200}},
		"an X-Request-Id of 9 KB": {get(path, "X-Request-Id: "+long[:9<<10]), []int{200}},
		"HTTP's own words": {get(path, "Connection: keep-alive, close, te, a, b",
			"Keep-Alive: timeout=99999999999", "TE: trailers;q=x"), []int{200}},
	}
}

// Whatever a client sends, it gets a response that is one, and others go on: one of
// each request, then each by many at once, then pipelines, and connections that send
// a byte now and then.
func TestFloodsOfRequests(t *testing.T) {
	t.Parallel() // it waits for slow clients to be cut off
	const limit = 256 * mib
	g := newCgroup(t, limit)
	s := serveIn(t, g, "--thumbor-unsafe")
	source := newSite(t).put("/a.jpg", photo(60, 40))
	path := "/insecure/w:30/plain/" + source
	if a := s.get(path); a.status != http.StatusOK {
		t.Fatal(a)
	}
	watch := g.watch()
	address := strings.TrimPrefix(s.url, "http://")
	var wg sync.WaitGroup
	for name, f := range floods(path, source) {
		for range 4 {
			wg.Go(func() {
				a, err := exchange(address, f.request)
				// A server that reads no further may reset the connection, and with it what it said.
				cutOff := slices.Contains(f.want, 431) &&
					(errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
				if !cutOff && (err != nil || !slices.Contains(f.want, a.status)) {
					t.Errorf("%s: %v, %v, want %v", name, a, err, f.want)
				}
			})
		}
	}
	wg.Wait()
	slow := dribble(t, address, 200, "GET "+path+" HTTP/1.1\r\nHost: x\r\nA: ")
	for range 8 {
		wg.Go(func() { pipeline(t, address, path, 500) })
	}
	wg.Wait()
	slow()
	if peak := watch(); peak > limit/10*9 || g.oomKills() > 0 {
		t.Errorf("%d MiB of %d were in use, %d OOM kills", peak/mib, limit/mib, g.oomKills())
	}
	if a := s.get(path); a.status != http.StatusOK {
		t.Errorf("afterwards: %v", a)
	}
}

// pipeline sends n requests at once and reads as many images.
func pipeline(t *testing.T, address, path string, n int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Error(err)
	}
	go io.WriteString(conn, strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", n))
	r := bufio.NewReader(conn)
	for i := range n {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("response %d of %d: %v", i, n, err)
			return
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("response %d of %d: %s, %v", i, n, resp.Status, err)
			return
		}
	}
}

// dribble opens connections that send the beginning of a request, and then a byte
// now and then; wait returns when the server has closed them all.
func dribble(t *testing.T, address string, n int, beginning string) (wait func()) {
	var wg sync.WaitGroup
	for i := range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			end := time.Now().Add(patience)
			_, err := io.WriteString(conn, beginning)
			for ; err == nil; time.Sleep(200 * time.Millisecond) {
				if time.Now().After(end) {
					t.Error(fmt.Errorf("connection %d is still open", i))
					return
				}
				_, err = io.WriteString(conn, "a")
			}
		})
	}
	return wg.Wait
}
