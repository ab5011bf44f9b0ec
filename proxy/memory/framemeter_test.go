package memory

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// newMeter is the meter of a connection with nothing at its other end.
func newMeter(t testing.TB) *frameMeter {
	end, _ := net.Pipe()
	t.Cleanup(func() { end.Close() })
	return &NewConnections(80, func() string { return "" }).admitConn(end).meter
}

// frames are the bytes that a Framer makes of what write says.
func frames(write func(f *http2.Framer)) []byte {
	var b bytes.Buffer
	write(http2.NewFramer(&b, nil))
	return b.Bytes()
}

func headers(f *http2.Framer, stream uint32, end bool) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = f.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end,
	})
}

// Streams are counted from the header of the request to the end of the response, in whatever pieces the frames come.
func TestStreamsAreCounted(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 20} {
		m := newMeter(t)
		feed := func(b []byte, to func([]byte) error) {
			t.Helper()
			for len(b) > 0 {
				n := min(piece, len(b))
				if err := to(b[:n]); err != nil {
					t.Fatal(err)
				}
				b = b[n:]
			}
		}
		received := func(write func(f *http2.Framer)) { t.Helper(); feed(frames(write), m.received) }
		sent := func(write func(f *http2.Framer)) {
			feed(frames(write), func(b []byte) error { m.sent(b); return nil })
		}
		want := func(streams, uncounted int) {
			t.Helper()
			all := m.allUncounted.Load()
			if len(m.streams) != streams || m.uncounted != uncounted || all != int64(uncounted) {
				t.Errorf("pieces of %d: %d streams, %d are not counted, want %d, %d", piece, len(m.streams),
					m.uncounted, streams, uncounted)
			}
		}
		feed([]byte(preface), m.received)
		received(func(f *http2.Framer) {
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			for stream := uint32(1); stream < 12; stream += 2 {
				headers(f, stream, stream != 11)
			}
			_ = f.WriteData(11, false, []byte("a body with \x00\x00\x00\x01 in it"))
			headers(f, 11, true) // trailers
		})
		want(6, 5)
		m.addHandlers(4)
		want(6, 2)
		sent(func(f *http2.Framer) {
			_ = f.WriteSettingsAck()
			headers(f, 1, true)
			headers(f, 3, false)
			_ = f.WriteData(3, false, make([]byte, 100))
			_ = f.WriteData(3, true, nil)
			headers(f, 5, false)
			_ = f.WriteRSTStream(7, http2.ErrCodeInternal)
		})
		want(3, 0)
		received(func(f *http2.Framer) { _ = f.WriteRSTStream(9, http2.ErrCodeCancel) })
		m.addHandlers(-4)
		want(2, 1)
		m.close()
		want(2, 0)
	}
}

// A response that is not read is slow after a second, and one that is read is not.
func TestSlowStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t)
		request := frames(func(f *http2.Framer) { headers(f, 1, true); headers(f, 3, true); headers(f, 5, true) })
		if err := m.received(append([]byte(preface), request...)); err != nil {
			t.Fatal(err)
		}
		m.sent(frames(func(f *http2.Framer) { headers(f, 1, false); headers(f, 3, false) }))
		if n := m.slowStreams(time.Now()); n != 0 {
			t.Errorf("%d at once", n)
		}
		time.Sleep(minReadTime)
		for range 10 {
			m.sent(frames(func(f *http2.Framer) { _ = f.WriteData(3, false, make([]byte, 16<<10)) }))
		}
		if n := m.slowStreams(time.Now()); n != 1 {
			t.Errorf("%d are slow, want 1: one is read, and one has no response", n)
		}
	})
}

// Frames that carry nothing have a rate; those that come with responses add to it.
func TestFramesThatCarryNothingAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t)
		ping := frames(func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) })
		flood := func() (n int) {
			for ; n < 1<<20; n++ {
				if err := m.received(ping); errors.Is(err, errFlood) {
					return n
				}
			}
			return n
		}
		if err := m.received([]byte(preface)); err != nil {
			t.Fatal(err)
		}
		if n := flood(); n != burstOfFrames {
			t.Errorf("%d at once", n)
		}
		time.Sleep(time.Second)
		if n := flood(); n != framesPerSecond {
			t.Errorf("%d after a second", n)
		}
		m.sent(frames(func(f *http2.Framer) { headers(f, 1, false) }))
		m.streams = map[uint32]meteredStream{1: {}}
		m.sent(frames(func(f *http2.Framer) { _ = f.WriteData(1, false, []byte("a")) }))
		if n := flood(); n != framesPerData {
			t.Errorf("%d after a frame of a response", n)
		}
	})
}

// HTTP/1 is not metered.
func TestHTTP1IsNotMetered(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n", "PRI"} {
		m := newMeter(t)
		if err := m.received([]byte(text)); err != nil || m.isHTTP2.Load() || m.isHTTP1.Load() == (text == "PRI") {
			t.Errorf("%q: %v, %v, %v", text, err, m.isHTTP1.Load(), m.isHTTP2.Load())
		}
	}
}

func FuzzFrameMeter(f *testing.F) {
	f.Add([]byte(preface), []byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	f.Add(append([]byte(preface), frames(func(f *http2.Framer) { headers(f, 1, true); headers(f, 3, false) })...),
		frames(func(f *http2.Framer) { headers(f, 1, false); _ = f.WriteData(1, true, []byte("a")) }))
	f.Fuzz(func(t *testing.T, in, out []byte) {
		whole, pieces := newMeter(t), newMeter(t)
		err := whole.received(in)
		for i := range in {
			if e := pieces.received(in[i : i+1]); e != nil {
				break
			}
		}
		whole.sent(out)
		for i := range out {
			pieces.sent(out[i : i+1])
		}
		if err == nil && len(whole.streams) != len(pieces.streams) {
			t.Errorf("%d streams, and %d in pieces", len(whole.streams), len(pieces.streams))
		}
		if n := whole.allUncounted.Load(); n != int64(whole.uncounted) || n < 0 {
			t.Errorf("%d, %d", n, whole.uncounted)
		}
		whole.close()
		if n := whole.allUncounted.Load(); n != 0 {
			t.Errorf("%d streams are left of a connection that has ended", n)
		}
	})
}

// streamRig is a server of HTTP/2 with room for so many clients, with TLS where there is a config.
func streamRig(t *testing.T, limit int, config *tls.Config) (cs *Connections, address string) {
	cs = NewConnections(limit, func() string { return "id" })
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		TLSConfig: config, Protocols: &protocols, HTTP2: HTTP2Config(), MaxHeaderBytes: 16 << 10, WriteTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			release, ok := cs.AdmitStream(r)
			if !ok {
				cs.RefuseStream(w)
				return
			}
			defer release()
			_, _ = io.WriteString(w, "ok")
		}),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(cs.LimitListener(s, l))
	t.Cleanup(func() { s.Close() })
	return cs, l.Addr().String()
}

// Responses that net/http makes by itself, and that are not read, have a bound of their own; the connection with most
// of them is closed.
func TestStreamsWithoutAHandlerAreBounded(t *testing.T) {
	const limit = 64
	cs, address := streamRig(t, limit, nil)
	for range 8 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go io.Copy(io.Discard, conn)
		var block bytes.Buffer
		fields := hpack.NewEncoder(&block)
		f := http2.NewFramer(conn, nil)
		_, _ = io.WriteString(conn, preface)
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		for i := range MaxStreams {
			block.Reset()
			for _, field := range []string{":method GET", ":scheme http", ":authority x", ":path /"} {
				name, value, _ := strings.Cut(field, " ")
				_ = fields.WriteField(hpack.HeaderField{Name: name, Value: value})
			}
			for range 8 { // an entry of the table for a byte each
				_ = fields.WriteField(hpack.HeaderField{Name: "cookie", Value: strings.Repeat("a", 4000)})
			}
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(),
				EndHeaders: true, EndStream: true}) // fails where the connection was closed
		}
		if n := cs.streams.uncounted.Load(); n > MaxStreams+limit/8+MaxStreams {
			t.Errorf("%d streams", n)
		}
	}
	for end := time.Now().Add(slow); cs.streams.uncounted.Load() > MaxStreams+limit/8; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d streams stay", cs.streams.uncounted.Load())
		}
	}
	if cs.Count() == 8 || cs.Count() == 0 {
		t.Errorf("%d of 8 connections are open", cs.Count())
	}
}

// A connection of HTTP/2 takes as much as several of HTTP/1: it has their places, from the preface to its end.
func TestConnectionsOfHTTP2CountForSeveral(t *testing.T) {
	const limit = 10
	cs, address := streamRig(t, limit, nil)
	cs.idleGrace = 0
	counts := func(n int) {
		t.Helper()
		for end := time.Now().Add(slow); cs.Count() != n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d places are taken instead of %d", cs.Count(), n)
			}
		}
	}
	dial := func(says string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, _ = io.WriteString(c, says)
		return c
	}
	hello := preface + string(frames(func(f *http2.Framer) { _ = f.WriteSettings() }))
	dial("")
	counts(1)
	first := dial(hello)
	counts(1 + http2Places)
	dial(hello)
	counts(1 + 2*http2Places)
	dial(hello)
	counts(limit)
	// Places that a newcomer of HTTP/2 needs are those of the connection that has been silent for longest, and so on.
	dial(hello)
	counts(limit - 1)
	_ = first.SetDeadline(time.Now().Add(slow))
	if _, err := io.Copy(io.Discard, first); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection that was the first of HTTP/2 is open")
	}
	if cs.Refused() != 0 {
		t.Errorf("%d clients were refused", cs.Refused())
	}
}

// Where all are busy, a newcomer of HTTP/2 that has room for one of HTTP/1 alone is told to go away.
func TestAConnectionOfHTTP2WithoutRoom(t *testing.T) {
	m := newMeter(t)
	owner := m.owner.(*trackedConn)
	owner.conns.Resize(http2Places - 1)
	owner.conns.moveTo(owner, nil) // busy
	if err := m.received([]byte(preface)); !errors.Is(err, errNoRoom) || owner.conns.Refused() != 1 {
		t.Errorf("%v, %d are refused", err, owner.conns.Refused())
	}
	if n := owner.conns.Count(); n != 1 {
		t.Errorf("%d places are taken", n)
	}
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		tellNoRoom(server, errNoRoom)
		server.Close()
	}()
	if b, err := io.ReadAll(client); err != nil || string(b) != goAway {
		t.Errorf("%q, %v", b, err)
	}
}

// Its connection ends at once, as nothing else could take its place.
func TestAConnectionOfHTTP2WithoutRoomEnds(t *testing.T) {
	for name, config := range map[string]*tls.Config{"with TLS": serverConfig(t), "without": nil} {
		cs, address := streamRig(t, http2Places-1, config)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if config != nil {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		}
		_ = conn.SetDeadline(time.Now().Add(slow))
		began := time.Now()
		_, _ = io.WriteString(conn, preface+string(frames(func(f *http2.Framer) { _ = f.WriteSettings() })))
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it is open after %v", name, time.Since(began))
		}
		for end := time.Now().Add(slow); cs.Count() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if cs.Count() != 0 || cs.Refused() != 1 {
			t.Errorf("%s: %d places are taken, %d clients were refused", name, cs.Count(), cs.Refused())
		}
	}
}

// serverConfig is the TLS of a server of tests.
func serverConfig(t *testing.T) *tls.Config {
	t.Helper()
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	return &tls.Config{Certificates: other.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
}

// A client for which there is no room hears so in the protocol that it speaks, and one of TLS hears nothing.
func TestWhoHasNoRoomIsToldInItsProtocol(t *testing.T) {
	for name, tc := range map[string]struct {
		config     *tls.Config
		says, hear string
	}{
		"HTTP/1":              {nil, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 "},
		"another preface":     {nil, "PRI * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 "},
		"HTTP/2":              {nil, preface, goAway},
		"TLS":                 {&tls.Config{}, "\x16\x03\x01", ""},
		"HTTP/1 where TLS is": {&tls.Config{}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
	} {
		cs, address := streamRig(t, 0, tc.config)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(slow))
		_, _ = io.WriteString(conn, tc.says) // may be closed already
		got, _ := io.ReadAll(conn)           // or reset
		if !strings.HasPrefix(string(got), tc.hear) || tc.hear == "" && len(got) > 0 || cs.Refused() != 1 {
			t.Errorf("%s: %q, want %q", name, got, tc.hear)
		}
	}
	// What the frames say is what a client of HTTP/2 reads.
	f := http2.NewFramer(nil, strings.NewReader(goAway))
	if first, err := f.ReadFrame(); err != nil || first.Header().Type != http2.FrameSettings {
		t.Error(first, err)
	}
	if next, err := f.ReadFrame(); err != nil || next.(*http2.GoAwayFrame).ErrCode != http2.ErrCodeEnhanceYourCalm {
		t.Error(next, err)
	}
}
