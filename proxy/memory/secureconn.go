package memory

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
)

// secureListener is a listener of connections with TLS below them.
type secureListener struct {
	boundListener
	config *tls.Config
	log    *log.Logger
}

// secure has a server speak TLS by its TLSConfig, above bounded connections. To net/http they are such without TLS:
// so what it reads and writes are frames of HTTP/2, for the frameMeter.
func secure(h *http.Server, bounded boundListener) net.Listener {
	l := &secureListener{bounded, h.TLSConfig, h.ErrorLog}
	bounded.conns.streams.hasTLS = true
	h.TLSConfig = nil
	if h.Protocols == nil {
		h.Protocols = new(http.Protocols)
		h.Protocols.SetHTTP1(true)
	}
	h.Protocols.SetUnencryptedHTTP2(true)
	h.Handler = tlsStates{h.Handler}
	return l
}

// Accept implements net.Listener.
func (l *secureListener) Accept() (net.Conn, error) {
	c, err := l.boundListener.Accept()
	if err != nil {
		return nil, err
	}
	over := tls.Server(c, l.config)
	return &secureConn{Conn: over, tls: over, tracked: c.(*trackedConn), log: l.log}, nil
}

// tlsStates sets the TLS of requests.
type tlsStates struct{ http.Handler }

func (t tlsStates) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(trackedConnKey{}).(*secureConn); ok {
		r.TLS = c.state
	}
	t.Handler.ServeHTTP(w, r)
}

// secureConn is a connection with TLS. The interface hides methods of tls.Conn by which net/http would know it.
type secureConn struct {
	net.Conn
	tls     *tls.Conn
	tracked *trackedConn
	log     *log.Logger
	// state is that of TLS after the handshake, which the first Read makes; nil before.
	state *tls.ConnectionState
}

// plainOnTLS is the response to a client that speaks HTTP without TLS.
const plainOnTLS = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
	"This port is for HTTPS: ask by https://\n"

// Read implements net.Conn.
func (c *secureConn) Read(b []byte) (int, error) {
	if c.state == nil {
		if err := c.handshake(); err != nil {
			return 0, err
		}
	}
	n, err := c.tls.Read(b)
	if n > 0 {
		if err := c.tracked.meter.received(b[:n]); err != nil {
			tellNoRoom(c, err)
			c.tracked.Close() // net/http may go on to read after an error
			return 0, err
		}
	}
	return n, err
}

// handshake has the deadline of the read.
func (c *secureConn) handshake() error {
	err := c.tls.Handshake()
	if err == nil {
		state := c.tls.ConnectionState()
		c.state = &state
		return nil
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil && startsRequest(plain.RecordHeader) {
		_, _ = io.WriteString(plain.Conn, plainOnTLS) // the connection is closed either way
	}
	if c.log != nil {
		c.log.Printf("TLS handshake with %s failed: %v", c.RemoteAddr(), err)
	}
	return err
}

// startsRequest reports whether what should be the header of a record is the beginning of a request without TLS.
func startsRequest(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PRI *":
		return true
	}
	return false
}

// Write implements net.Conn.
func (c *secureConn) Write(b []byte) (int, error) {
	n, err := c.tls.Write(b)
	c.tracked.meter.sent(b[:n])
	return n, err
}

// CloseWrite tells the client that nothing follows.
func (c *secureConn) CloseWrite() error { return c.tls.CloseWrite() }
