package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/tracing"
)

// responseRecord is what is known of a response when it has ended, and where its time went. It stands between the
// server and the ResponseWriter of net/http, so that each step of the request finds it: recordOf. A nil record records
// nothing.
type responseRecord struct {
	http.ResponseWriter
	phases phaseClock
	requestLabels
	// began is when the server got the request.
	began time.Time
	// status is 0 as long as there is no response.
	status int
	// sent is the size of what was sent of the content, in bytes.
	sent int64
	// outcome and tier are what the cache did, for a response with an image.
	outcome, tier string
	// code is the error code of the response; "" for none.
	code string
	// asked is the request as it was read; nil for one that could not be.
	asked *signedurl.Request
	// trace is nil where there are no traces.
	trace *tracing.Request
	// deferred is what the response has in place of what is made in the background; "" where it is no such response.
	deferred string
	// hasTiming says that the response has a Server-Timing header.
	hasTiming bool
}

func newResponseRecord(w http.ResponseWriter) *responseRecord {
	rec := &responseRecord{ResponseWriter: w, began: time.Now()}
	rec.requestLabels = requestLabels{dialect: none, cache: none, class: classError}
	rec.phases.begin(rec.began)
	return rec
}

// recordOf finds the record below a ResponseWriter; nil where there is none, as on the admin port.
func recordOf(w http.ResponseWriter) *responseRecord {
	for w != nil {
		if rec, ok := w.(*responseRecord); ok {
			return rec
		}
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = outer.Unwrap()
	}
	return nil
}

// Unwrap is for http.ResponseController, and for files, which the kernel sends.
func (rec *responseRecord) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (rec *responseRecord) WriteHeader(status int) {
	if status >= http.StatusOK && rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (rec *responseRecord) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.sent += int64(n)
	return n, err
}

// clock measures the phases of the request; nil for none.
func (rec *responseRecord) clock() *phaseClock {
	if rec == nil {
		return nil
	}
	return &rec.phases
}

// noteFailure is told of an error that the response says.
func (rec *responseRecord) noteFailure(code string) {
	if rec != nil {
		rec.code = code
	}
}

// noteEntry is told of the entry that the response has, before it is sent.
func (rec *responseRecord) noteEntry(e *cache.Entry, outcome cache.Outcome) {
	if rec == nil {
		return
	}
	rec.outcome, rec.tier = outcome.String(), tierOf(e, outcome)
	rec.phases.enter(phaseSend)
}

// noteSent is told how much of an entry was sent: what the kernel takes from a file does not come by.
func (rec *responseRecord) noteSent(n int64) {
	if rec != nil {
		rec.sent = n
	}
}

// setServerTiming has a response say where the time went until it began.
func (rec *responseRecord) setServerTiming(h http.Header) {
	if rec == nil || !rec.hasTiming {
		return
	}
	timing := rec.phases.read().serverTiming()
	if job := rec.phases.jobTiming(); job != "" {
		timing += ", " + job
	}
	if rec.deferred != "" {
		timing += `, deferred;desc="` + rec.deferred + `"`
	}
	if timing = strings.TrimPrefix(timing, ", "); timing != "" {
		h["Server-Timing"] = []string{timing}
	}
}
