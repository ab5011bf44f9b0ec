package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// plannedTransform is the transform of one fill, ready to be admitted.
type plannedTransform struct {
	plan transform.Geometry
	// job has one output.
	job transform.Job
	// resultBytes is what the result takes beside the job: while it is sent, both the worker and the
	// server have it.
	resultBytes int64
}

func (t plannedTransform) need() int64 { return t.job.Memory + t.resultBytes }

// addWatermark gives a job the watermark, if it has one.
func (f *fill) addWatermark(job *transform.Job, out transform.Params) error {
	if !out.Watermark.On() {
		return nil
	}
	if f.watermark == nil { // a reload has taken it away since the request was read
		return errNoWatermark
	}
	job.Watermark, job.WatermarkInfo = f.watermark.Source, f.watermark.Info
	return nil
}

// transform makes the result: find the border that trim removes, plan, admit, and have a
// worker do the job, which may make other results of the source as well.
func (f *fill) transform(ctx context.Context, info transform.Info) (pic transform.Picture, err error) {
	out, err := f.server.planOutput(f.req, info)
	if err != nil {
		return pic, err
	}
	defer func() { err = slowAnimation(err, transform.ResultFrames(info, out)) }()
	limits := f.server.limitsOf(f.req)
	if info, err = limits.StackPages(info, out); err != nil {
		return pic, err
	}
	if err := limits.CheckDrawing(info, transform.NewGeometry(info, out), out); err != nil {
		return pic, err
	}
	if err := f.leaseIfDear(ctx, info, out); err != nil {
		return pic, err
	}
	if out.Trim.On {
		f.settle()
		if info.Content, err = f.findTrim(ctx, info, out); err != nil {
			return pic, err
		}
	}
	plan := transform.NewGeometry(info, out)
	if err := limits.CheckDrawing(info, plan, out); err != nil {
		return pic, err
	}
	if err := f.server.cfg.inForce.Load().Limits.CheckResult(plan, out.Format); err != nil {
		return pic, err
	}
	t := plannedTransform{
		plan: plan, job: transform.Job{Source: f.source.Data(), Info: info, Outputs: []transform.Params{out}},
		resultBytes: transform.ResultBytes(info, plan, out),
	}
	if err := f.addWatermark(&t.job, out); err != nil {
		return pic, err
	}
	f.chooseOutputs(&t, limits)
	t.job.Memory, t.job.CPU = transform.JobWorkingSet(t.job), transform.CPUTime(t.job)
	f.workingSet = t.job.Memory
	f.phases.noteWorkingSet(t.job.Memory)
	batches := f.server.batches
	// A job for clients makes nothing beside their results, and none is begun with what background work
	// was admitted to.
	if !f.background && out.Best == 0 && batches.mayTake(t) {
		pic, err = batches.transform(ctx, f, t)
		if !errors.Is(err, errBatchFailed) {
			return pic, err
		}
		// Another result of the batch may have been the cause.
		if err := f.server.quarantine.checkRequest(f.cacheRequest); err != nil {
			return pic, err
		}
	}
	f.settle()
	admission, err := f.server.memory.Admit(ctx, f.queueWait, f.source, t.need())
	if err != nil {
		return pic, err
	}
	return f.transformAdmitted(ctx, t, admission)
}

// chooseOutputs makes one output into those that the smallest is chosen from, if there are several, and begins their
// searches where others of the source have ended.
func (f *fill) chooseOutputs(t *plannedTransform, limits transform.Limits) {
	if out := t.job.Outputs[0]; out.Best != 0 {
		t.job.Outputs = out.BestOutputs(t.job.Info, limits, f.server.formatAccess().Write)
		t.job.Outputs = transform.WithLossless(t.job.Outputs, t.job.Info, t.job.Source.Size(), limits)
		t.resultBytes = resultBytesOf(t.job)
	}
	t.job.Starts = f.server.batches.searches.startsOf(f.identity, t.job.Outputs)
}

// transformAdmitted has a worker make the result alone.
func (f *fill) transformAdmitted(
	ctx context.Context, t plannedTransform, admission *memory.Admission,
) (pic transform.Picture, err error) {
	defer admission.Release()
	if err := f.commit(); err != nil {
		return pic, err
	}
	err = f.trackWorkerFailure(func() error {
		pic, err = f.transformSmallest(ctx, t.job)
		return err
	})
	if err == nil {
		pic, f.resultGrant, err = f.finishResult(t, pic)
	}
	return pic, err
}

// transformSmallest has a worker do a job, and gives the smallest result. If the job ends early, for its time or for a
// format that does not work out, the results that were made count.
func (f *fill) transformSmallest(ctx context.Context, job transform.Job) (transform.Picture, error) {
	left := bestTime(ctx, job, f.server.cfg.inForce.Load().Limits.Best.Time)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	best := smallest{search: job.Outputs[0].AutoQuality, enough: cancel, made: func(i int, p transform.Picture) {
		f.server.batches.searches.note(f.identity, job.Outputs[i], p.Searched)
	}}
	if left > 0 {
		defer time.AfterFunc(left, best.end).Stop()
	}
	err := f.server.cfg.Transformer.Transform(ctx, job, best.deliver)
	best.mu.Lock()
	defer best.mu.Unlock()
	if err != nil && best.picture.Body != nil {
		f.server.log.Debug("not all formats could be made: the smallest of the others is served",
			"source", f.server.loggedSource(f.req, f.concealed), "format", best.picture.Format, "err", err)
		return best.picture, nil
	}
	return best.picture, err
}

// finishResult takes the result of a worker, and reserves its bytes while those of the job still are.
func (f *fill) finishResult(
	t plannedTransform, pic transform.Picture,
) (_ transform.Picture, result *budget.Grant, err error) {
	out := outputOf(t.job, pic.Format)
	f.server.batches.searches.note(f.identity, out, pic.Searched)
	// Facts and placeholders are told of what the worker made, never of bytes from outside.
	if f.req.Meta.Form == "" && !out.Changes(t.job.Info, t.plan) {
		if pic, err = f.orSourceBytes(pic, t.job.Info, out); err != nil {
			return pic, nil, err
		}
	}
	if t.job.Info.GainMap && int64(len(pic.Body)) != f.source.Meta().Size { // else it may be the source
		f.server.log.Debug("gain map dropped: the result is in SDR",
			"source", f.server.loggedSource(f.req, f.concealed))
	}
	return pic, f.server.memory.Budgets.Transforms.Charge(int64(cap(pic.Body))), nil
}

// findTrim has a worker find the area inside of the border that trim removes.
func (f *fill) findTrim(
	ctx context.Context, info transform.Info, out transform.Params,
) (content transform.Rect, err error) {
	need := transform.TrimWorkingSet(info, out)
	admission, err := f.server.memory.Admit(ctx, f.queueWait, f.source, need)
	if err != nil {
		return content, err
	}
	defer admission.Release()
	job := transform.Job{Source: f.source.Data(), Info: info, Outputs: []transform.Params{out}, Memory: need}
	job.CPU = transform.CPUTime(job)
	err = f.trackWorkerFailure(func() error {
		content, err = f.server.cfg.Transformer.FindTrim(ctx, job)
		return err
	})
	return content, err
}

// orSourceBytes is the result, or the bytes of the source where they are the same image and
// fewer.
func (f *fill) orSourceBytes(
	pic transform.Picture, info transform.Info, out transform.Params,
) (transform.Picture, error) {
	if int64(len(pic.Body)) <= f.source.Meta().Size-info.AncillaryBytes {
		return pic, nil // without its metadata the source is not smaller
	}
	b, err := f.withSourceBytes(func(b []byte) ([]byte, bool) { return container.Strip(b, info, out) })
	if err == nil && b != nil && len(b) < len(pic.Body) {
		pic.Body = b
	}
	return pic, err
}

// copySource serves the source unchanged. That takes memory for the copy, and no worker.
func (f *fill) copySource(ctx context.Context, info transform.Info) (transform.Picture, error) {
	f.settle()
	pic := transform.Picture{Format: info.Format, Width: info.Width, Height: info.Height}
	g, err := f.queueWait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
		return f.server.memory.Budgets.Transforms.Acquire(ctx, f.source.Meta().Size)
	})
	if errors.Is(err, budget.ErrTooLarge) {
		return pic, f.server.memory.SourceTooLarge(f.source.Meta().Size)
	}
	if err != nil {
		return pic, err
	}
	defer func() {
		if f.resultGrant == nil {
			g.Release()
		}
	}()
	if err := f.commit(); err != nil {
		return pic, err
	}
	pic.Body, err = f.withSourceBytes(func(b []byte) ([]byte, bool) { return append([]byte(nil), b...), true })
	if err == nil {
		f.resultGrant = g
	}
	return pic, err
}

// choosePage describes the page that the URL asks for, the first one of several, where a source of this format
// has pages.
func (f *fill) choosePage(info transform.Info) (transform.Info, error) {
	page, pages := f.req.Params.Page, f.req.Params.Pages
	if page == 0 && pages < 2 || info.Format != transform.TIFF || f.req.Params.AsItIs(info) {
		return info, nil
	}
	b, err := f.source.Data().Bytes()
	if err != nil {
		return info, err
	}
	defer f.source.Data().Release()
	return container.SniffPages(b, info, page, pages)
}

// withSourceBytes calls convert with the bytes of the source, which are mapped only during the
// call, and gives its result; nil where convert reports false.
func (f *fill) withSourceBytes(convert func([]byte) ([]byte, bool)) ([]byte, error) {
	b, err := f.source.Data().Bytes()
	if err != nil {
		return nil, err
	}
	defer f.source.Data().Release()
	if out, ok := convert(b); ok {
		return out, nil
	}
	return nil, nil
}

// trackWorkerFailure runs work on a worker, and tells the quarantine how it ended.
func (f *fill) trackWorkerFailure(work func() error) error {
	start := time.Now()
	err := work()
	hadTime := time.Since(start) > f.server.cfg.inForce.Load().RequestTimeout/2
	f.server.quarantine.recordOutcome(f.cacheRequest, f.source.Meta().Seq, err, hadTime)
	return err
}
