package worker

import (
	"fmt"
	"os"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// assignment is one job on its way through at most two workers: it knows which
// outputs are still to come and what each must look like.
type assignment struct {
	job     transform.Job
	deliver func(int, transform.Picture)
	most    bounds
	// missing are the outputs not delivered yet. A request carries these
	// only, so a worker's index i means missing[i] at the time of asking.
	missing []int
	asked   []int
}

func newAssignment(job transform.Job, deliver func(int, transform.Picture)) *assignment {
	r := &assignment{job: job, deliver: deliver, most: bounds{memory: job.Memory, cpu: job.CPU}}
	for i, p := range job.Outputs {
		g := transform.NewGeometry(job.Info, p)
		// No encoder gives more than this: eight bytes a pixel, and a
		// mebibyte for headers and metadata; for each frame a kibibyte.
		frames := int64(transform.ResultFrames(job.Info, p))
		r.most.body = max(r.most.body, (int64(g.Width)*int64(g.Height)*8+1<<10)*frames+1<<20+job.Info.AncillaryBytes)
		if job.Memory > 0 {
			r.most.body = min(r.most.body, job.Memory) // it had its result in there
		}
		r.most.untouched = max(r.most.untouched, transform.MappedOnly(job.Info, g, p))
		r.missing = append(r.missing, i)
	}
	return r
}

func (r *assignment) jobRequest() request {
	r.asked = append([]int(nil), r.missing...)
	req := request{Kind: kindJob, Info: r.job.Info, Watermark: r.job.WatermarkInfo}
	for _, i := range r.asked {
		req.Outputs = append(req.Outputs, r.job.Outputs[i])
		if len(r.job.Starts) > 0 {
			req.Starts = append(req.Starts, r.job.StartOf(i))
		}
	}
	return req
}

// sourceFiles are those that go with the request.
func (r *assignment) sourceFiles() []*os.File {
	files := []*os.File{r.job.Source.File()}
	if r.job.Watermark != nil {
		files = append(files, r.job.Watermark.File())
	}
	return files
}

// handleResponse takes one frame of a worker. An error that is ErrCrashed means that
// this worker cannot be trusted with more.
func (r *assignment) handleResponse(resp response, body []byte) (last bool, err error) {
	switch resp.Kind {
	case kindPicture:
		return false, r.deliverPicture(resp, body)
	case kindDone:
		if len(r.missing) > 0 {
			return true, fmt.Errorf("%w: finished with %d outputs missing", errDied, len(r.missing))
		}
		return true, nil
	case kindFailed:
		return true, newFailure(resp)
	}
	return true, fmt.Errorf("%w: unexpected response %q", errDied, clipText(string(resp.Kind)))
}

// deliverPicture checks a result against what was asked and delivers it: a worker
// that was broken into must not be able to serve something else as a picture.
func (r *assignment) deliverPicture(resp response, body []byte) error {
	if resp.Index < 0 || resp.Index >= len(r.asked) {
		return fmt.Errorf("%w: unexpected output %d of %d", errDied, resp.Index, len(r.asked))
	}
	i := r.asked[resp.Index]
	at := -1
	for k, m := range r.missing {
		if m == i {
			at = k
		}
	}
	if at < 0 {
		return fmt.Errorf("%w: output %d was sent twice", errDied, i)
	}
	p, g := r.job.Outputs[i], transform.NewGeometry(r.job.Info, r.job.Outputs[i])
	info, err := container.Sniff(body)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the result is not a valid image: %v", errDied, err)
	case info.End > 0:
		return fmt.Errorf("%w: its result has no end", errDied)
	case info.Format != p.Format || info.Width != g.Width || info.Height != g.Height:
		return fmt.Errorf("%w: the result is a %v of %dx%d instead of a %v of %dx%d", errDied,
			info.Format, info.Width, info.Height, p.Format, g.Width, g.Height)
	case info.Format.Animates() && info.Frames > transform.ResultFrames(r.job.Info, p):
		// Fewer may be right: encoders join frames that are equal.
		return fmt.Errorf("%w: the result has %d frames instead of %d", errDied, info.Frames,
			transform.ResultFrames(r.job.Info, p))
	}
	r.missing = append(r.missing[:at], r.missing[at+1:]...)
	pic := transform.Picture{Format: info.Format, Width: info.Width, Height: info.Height, Body: body}
	if resp.Searched.Possible() {
		pic.Searched = resp.Searched
	}
	if p.Placeholder.Possible(resp.Placeholder) {
		pic.Placeholder = resp.Placeholder
	}
	r.deliver(i, pic)
	return nil
}

// Failure is a job that a worker could not do. It wraps an error of package
// transform where the picture is at fault.
type Failure struct {
	err    error
	detail string
}

// Error has none of the worker's own words: one that was broken into would
// speak to strangers through them.
func (f *Failure) Error() string { return f.err.Error() + ": its data cannot be decoded" }
func (f *Failure) Unwrap() error { return f.err }

// Details is what the worker said, for the log.
func (f *Failure) Details() string { return f.detail }

func newFailure(resp response) error {
	err := classes[resp.Class]
	if err == nil {
		err = errWorker
	}
	return &Failure{err: err, detail: strings.TrimSpace(clipText(resp.Text) + " " + clipText(resp.Detail))}
}
