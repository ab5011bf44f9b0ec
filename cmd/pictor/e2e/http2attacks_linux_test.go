package e2e

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rudeClient is a connection of HTTP/2 that sends what it likes, and drops what it is sent.
type rudeClient struct {
	*http2.Framer
	conn   net.Conn
	head   bytes.Buffer
	fields *hpack.Encoder
	next   uint32
	// closed is closed when the server has ended the connection.
	closed chan struct{}
}

// newRudeClient connects. window is how much of each response it takes without saying so again, in bytes.
func newRudeClient(s *server, window uint32) (*rudeClient, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return nil, err
	}
	c := &rudeClient{Framer: http2.NewFramer(conn, conn), conn: conn, next: 1, closed: make(chan struct{})}
	c.fields = hpack.NewEncoder(&c.head)
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		close(c.closed)
	}()
	if _, err = io.WriteString(conn, http2.ClientPreface); err == nil {
		err = c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	}
	return c, err
}

// ask sends the header of a request, and returns its stream. more are names and values of fields.
func (c *rudeClient) ask(method, path string, flags http2.HeadersFrameParam, more ...string) (id uint32, err error) {
	c.head.Reset()
	for i, f := 0, append([]string{":method", method, ":scheme", "http", ":authority", "x", ":path", path},
		more...); i < len(f); i += 2 {
		err = c.fields.WriteField(hpack.HeaderField{Name: f[i], Value: f[i+1]})
		if err != nil {
			return 0, err
		}
	}
	flags.StreamID, flags.BlockFragment = c.next, c.head.Bytes()
	c.next += 2
	return flags.StreamID, c.WriteHeaders(flags)
}

// whole are the flags of a request without a body.
var whole = http2.HeadersFrameParam{EndHeaders: true, EndStream: true}

// http2Attack is something that no honest client does.
type http2Attack struct {
	clients int
	window  uint32
	// step is done again and again, up to steps times.
	steps int
	step  func(c *rudeClient) error
	// isEnded: the server has to end the connection before steps. Else its clients stay connected for a while.
	isEnded bool
}

// http2Floods are of frames that carry nothing, at a server with an image at path.
func http2Floods(path string) map[string]http2Attack {
	flood := func(step func(c *rudeClient) error) http2Attack {
		return http2Attack{clients: 2, window: 1 << 20, steps: 1 << 20, step: step, isEnded: true}
	}
	open := func(c *rudeClient) (err error) { // a request whose body does not end
		if c.next == 1 {
			_, err = c.ask("POST", path, http2.HeadersFrameParam{EndHeaders: true})
		}
		return err
	}
	goOn := func(fields []byte) func(c *rudeClient) error { // with a header that does not end
		return func(c *rudeClient) error {
			if c.next > 1 {
				return c.WriteContinuation(1, false, fields)
			}
			_, err := c.ask("GET", path, http2.HeadersFrameParam{})
			return err
		}
	}
	return map[string]http2Attack{
		"CONTINUATION":             flood(goOn(nil)),
		"CONTINUATION with fields": flood(goOn(bytes.Repeat([]byte{0, 1, 'a', 1, 'b'}, 1000))),
		"resets": flood(func(c *rudeClient) error {
			stream, err := c.ask("GET", path, whole)
			if err == nil {
				err = c.WriteRSTStream(stream, http2.ErrCodeCancel)
			}
			return err
		}),
		"settings":   flood(func(c *rudeClient) error { return c.WriteSettings() }),
		"pings":      flood(func(c *rudeClient) error { return c.WritePing(false, [8]byte{}) }),
		"priorities": flood(func(c *rudeClient) error { return c.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }),
		"windows":    flood(func(c *rudeClient) error { return c.WriteWindowUpdate(0, 1) }),
		"unknown":    flood(func(c *rudeClient) error { return c.WriteRawFrame(0xbe, 0, 0, nil) }),
		"empty data": flood(func(c *rudeClient) error {
			if err := open(c); err != nil {
				return err
			}
			return c.WriteData(1, false, nil)
		}),
	}
}

// http2Holds hold memory: of requests, of responses that they do not read, and of bodies. large is an image that is
// larger than what a connection takes unasked.
func http2Holds(large string) map[string]http2Attack {
	cookies := func() (fields []string) { // which name an entry of 4000 bytes in the table, for a byte each
		for range 4 {
			fields = append(fields, "cookie", strings.Repeat("a", 4000))
		}
		return fields
	}()
	get := func(path string, fields ...string) func(c *rudeClient) error {
		return func(c *rudeClient) error {
			_, err := c.ask("GET", path, whole, fields...)
			return err
		}
	}
	return map[string]http2Attack{
		// net/http responds to these by itself.
		"headers too large": {clients: 80, steps: 100, step: get(large, append(cookies, cookies...)...)},
		"large headers":     {clients: 80, steps: 100, step: get(large, cookies...)},
		"idle connections":  {clients: 600, window: 1 << 20, steps: 1, step: get(large)},
		"errors unread":     {clients: 24, steps: 100, step: get("/none")},
		"a byte at a time":  {clients: 8, window: 1, steps: 100, step: get(large)},
		"slow uploads": {clients: 8, window: 1 << 20, steps: 100, step: func(c *rudeClient) error {
			stream, err := c.ask("POST", "/transform/insecure/w:20/upload.png",
				http2.HeadersFrameParam{EndHeaders: true})
			if err == nil {
				err = c.WriteData(stream, false, []byte("\x89PNG"))
			}
			return err
		}},
	}
}

// run runs an attack until stop is closed, and reports how many of its connections the server has ended. begun is
// closed when all steps are done, or can be done no more.
func (a http2Attack) run(s *server, begun, stop chan struct{}) (ended int, err error) {
	var mu sync.Mutex
	var all, beginning sync.WaitGroup
	beginning.Add(a.clients)
	go func() { beginning.Wait(); close(begun) }()
	for i := range a.clients {
		c, err := newRudeClient(s, a.window)
		if err != nil {
			beginning.Add(i - a.clients)
			return ended, err
		}
		all.Go(func() {
			defer c.conn.Close()
			var err error
			for i := 0; i < a.steps && err == nil; i++ {
				_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
				err = a.step(c)
			}
			beginning.Done()
			if err == nil && a.isEnded {
				return
			}
			select {
			case <-c.closed:
				mu.Lock()
				ended++
				mu.Unlock()
			case <-stop:
			}
		})
	}
	all.Wait()
	return ended, nil
}

// Whatever clients of HTTP/2 send or leave unread, the memory limit holds, others get their images, and floods are
// ended.
func TestAttacksByHTTP2(t *testing.T) {
	const limit = 256 * mib
	site := newSite(t)
	g := newCgroup(t, limit)
	s := serveIn(t, g, append(promptly, "--h2c", "--allow-uploads")...)
	path := "/insecure/w:30/plain/" + site.put("/a.jpg", photo(60, 40))
	large := "/insecure/w:600/plain/" + site.put("/b.jpg", photo(800, 600)) + "@png"
	for _, p := range []string{path, large} {
		if a := s.get(p); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	watch := g.watch()
	attacks := http2Floods(path)
	maps.Copy(attacks, http2Holds(large))
	for name, attack := range attacks {
		begun, stop, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			ended, err := attack.run(s, begun, stop)
			if err != nil || attack.isEnded && ended < attack.clients {
				t.Errorf("%s: %d of %d connections were ended, %v", name, ended, attack.clients, err)
			}
		}()
		<-begun
		if attack.isEnded {
			<-done
		}
		asked := 0
		for range 3 { // what stays unread is noticed after a second
			waitFor(t, "an image during "+name, func() bool {
				asked++
				client.CloseIdleConnections() // as a client that comes now
				a, err := s.try("GET", path)
				return err == nil && a.status == http.StatusOK
			})
		}
		close(stop)
		<-done
		t.Logf("%s: asked %d times, %d MiB are in use", name, asked, g.used()/mib)
	}
	if peak := watch(); peak > limit/10*9 || g.oomKills() > 0 {
		t.Errorf("%d MiB of %d were in use, %d OOM kills", peak/mib, limit/mib, g.oomKills())
	} else {
		t.Logf("%d MiB of %d were in use", peak/mib, limit/mib)
	}
}
