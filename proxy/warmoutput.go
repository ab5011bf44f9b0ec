package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// WarmLine is a line of the response to POST /warm. There is one for each image; one that
// says how far it has come, where nothing has ended for a while; and one at the end.
type WarmLine struct {
	// URL is that of the request, or the one that was signed for a source; the source
	// where none can be signed.
	URL string `json:"url,omitempty"`
	// Accept is the Accept header by which clients get this image, where its format is
	// negotiated.
	Accept string     `json:"accept,omitempty"`
	Status WarmStatus `json:"status"`
	// Code is the error code of a failure, and Error its text.
	Code  string `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
	// Bytes is the size of the image, at the end that of all that were warmed.
	Bytes int64 `json:"bytes,omitempty"`
	// Milliseconds is how long it took, without the wait for others.
	Milliseconds int64 `json:"ms"`
	*WarmTotals
}

// WarmTotals are in lines that are of no single image.
type WarmTotals struct {
	// Warmed, Already and Failed count images, Left URLs that have not ended.
	Warmed  int `json:"warmed"`
	Already int `json:"already"`
	Failed  int `json:"failed"`
	Left    int `json:"left"`
}

// WarmStatus is what a WarmLine says.
type WarmStatus string

const (
	// StatusWarmed: the image was made, and a cache has it. StatusAlready: one had it, and
	// it was fresh. StatusFailed: there is no fresh image in a cache now.
	StatusWarmed  WarmStatus = "warmed"
	StatusAlready WarmStatus = "already"
	StatusFailed  WarmStatus = "failed"
	// StatusWorking: images are being made. StatusWaiting: none is, as requests of clients
	// come first.
	StatusWorking WarmStatus = "working"
	StatusWaiting WarmStatus = "waiting"
	// StatusDone is the last line. StatusStopped is it where URLs are left.
	StatusDone    WarmStatus = "done"
	StatusStopped WarmStatus = "stopped"
)

const (
	// warmProgress is how long nothing may end until there is a line that says so.
	warmProgress = 5 * time.Second
	// warmWriteTime is how long a client may take to read a line.
	warmWriteTime = 30 * time.Second
)

// warmStep is an image that has ended; last is that of its URL.
type warmStep struct {
	line WarmLine
	last bool
}

// warmOutput is the response to POST /warm.
type warmOutput struct {
	enc   *json.Encoder
	conn  *http.ResponseController
	began time.Time
	sum   WarmTotals
	bytes int64
}

func newWarmOutput(w http.ResponseWriter, urls int) *warmOutput {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // URLs have ampersands
	return &warmOutput{enc: enc, conn: http.NewResponseController(w), began: time.Now(), sum: WarmTotals{Left: urls}}
}

// sendAll sends the lines of all steps, and how far it has come in between. working counts
// the images that are being made.
func (o *warmOutput) sendAll(steps <-chan warmStep, working *atomic.Int64) error {
	if err := o.flush(); err != nil { // the client knows that it was understood
		return err
	}
	quiet := time.NewTicker(warmProgress)
	defer quiet.Stop()
	for {
		var line WarmLine
		select {
		case step, more := <-steps:
			if !more {
				return nil
			}
			line = step.line
			o.count(step)
			quiet.Reset(warmProgress)
		case <-quiet.C:
			line = o.totals(StatusWaiting)
			if working.Load() > 0 {
				line.Status = StatusWorking
			}
		}
		if err := o.send(line); err != nil {
			return err
		}
	}
}

func (o *warmOutput) count(step warmStep) {
	switch step.line.Status {
	case StatusWarmed:
		o.sum.Warmed++
		o.bytes += step.line.Bytes
	case StatusAlready:
		o.sum.Already++
	default:
		o.sum.Failed++
	}
	if step.last {
		o.sum.Left--
	}
}

func (o *warmOutput) totals(status WarmStatus) WarmLine {
	sum := o.sum
	return WarmLine{Status: status, Bytes: o.bytes, Milliseconds: time.Since(o.began).Milliseconds(), WarmTotals: &sum}
}

// summary is the last line. cause is why the work was stopped; nil where it was not.
func (o *warmOutput) summary(cause error) WarmLine {
	end := o.totals(StatusDone)
	if end.Left > 0 {
		end.Status = StatusStopped
	}
	if errors.Is(cause, errWarmingStops) {
		end.Error = asSentence(cause.Error())
	}
	return end
}

func (o *warmOutput) send(line WarmLine) error {
	if err := o.allowTime(); err != nil {
		return err
	}
	if err := o.enc.Encode(line); err != nil {
		return err
	}
	return o.flush()
}

func (o *warmOutput) flush() error {
	if err := o.allowTime(); err != nil {
		return err
	}
	return o.conn.Flush()
}

// allowTime gives the client time to read. The write timeout of the admin port is for
// responses that are there at once.
func (o *warmOutput) allowTime() error {
	err := o.conn.SetWriteDeadline(time.Now().Add(warmWriteTime))
	if errors.Is(err, http.ErrNotSupported) { // no connection
		return nil
	}
	return err
}
