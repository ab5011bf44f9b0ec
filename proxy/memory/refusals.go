package memory

import (
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// refusalText is the response to a client that is refused. It is written before the request
// is read, so that it has an id of its own.
func refusalText(id string) string {
	body := refusalBody(id)
	text := "HTTP/1.1 503 Service Unavailable\r\n"
	for _, field := range refusalFields {
		text += field.name + ": " + field.value + "\r\n"
	}
	return text + "Content-Length: " + strconv.Itoa(len(body)) + "\r\nX-Request-Id: " + id +
		"\r\nConnection: close\r\n\r\n" + body
}

func refusalBody(id string) string {
	return "shed: The server has the maximum number of clients. Try again shortly. (request " + id + ")\n"
}

// refusalFields are the header of that response, but for what each has of its own.
var refusalFields = []struct{ name, value string }{
	{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}, {"Retry-After", "2"},
	{"X-Content-Type-Options", "nosniff"},
}

// refuseConn sends a 503 and closes the connection. The request is read, too, for a second at most: on close the kernel
// discards the response where something is unread. Clients that find no refusal slot get no response, nor do those of
// TLS: a handshake would take what the server has too little of.
func (cs *Connections) refuseConn(c net.Conn) {
	if cs.streams.hasTLS {
		c.Close()
		return
	}
	select {
	case cs.refusalSlots <- struct{}{}:
	default:
		c.Close()
		return
	}
	go func() {
		defer func() { <-cs.refusalSlots }()
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second)) // after an error, what follows fails, too
		response := goAway
		if !cs.streams.readsFrames || !beginsHTTP2(c) {
			response = refusalText(cs.refusalID())
		}
		if _, err := io.WriteString(c, response); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, c, 64<<10)
		}
	}()
}

// goAway are the frames of HTTP/2 with which a client is refused: empty SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM,
// which says that no stream was processed, so that all may be sent again (RFC 9113 §6.8).
const goAway = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
	"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x0b"

// tellNoRoom tells a client of HTTP/2 why its connection is about to end, where that is for want of room. It may be
// gone before it reads that.
func tellNoRoom(c net.Conn, why error) {
	if errors.Is(why, errNoRoom) {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, goAway)
	}
}

// beginsHTTP2 reads the beginning of what a client sends, and reports whether that is the preface of HTTP/2.
func beginsHTTP2(c net.Conn) bool {
	var b [len(preface)]byte
	for n := 0; n < len(b); {
		m, err := c.Read(b[n:])
		if n += m; err != nil || string(b[:n]) != preface[:n] {
			return false
		}
	}
	return true
}
