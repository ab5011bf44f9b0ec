package cache

import (
	"errors"
	"sync"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
)

// BucketStats are figures of a Bucket.
type BucketStats struct {
	objectstore.Stats
	// Reads and Writes count by result. Each has all its results from the start.
	Reads, Writes map[string]uint64
	// QueuedBytes wait to be written in memory, and Queued is how many records wait, also of those on disk.
	QueuedBytes int64
	Queued      int
}

// readResults and writeResults name errors.
var (
	readResults = []namedResult{
		{nil, "hit"}, {objectstore.ErrNone, "none"}, {ErrOutdated, "outdated"}, {ErrUnvouched, "unvouched"},
		{ErrForeign, "foreign"}, {diskstore.ErrBroken, "broken"}, {ErrNoMemory, "memory"},
		{objectstore.ErrLate, "slow"}, {objectstore.ErrOpen, "paused"}, {objectstore.ErrBusy, "busy"},
	}
	writeResults = []namedResult{
		{nil, "written"}, {errRemoved, "removed"}, {objectstore.ErrExists, "present"}, {ErrOutdated, "outdated"},
		{ErrStamp, "unvouched"}, {errQueueFull, "queue"}, {ErrBodyGone, "gone"}, {objectstore.ErrLate, "slow"},
		{objectstore.ErrOpen, "paused"},
	}
)

// failedResult is of all other errors.
const failedResult = "failed"

type namedResult struct {
	err  error
	name string
}

func resultName(list []namedResult, err error) string {
	for _, r := range list {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return failedResult
}

// bucketFigures count reads and writes by the names of their results.
type bucketFigures struct {
	mu            sync.Mutex
	reads, writes map[string]uint64
}

func (f *bucketFigures) countRead(err error)  { f.count(&f.reads, resultName(readResults, err)) }
func (f *bucketFigures) countWrite(err error) { f.count(&f.writes, resultName(writeResults, err)) }

func (f *bucketFigures) count(in *map[string]uint64, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *in == nil {
		*in = map[string]uint64{}
	}
	(*in)[name]++
}

func (f *bucketFigures) stats(store *objectstore.Store, q *bucketQueue) BucketStats {
	st := BucketStats{
		Stats: store.Stats(), QueuedBytes: q.bytes.Load(), Queued: len(q.waiting),
		Reads: map[string]uint64{failedResult: 0}, Writes: map[string]uint64{failedResult: 0},
	}
	for _, r := range readResults {
		st.Reads[r.name] = 0
	}
	for _, r := range writeResults {
		st.Writes[r.name] = 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, n := range f.reads {
		st.Reads[name] = n
	}
	for name, n := range f.writes {
		st.Writes[name] = n
	}
	return st
}
