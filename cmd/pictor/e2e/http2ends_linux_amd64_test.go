package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// frameClient is a client of one connection, who gives streams only the room that a test says.
type frameClient struct {
	t      *testing.T
	conn   *tls.Conn
	frames *http2.Framer
	// got is the content so far, whole says that it has ended, and goneAway that the server takes no more streams.
	got             []byte
	whole, goneAway bool
}

// askFrames connects and asks for a path, with room for so many bytes of it.
func (s *server) askFrames(t *testing.T, path string, room uint32) *frameClient {
	t.Helper()
	settings := anyCertificate.Clone()
	settings.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &frameClient{t: t, conn: conn, frames: http2.NewFramer(conn, conn)}
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "images.example"},
		{":path", path}} {
		_ = enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // to a buffer
	}
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err = errors.Join(err,
		c.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: room}),
		c.frames.WriteWindowUpdate(0, 1<<30), // the room of the connection is not what is meant
		c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndStream: true,
			EndHeaders: true}),
	); err != nil {
		t.Fatal(err)
	}
	return c
}

// readUntil reads frames until there is what a test waits for.
func (c *frameClient) readUntil(what string, done func() bool) {
	c.t.Helper()
	for !done() {
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		frame, err := c.frames.ReadFrame()
		if err != nil {
			c.t.Fatalf("%s: %v, after %d bytes", what, err, len(c.got))
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = c.frames.WriteSettingsAck()
			}
		case *http2.DataFrame:
			c.got = append(c.got, frame.Data()...)
			c.whole = frame.StreamEnded()
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID < 1 {
				c.t.Errorf("%s: %v", what, frame)
			}
			c.goneAway = true
		case *http2.RSTStreamFrame:
			c.t.Fatalf("%s: %v, after %d bytes", what, frame, len(c.got))
		}
	}
}

// A server that is told to end says so on connections of HTTP/2, and sends what is under way whole to those who read
// it. Streams that nobody reads do not keep it.
func TestSIGTERMEndsStreams(t *testing.T) {
	long(t, "waits for timeouts")
	t.Parallel()
	const size, rest = 1 << 20, 64 << 10
	cert := newCertificate(t, t.TempDir(), "images.example", time.Now().Add(24*time.Hour))
	site := newSite(t)
	picture := picturetest.PNG(plain(64, 64))
	picture = append(picture, make([]byte, size-len(picture))...)
	path := "/insecure/raw:1/plain/" + site.put("/large.png", picture)
	s := serve(t, append(briefly, "--insecure", "--allow-networks", "127.0.0.0/8",
		"--tls-cert", cert.cert, "--tls-key", cert.key)...)
	waitFor(t, "a hit", func() bool { return s.get(path).status == http.StatusOK })
	reads, never := s.askFrames(t, path, size-rest), s.askFrames(t, path, 1<<10)
	reads.readUntil("all but the rest", func() bool { return len(reads.got) == size-rest })
	never.readUntil("the beginning", func() bool { return len(never.got) == 1<<10 })
	h := &hanging{server: s, t: t}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	reads.readUntil("GOAWAY", func() bool { return reads.goneAway })
	if err := reads.frames.WriteWindowUpdate(1, rest); err != nil {
		t.Fatal(err)
	}
	reads.readUntil("the rest", func() bool { return reads.whole })
	if !bytes.Equal(reads.got, picture) {
		t.Errorf("%d bytes that are not the picture", len(reads.got))
	}
	h.end(endsWithin)
	if code := s.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(s.logged(), "cut_off=1") {
		t.Errorf("exit code %d, want 1 and one request cut off", code)
	}
}

// expectOver asks over HTTP/2, and wants a status, from a connection with a certificate.
func (s *server) expectOver(when string, c *http.Client, reused bool, name, path string, status int) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var conn httptrace.GotConnInfo
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { conn = got }}
	resp, err := c.Do(req.WithContext(httptrace.WithClientTrace(s.t.Context(), trace)))
	if err != nil {
		s.t.Fatalf("%s: %v", when, err)
	}
	defer resp.Body.Close()
	got := resp.TLS.PeerCertificates[0].Subject.CommonName
	if resp.ProtoMajor != 2 || conn.Reused != reused || got != name || resp.StatusCode != status {
		s.t.Errorf("%s: %s %d, the connection reused: %v, certificate of %s", when, resp.Proto, resp.StatusCode,
			conn.Reused, got)
	}
}

// reloadBySignal waits until the log says how it has ended.
func (s *server) reloadBySignal(says string) {
	s.t.Helper()
	before := strings.Count(s.logged(), says)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	waitFor(s.t, says, func() bool { return strings.Count(s.logged(), says) > before })
}

// Connections and requests under way go on across a reload of the certificate by SIGHUP, with the certificate that they
// began with. A certificate that is wrong refuses all else that has changed with it.
func TestConnectionsOutliveCertificates(t *testing.T) {
	dir, soon := t.TempDir(), time.Now().Add(30*24*time.Hour)
	first, second := newCertificate(t, dir, "first.example", soon), newCertificate(t, dir, "second.example", soon)
	file := filepath.Join(dir, "pictor.yaml")
	write := func(cert, key certificate, preset string) {
		t.Helper()
		err := os.WriteFile(file, fmt.Appendf(nil, "insecure: true\nallow-networks: 127.0.0.0/8\n"+
			"presets: {%s: \"w:30\"}\ntls-cert: %s\ntls-key: %s\n", preset, cert.cert, key.key), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	write(first, first, "one")
	site := newSite(t)
	held, release := make(chan struct{}), make(chan struct{})
	site.hold = func(path string) {
		if strings.HasPrefix(path, "/v/held/") {
			close(held)
			<-release
		}
	}
	source := site.put("/a.jpg", photo(400, 300))
	s := serve(t, "--config", file)
	kept := http2Client(t, nil)
	expect := func(when string, c *http.Client, reused bool, name, preset string, status int) {
		t.Helper()
		s.expectOver(when, c, reused, name, "/insecure/pr:"+preset+"/plain/"+source, status)
	}
	expect("at first", kept, false, "first.example", "one", 200)
	underWay := make(chan error, 1)
	go func() {
		path := "/insecure/w:40/plain/" + strings.Replace(source, "/a.jpg", "/v/held/a.jpg", 1)
		a, err := s.over(kept, http.MethodGet, path, nil)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%v", a)
		}
		underWay <- err
	}()
	<-held
	write(second, second, "two")
	s.reloadBySignal(`msg="settings reloaded"`)
	expect("on the old connection", kept, true, "first.example", "two", 200)
	expect("on a new one", http2Client(t, nil), false, "second.example", "two", 200)
	write(first, second, "three") // which are no pair
	s.reloadBySignal(`msg="settings not reloaded: those in force stay"`)
	expect("with a wrong pair", http2Client(t, nil), false, "second.example", "two", 200)
	expect("the other settings", kept, true, "first.example", "three", 404)
	close(release)
	if err := <-underWay; err != nil {
		t.Error("the request under way: ", err)
	}
}
