package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// deadlined records the deadline that a handler sets.
type deadlined struct {
	http.ResponseWriter
	at time.Time
}

func (d *deadlined) SetWriteDeadline(at time.Time) error { d.at = at; return nil }

// A request timeout that a reload has raised gives responses the time to be written; the server's own deadline is that
// of the start.
func TestRequestsGetTheTimeOfAReload(t *testing.T) {
	timeout := time.Minute
	l := &lengthened{http.NotFoundHandler(), func() time.Duration { return timeout }, time.Minute}
	for _, longer := range []bool{false, true} {
		if longer {
			timeout = time.Hour
		}
		w := &deadlined{ResponseWriter: httptest.NewRecorder()}
		l.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if longer != w.at.After(time.Now().Add(30*time.Minute)) || longer == w.at.IsZero() {
			t.Errorf("longer: %v, deadline %v", longer, w.at)
		}
	}
}
