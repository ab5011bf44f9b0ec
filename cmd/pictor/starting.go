package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// patientStart is how long clients wait in the backlog of the kernel before they are told that the server starts. Most
// starts are shorter.
const patientStart = 500 * time.Millisecond

// mostAtStart is how many connections are answered at once while the server starts. Others wait in the backlog.
const mostAtStart = 64

// startingServer answers clients of a server whose start takes long, as one that waits for directories: it lives, and
// is not ready.
type startingServer struct {
	listener net.Listener
	http     http.Server
	timer    *time.Timer
	served   sync.WaitGroup
}

// answerOn answers on the ports as long as a start goes on, if that takes long; to clients by TLS where there are files
// for it.
func answerOn[T any](l *listeners, files *tlsFiles, start func() (T, error)) (T, error) {
	defer answerWhileStarting(l.public, files).stop()
	if l.admin != nil {
		defer answerWhileStarting(l.admin, nil).stop()
	}
	return start()
}

// answerWhileStarting answers on a port until the stop. The listener stays open.
func answerWhileStarting(l net.Listener, files *tlsFiles) *startingServer {
	s := &startingServer{listener: l, http: http.Server{
		Handler: http.HandlerFunc(answerStarting), ReadHeaderTimeout: time.Second, WriteTimeout: time.Second,
		MaxHeaderBytes: 16 << 10,
	}}
	s.http.SetKeepAlivesEnabled(false)
	s.served.Add(1)
	s.timer = time.AfterFunc(patientStart, func() {
		defer s.served.Done()
		borrowed := &borrowedListener{Listener: l, places: make(chan struct{}, mostAtStart)}
		if files == nil {
			_ = s.http.Serve(borrowed)
			return
		}
		s.http.TLSConfig = files.config
		_ = s.http.ServeTLS(borrowed, "", "")
	})
	return s
}

// deadliner is a listener that can be told to accept no more.
type deadliner interface{ SetDeadline(t time.Time) error }

// stop leaves the port to the server. Answers under way are finished.
func (s *startingServer) stop() {
	if s.timer.Stop() {
		return // it has not begun
	}
	d, ok := s.listener.(deadliner)
	if !ok {
		return
	}
	_ = d.SetDeadline(time.Unix(1, 0)) // the error would be that of a listener that is closed
	s.served.Wait()
	_ = d.SetDeadline(time.Time{})
}

// answerStarting has the statuses of a server that drains.
func answerStarting(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if r.URL.Path == "/health" || r.URL.Path == "/health/live" {
		_, _ = io.WriteString(w, "starting\n") // the client may have gone
		return
	}
	h.Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "The server is starting.\n")
}

// borrowedListener is left open by the server that closes it, and ends with a deadline of the listener.
type borrowedListener struct {
	net.Listener
	places chan struct{}
}

var errBorrowed = errors.New("the listener is given back")

func (b *borrowedListener) Accept() (net.Conn, error) {
	b.places <- struct{}{}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, errBorrowed
	}
	return &placedConn{Conn: conn, places: b.places}, nil
}

func (b *borrowedListener) Close() error { return nil }

// placedConn gives its place back when it is closed.
type placedConn struct {
	net.Conn
	once   sync.Once
	places chan struct{}
}

func (c *placedConn) Close() error {
	c.once.Do(func() { <-c.places })
	return c.Conn.Close()
}
