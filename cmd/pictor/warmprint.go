package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
)

// warmPrinter prints what a server warms: a line for each image on standard output, and
// failures on standard error. On a terminal it shows a counter instead of the images that
// did not fail.
type warmPrinter struct {
	asJSON   bool
	out, err io.Writer
	// counter says that standard error is a terminal, and lines that images are listed.
	counter, lines bool
	began          time.Time
	sum            proxy.WarmTotals
	bytes          int64
	// waiting says that the server waits for its clients.
	waiting bool
}

func newWarmPrinter(asJSON bool, out, err *os.File) *warmPrinter {
	p := &warmPrinter{asJSON: asJSON, out: out, err: err, began: time.Now(), counter: isTerminal(err)}
	p.lines = !p.counter || !isTerminal(out)
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// images is how many have ended.
func (p *warmPrinter) images() int { return p.sum.Warmed + p.sum.Already + p.sum.Failed }

func (p *warmPrinter) printLine(l proxy.WarmLine) {
	p.count(l)
	ofImage := l.WarmTotals == nil
	waits := l.Status == proxy.StatusWaiting
	switch {
	case p.asJSON && ofImage:
		p.printJSON(l)
	case p.asJSON:
	case ofImage && l.Status == proxy.StatusFailed:
		p.clearCounter()
		fmt.Fprintf(p.err, "pictor: %s: %s: %s\n", nameOf(l), l.Code, l.Error)
	case ofImage && p.lines:
		fmt.Fprintf(p.out, "%-7s %9s %8s  %s\n", l.Status, formatKilobytes(l.Bytes),
			fmt.Sprint(l.Milliseconds, " ms"), nameOf(l))
	case !ofImage && waits && !p.waiting && !p.counter:
		fmt.Fprintln(p.err, "pictor: waiting, as the server is busy with requests of its clients")
	}
	p.waiting = waits
	p.showCounter()
}

func (p *warmPrinter) count(l proxy.WarmLine) {
	switch l.Status {
	case proxy.StatusWarmed:
		p.sum.Warmed++
		p.bytes += l.Bytes
	case proxy.StatusAlready:
		p.sum.Already++
	case proxy.StatusFailed:
		p.sum.Failed++
	}
}

// nameOf is the URL of an image, with the Accept header where it depends on that.
func nameOf(l proxy.WarmLine) string {
	if l.Accept == "" {
		return l.URL
	}
	return l.URL + " (" + l.Accept + ")"
}

func (p *warmPrinter) showCounter() {
	if !p.counter || p.asJSON {
		return
	}
	note := ""
	if p.waiting {
		note = "; waiting for requests of clients"
	}
	fmt.Fprintf(p.err, "\r\x1b[K%d warmed, %d already, %d failed%s", p.sum.Warmed, p.sum.Already, p.sum.Failed, note)
}

func (p *warmPrinter) clearCounter() {
	if p.counter && !p.asJSON {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
}

// printEnd prints the sums. complete says that nothing is left.
func (p *warmPrinter) printEnd(complete bool) {
	took := time.Since(p.began)
	if p.asJSON {
		sum, status := p.sum, proxy.StatusDone
		if !complete {
			status = proxy.StatusStopped
		}
		p.printJSON(proxy.WarmLine{Status: status, Bytes: p.bytes, Milliseconds: took.Milliseconds(),
			WarmTotals: &sum})
		return
	}
	p.clearCounter()
	fmt.Fprintf(p.out, "%d warmed (%s) in %v, %d already, %d failed\n", p.sum.Warmed, formatKilobytes(p.bytes),
		took.Round(time.Millisecond), p.sum.Already, p.sum.Failed)
}

func (p *warmPrinter) printJSON(l proxy.WarmLine) {
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(l) // the reader of standard output may have left
}

// formatKilobytes writes n in units of 1000 bytes.
func formatKilobytes(n int64) string { return fmt.Sprintf("%.1f kB", float64(n)/1000) }
