package transform

import "errors"

// Errors of container.Sniff, Limits and the Transformers. Each is wrapped once with a
// sentence about the image at hand. Clients may see that sentence: it tells nothing
// of the server's inside.
var (
	// ErrUnsupported: the bytes are not of a type that pictor reads.
	ErrUnsupported = errors.New("unsupported type")
	// ErrTruncated: the image ends before its own structure says it does.
	ErrTruncated = errors.New("truncated image")
	// ErrMalformed: the image contradicts its format, or cannot be decoded.
	ErrMalformed = errors.New("broken image")
	// ErrLimit: the image, or what was asked of it, is over a configured limit.
	ErrLimit = errors.New("over a limit")
	// ErrNoPage: the image has fewer frames or pages than was asked for.
	ErrNoPage = errors.New("no such page")
	// ErrMemory: the work took more memory than was admitted for it.
	ErrMemory = errors.New("too much memory")
	// ErrCPU: the work took more CPU time than its pixels allow.
	ErrCPU = errors.New("too much CPU time")
	// ErrTimeout: the job's deadline passed before its work was done.
	ErrTimeout = errors.New("transform too slow")
	// ErrNoWorker: there was no process that could do the work. The image is not
	// at fault.
	ErrNoWorker = errors.New("no worker")
	// ErrCrashed: the process doing the work ended in the middle of it.
	ErrCrashed = errors.New("transform crashed")
)
