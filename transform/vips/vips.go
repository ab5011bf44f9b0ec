package vips

/*
#cgo pkg-config: vips libjpeg
#cgo CFLAGS: -O3
#cgo LDFLAGS: -lm
#include "pipeline.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// Engine is libvips, ready to work. It does one job at a time; its methods
// must not be called from two goroutines at once (libvips' error text is one
// buffer for the whole process).
type Engine struct{}

// New prepares libvips: its operation cache off, since no image is ever
// worked on twice, and all loaders blocked but those of transform.Inputs.
func New() *Engine {
	bimg.VipsCacheSetMax(0)
	bimg.VipsCacheSetMaxMem(0)
	C.pictor_init()
	return &Engine{}
}

// Transform implements transform.Transformer. The bodies it delivers are
// fresh memory. A deadline or a cancelled context is honoured between outputs
// only: several decoders and encoders cannot be stopped in the middle, which
// is why they run in processes.
func (e *Engine) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	return e.Run(ctx, job, func(i int, p transform.Picture) error {
		p.Body = append([]byte(nil), p.Body...)
		deliver(i, p)
		return nil
	})
}

// Run is Transform without the copy: a delivered Body is C memory, gone when
// deliver returns. An error of deliver ends the run and is returned as it is.
func (e *Engine) Run(ctx context.Context, job transform.Job, deliver func(int, transform.Picture) error) error {
	if job.Source.Size() == 0 {
		return fmt.Errorf("%w: the source is empty", transform.ErrMalformed)
	}
	source, err := openDecodable(job.Source, job.Info, container.NeededBy(job.Outputs...))
	if err != nil {
		return err
	}
	defer func() { source.close() }() // a repair may replace it
	shared, err := e.decodeShared(source, job)
	if err != nil {
		return err
	}
	defer shared.release()
	for i := range job.Outputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := source.withRepair(func(b []byte) error {
			return e.runOutput(b, job, i, shared, func(p transform.Picture) error { return deliver(i, p) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// runOutput does one result of a job.
func (e *Engine) runOutput(source []byte, task transform.Job, output int, shared *sharedDecode,
	deliver func(transform.Picture) error) error {
	p := task.Outputs[output]
	// libvips keeps state by thread; a goroutine that moved would leave it behind.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer C.vips_thread_shutdown()

	job, free, err := newJob(source, task, p, shared)
	if err != nil {
		return err
	}
	defer free()
	job.search.start = C.int(task.StartOf(output))
	var result C.PictorResult
	status := C.pictor_run(&job, &result)
	runtime.KeepAlive(source)
	if status != C.PICTOR_OK {
		return errorOf(status)
	}
	defer func() { C.g_free(C.gpointer(result.body)); C.g_free(C.gpointer(result.small)) }()
	if job.keep_hdr != 0 && !declareHDR(&result, task.Info.Declared, p.Format) {
		return errUndeclared
	}
	body := unsafe.Slice((*byte)(result.body), int(result.size))
	if result.stripped != 0 && p.Format == transform.WebP {
		body = container.StripWebP(body)
	}
	if p.Format == transform.ICO {
		body = container.Icon(body, int(result.width), int(result.height))
	}
	pic := transform.Picture{Format: p.Format, Width: int(result.width), Height: int(result.height), Body: body}
	if result.encodes > 0 {
		pic.Searched = transform.Searched{Quality: int(result.quality), Encodes: int(result.encodes),
			Score: float64(result.score)}
	}
	if p.Placeholder.On() {
		w, h := int(result.small_width), int(result.small_height)
		small := placeholder.OfRGBA(unsafe.Slice((*byte)(result.small), 4*w*h), w, h)
		pic.Placeholder = small.Text(p.Placeholder)
	}
	return deliver(pic)
}

// FindTrim finds the area inside of a border of one colour. Where the image has
// nothing else, the area is all of it.
func (e *Engine) FindTrim(_ context.Context, job transform.Job) (transform.Rect, error) {
	if len(job.Outputs) != 1 {
		return transform.Rect{}, errInternal
	}
	source, err := openDecodable(job.Source, job.Info, container.Needed{})
	if err != nil {
		return transform.Rect{}, err
	}
	defer func() { source.close() }()
	var content transform.Rect
	err = source.withRepair(func(b []byte) (err error) {
		content, err = e.findTrim(b, job)
		return err
	})
	return content, err
}

func (e *Engine) findTrim(source []byte, job transform.Job) (transform.Rect, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer C.vips_thread_shutdown()
	trim := job.Outputs[0].Trim
	c := C.PictorJob{source: newSource(source, job.Info, job.Outputs[0])}
	_, free, err := setPages(&c.source, source, job.Info,
		transform.Params{Page: job.Outputs[0].Page, Pages: job.Outputs[0].Pages})
	if err != nil {
		return transform.Rect{}, err
	}
	defer free()
	var colour *C.double
	var border [3]C.double
	if trim.Given {
		for i, v := range trim.Color {
			border[i] = C.double(v)
		}
		colour = &border[0]
	}
	var found C.PictorRect
	status := C.pictor_find_trim(&c, C.double(trim.Threshold), colour, cBool(trim.Corner), &found)
	runtime.KeepAlive(source)
	if status != C.PICTOR_OK {
		return transform.Rect{}, errorOf(status)
	}
	content := transform.Rect{Left: int(found.left), Top: int(found.top), Width: int(found.width),
		Height: int(found.height)}
	if content.Width == 0 || content.Height == 0 {
		used := job.Info.Used(job.Outputs[0])
		content = transform.Rect{Width: used.Width, Height: used.Height}
	}
	return content, nil
}

var errBroken = fmt.Errorf("%w: the image data cannot be decoded", transform.ErrMalformed)

// errInternal is a mistake of ours, not of the image.
var errInternal = errors.New("no such step in the pipeline")

// errorOf makes the error of a status. libvips' own text goes with it for the
// log; it is no secret, but it does not help a client who asked for an image.
func errorOf(status C.int) error {
	detail := C.GoString(C.vips_error_buffer())
	C.vips_error_clear()
	if beyondDecoder(detail) {
		return &Error{Err: fmt.Errorf("%w: the image has more parts than its decoder allows", transform.ErrLimit),
			Detail: detail}
	}
	if outOfMemory(detail) {
		return &Error{Err: fmt.Errorf("%w: more than estimated from the image header", transform.ErrMemory),
			Detail: detail}
	}
	switch status {
	case C.PICTOR_MISMATCH:
		return &Error{Err: fmt.Errorf("%w: the header and the image data disagree about the size",
			transform.ErrMalformed), Detail: detail}
	case C.PICTOR_BROKEN:
		return &Error{Err: errBroken, Detail: detail}
	}
	return &Error{Err: errInternal, Detail: detail}
}

// beyondDecoder knows the texts of limits that decoders have themselves: of libheif 1.19, which calls it a memory
// error, of librsvg and of libxml2.
func beyondDecoder(detail string) bool {
	for _, words := range []string{"ecurity limit exceeded", "exceeded more than", "cannot load more than",
		"Excessive depth in document"} {
		if strings.Contains(detail, words) {
			return true
		}
	}
	return false
}

// outOfMemory knows the texts of failed allocations: of libvips and libspng,
// libjpeg, libheif and GLib.
func outOfMemory(detail string) bool {
	for _, words := range []string{"out of memory", "Insufficient memory", "Memory allocation error",
		"failed to allocate"} {
		if strings.Contains(detail, words) {
			return true
		}
	}
	return false
}

// Error carries libvips' text beside the error that people see. Details is for
// the log.
type Error struct {
	Err    error
	Detail string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Details is libvips' own text.
func (e *Error) Details() string { return e.Detail }

// SetSpare says how many bytes of freed memory may stay in the heap for the next job, at first 0. Where
// that is less than before, all of it goes back to the system.
func (e *Engine) SetSpare(bytes int64) { C.pictor_set_spare(C.size_t(max(bytes, 0))) }

// Trim gives all freed memory back to the system. Cheap when there is none.
func (e *Engine) Trim() { C.pictor_release_memory_after_job() }

// Version is libvips' version, "8.16.1".
func Version() string { return bimg.VipsVersion }

var _ transform.Transformer = (*Engine)(nil)
