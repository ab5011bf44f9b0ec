package memory

import (
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
)

// MaxStreams is how many requests a client may have under way on one connection of HTTP/2.
const MaxStreams = 100

const (
	// receiveBuffer is how much of the bodies of requests HTTP/2 holds for a connection before they are read, in
	// bytes: the least that the protocol allows for. bodyClients are the clients whose memory that is.
	receiveBuffer = 64 << 10
	bodyClients   = receiveBuffer / perConnection
)

// HTTP2Config bounds what a connection of HTTP/2 may take.
func HTTP2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          MaxStreams,
		MaxReadFrameSize:              16 << 10, // the least; by default a frame of 1 MiB has a buffer
		MaxReceiveBufferPerConnection: receiveBuffer,
		MaxReceiveBufferPerStream:     receiveBuffer,
		WriteByteTimeout:              maxUnreadTime,
	}
}

// trackedOf is the connection that Connections tracks, also below TLS; nil for another one.
func trackedOf(c any) *trackedConn {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	tracked, _ := c.(*trackedConn)
	return tracked
}

// connOf is the connection of a request; nil where Connections does not track it.
func connOf(r *http.Request) *trackedConn { return trackedOf(r.Context().Value(trackedConnKey{})) }

// AdmitStream counts a request that shares its connection with others (HTTP/2). The first one is paid for with the
// connection; each further one takes the place of a client until release is called, and one with a body the places
// whose memory the body may take before it is read. Where there is no room it is not ok: see RefuseStream.
func (cs *Connections) AdmitStream(r *http.Request) (release func(), ok bool) {
	c := connOf(r)
	if c == nil {
		return func() {}, true
	}
	places := 1
	if c.streams.Add(1) == 1 {
		places = 0
	}
	if r.ContentLength != 0 {
		places += bodyClients
	}
	if places > 0 && !cs.makeRoom(places) {
		c.streams.Add(-1)
		cs.refused.Add(1)
		return nil, false
	}
	cs.addOpen(places)
	return func() {
		c.streams.Add(-1)
		cs.addOpen(-places)
	}, true
}

// RefuseStream sends the 503 that a client gets for which there is no room.
func (cs *Connections) RefuseStream(w http.ResponseWriter) {
	id := cs.refusalID()
	body := refusalBody(id)
	h := w.Header()
	for _, field := range refusalFields {
		h.Set(field.name, field.value)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Request-Id", id)
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, body) // a client that has left needs no response
}
