package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Streams that nobody reads, of results that no cache takes, keep nobody from other images, and the limit holds.
func TestUnreadStreamsDoNotBlockOthers(t *testing.T) {
	const streams = 40
	site := newSite(t)
	site.put("/large.png", append(picturetest.PNG(plain(64, 64)), make([]byte, 12*mib)...))
	site.put("/a.jpg", photo(800, 600))
	s := serveIn(t, newCgroup(t, 256*mib), append(promptly, "--cache-disk", "off", "--h2c")...)
	hit := "/insecure/w:160/plain/" + site.URL + "/a.jpg"
	s.get(hit)
	c := http2Client(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for i := range streams {
		url := fmt.Sprintf("%s/insecure/raw:1/plain/%s/v/%d/large.png", s.url, site.URL, i)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if resp, err := c.Do(req); err == nil {
				<-ctx.Done() // and reads nothing
				resp.Body.Close()
			}
		}()
	}
	for i := range 6 {
		if a := s.get(hit); a.status != http.StatusOK {
			t.Errorf("a hit: %v", a)
		}
		path := fmt.Sprintf("/insecure/w:%d/plain/%s/v/%d/a.jpg", 170+i, site.URL, i)
		if a, err := s.over(c, "GET", path, nil); err != nil || a.status != http.StatusOK {
			t.Errorf("a miss beside the streams: %v, %v", a, err)
		}
	}
}

// A client that asks for answers and does not read them is ended: it does not fill memory with what waits for it.
func TestAFloodOfPingsIsNotKept(t *testing.T) {
	s := serve(t, "--insecure", "--h2c")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	frames := http2.NewFramer(conn, nil)
	err = frames.WriteSettings()
	sent := 0
	for ; err == nil && sent < 1<<20; sent++ {
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		err = frames.WritePing(false, [8]byte{})
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d pings were sent: %v, want the server to end the connection", sent, err)
	}
	if a := s.get("/health/ready"); a.status != http.StatusOK {
		t.Error(a)
	}
}
