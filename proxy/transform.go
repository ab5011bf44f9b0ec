package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Watermark is the picture that a URL may ask to be laid over its own.
type Watermark struct {
	Source *memfile.Source
	// Info is what Sniff said of it.
	Info transform.Info
	// Version tells it from other pictures: results with another one are others.
	Version string
}

// picture makes the result: look for a border if one is to be cut off, plan,
// admit, transform.
func (f *fill) picture(ctx context.Context, info transform.Info) (pic transform.Picture, err error) {
	out := f.req.Params
	if out.Format == transform.FormatUnknown {
		out.Format = fallbackFormat(f.req, info)
	}
	if out.Trim.On {
		if info.Content, err = f.look(ctx, info, out); err != nil {
			return pic, err
		}
	}
	plan := transform.NewGeometry(info, out)
	if err := f.s.cfg.Limits.CheckResult(plan, out.Format); err != nil {
		return pic, err
	}
	job := transform.Job{Source: f.src.Data(), Info: info, Outputs: []transform.Params{out}, Memory: transform.WorkingSet(info, plan, out)}
	if mark := f.s.cfg.Watermark; out.Watermark.On() {
		job.Watermark, job.WatermarkInfo = mark.Source, mark.Info
		job.Memory += transform.WatermarkWorkingSet(mark.Info, plan, out)
	}
	job.CPU = transform.CPUTime(job)
	f.need = job.Memory
	// The result is here, too, while the worker still has it.
	done, err := f.s.memory.Admit(ctx, f.wait, f.src, f.need+transform.ResultBytes(info, plan, out))
	if err != nil {
		return pic, err
	}
	defer done()
	if err := f.commit(); err != nil {
		return pic, err
	}
	err = f.blamed(func() error {
		return f.s.cfg.Transformer.Transform(ctx, job, func(_ int, p transform.Picture) { pic = p })
	})
	if err == nil && !out.Changes(info, plan) {
		pic, err = f.smaller(pic, info, out)
	}
	if err == nil { // before done: what counts the result is never missing
		f.result = f.s.memory.Budgets.Transforms.Charge(int64(cap(pic.Body)))
	}
	return pic, err
}

// look asks a worker for what lies inside of a border.
func (f *fill) look(ctx context.Context, info transform.Info, out transform.Params) (content transform.Rect, err error) {
	need := transform.TrimWorkingSet(info, out)
	done, err := f.s.memory.Admit(ctx, f.wait, f.src, need)
	if err != nil {
		return content, err
	}
	defer done()
	job := transform.Job{Source: f.src.Data(), Info: info, Outputs: []transform.Params{out}, Memory: need}
	job.CPU = transform.CPUTime(job)
	err = f.blamed(func() error {
		content, err = f.s.cfg.Transformer.FindTrim(ctx, job)
		return err
	})
	return content, err
}

// smaller is pic, or the source's own bytes where they are the same picture
// and fewer.
func (f *fill) smaller(pic transform.Picture, info transform.Info, out transform.Params) (transform.Picture, error) {
	if int64(len(pic.Body)) <= f.src.Meta().Size-info.AncillaryBytes {
		return pic, nil // it cannot become smaller than that
	}
	b, err := f.bytes(func(b []byte) ([]byte, bool) { return container.Strip(b, info, out) })
	if err == nil && b != nil && len(b) < len(pic.Body) {
		pic.Body = b
	}
	return pic, err
}

// original gives the source as it is. Its copy takes memory, and no worker.
func (f *fill) original(ctx context.Context, info transform.Info) (transform.Picture, error) {
	pic := transform.Picture{Format: info.Format, Width: info.Width, Height: info.Height}
	g, err := f.wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
		return f.s.memory.Budgets.Transforms.Acquire(ctx, f.src.Meta().Size)
	})
	if errors.Is(err, budget.ErrTooLarge) {
		return pic, f.s.memory.SourceTooLarge(f.src.Meta().Size)
	}
	if err != nil {
		return pic, err
	}
	defer func() {
		if f.result == nil {
			g.Release()
		}
	}()
	if err := f.commit(); err != nil {
		return pic, err
	}
	pic.Body, err = f.bytes(func(b []byte) ([]byte, bool) { return append([]byte(nil), b...), true })
	if err == nil {
		f.result = g
	}
	return pic, err
}

// bytes gives what of makes of the source's bytes, which are mapped only
// meanwhile; nil where it makes nothing.
func (f *fill) bytes(of func([]byte) ([]byte, bool)) ([]byte, error) {
	b, err := f.src.Data().Bytes()
	if err != nil {
		return nil, err
	}
	defer f.src.Data().Release()
	if out, ok := of(b); ok {
		return out, nil
	}
	return nil, nil
}

// blamed has a worker do something, and remembers what it dies of.
func (f *fill) blamed(work func() error) error {
	start := time.Now()
	err := work()
	f.s.poison.blame(f.asked, f.src.Meta().Seq, err, time.Since(start) > f.s.cfg.RequestTimeout/2)
	return err
}
