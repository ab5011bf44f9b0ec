package transform

import (
	"context"
	"iter"
	"math"
	"os"
	"time"
)

// PixelVersion is raised by hand whenever the same job would give pixels or
// bytes that are better, or right where they were wrong. Results of another
// version are still served while they are made anew.
const PixelVersion = 4

// Picture is a finished result: encoded bytes and what they are.
type Picture struct {
	Format        Format
	Width, Height int
	Body          []byte
	// Searched is zero where no quality was searched for.
	Searched Searched
	// Placeholder is the text of the placeholder that was asked for; "" for none.
	Placeholder string
}

// Searched is what a search for a quality has come to.
type Searched struct {
	// Quality is the one that was chosen, Encodes how many were tried.
	Quality, Encodes int
	// Score is that of the result: bytes, DSSIM or SSIMULACRA2, by the method.
	Score float64
}

// Source is the bytes of one image in memory that a worker process can map.
// transform/memfile makes them.
type Source interface {
	// Size is how many bytes they are.
	Size() int64
	// File is the open file, for handing to a worker. It stays the Source's. It is
	// nil where the bytes are in memory of this process alone.
	File() *os.File
	// Bytes is a read-only view, valid until the Release that belongs to it.
	Bytes() ([]byte, error)
	Release()
	// Patched is another view up to end, with other bytes in some places, until
	// done is called. patches yields each place and the bytes there, in order.
	Patched(from, end int64, patches iter.Seq2[int64, []byte]) (view []byte, done func(), err error)
}

// Possible says whether a search can have come to that.
func (s Searched) Possible() bool {
	return s.Quality >= 1 && s.Quality <= 100 && s.Encodes >= 1 && s.Encodes <= MostEncodes &&
		math.Abs(s.Score) <= maxMaxBytes
}

// Job is one source and the results wanted of it. The results of one page's
// srcset share a job, so that they can share a decode.
type Job struct {
	Source Source
	// Info is what container.Sniff said of the source.
	Info Info
	// Outputs has at least one element. Each must have its Format set.
	Outputs []Params
	// Starts are qualities to begin the searches of the outputs with: 0 where none is known, and none for
	// those that it is too short for.
	Starts []int
	// Watermark is the image that outputs with a watermark are marked with,
	// and WatermarkInfo what container.Sniff said of it; nil where none is configured.
	Watermark     Source
	WatermarkInfo Info
	// Memory is the most, in bytes, that the work may take at its peak above
	// an idle worker: the WorkingSet that was admitted.
	Memory int64
	// CPU is the most CPU time that the work may take; 0 means without bound.
	CPU time.Duration
}

// StartOf is the quality to begin the search of an output with, 0 where none is known.
func (j Job) StartOf(output int) int {
	if output >= len(j.Starts) {
		return 0
	}
	return j.Starts[output]
}

// Worker is a process that does jobs, as its pool sees it.
type Worker struct {
	PID int
	// Jobs is how many it was given, the one it does now included.
	Jobs int
	// Memory is what that one may take, in bytes; 0 means that it is idle.
	Memory int64
	// Base is the memory of its own that it had when it was fresh, in bytes.
	Base int64
}

// PoolStats counts what a pool did and holds.
type PoolStats struct {
	// Workers live now, of which Idle wait for work.
	Workers, Idle int
	// Started and Jobs count from the start of the pool. A job retried is one job.
	Started, Jobs uint64
	// Crashed counts workers that died by themselves, Killed those that were
	// ended for their job's deadline, Overran those ended for its memory, Overtime
	// those for its CPU time, Stalled those that did not begin, Replaced those let go
	// for their age or what they held, Retried the jobs given a second worker.
	Crashed, Killed, Overran, Overtime, Stalled, Replaced, Retried uint64
	// CPU is the CPU time of all workers since the start of the pool, in user and system mode.
	CPU time.Duration
}

// JobMemory is what a worker took for a job, in bytes, as far as it was seen: short jobs end before.
type JobMemory struct {
	// Reserved is Job.Memory, and the spare memory that the worker may use for it. Peak is the most that the worker
	// held above a fresh one.
	Reserved, Peak int64
}

// Transformer does jobs. It has two implementations: the pool of worker
// processes (transform/worker) in production, and the pipeline in-process
// (transform/vips) inside a worker.
type Transformer interface {
	// Transform calls deliver once for each output as it becomes ready, with
	// its index; calls do not overlap. It returns nil when all were
	// delivered. Errors wrap those of this package: ErrMalformed,
	// ErrUnsupported, ErrLimit, ErrMemory, ErrCPU, ErrTimeout, ErrCrashed, or the context's.
	Transform(ctx context.Context, job Job, deliver func(i int, p Picture)) error
	// FindTrim finds the area inside of the border that the Trim of the job's only
	// output describes, in pixels of the stored image. Errors are as above.
	FindTrim(ctx context.Context, job Job) (Rect, error)
}
