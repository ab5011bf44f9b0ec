package memory

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

const mib = 1 << 20

// What the processes take before they do anything, in bytes, as measured in
// /proc/PID/smaps_rollup with libvips 8.14 on amd64.
const (
	// serverHeap is the server's own memory at rest, 8 MiB; hotFiles those
	// pages of the program and of libvips and its codecs that are in use. All
	// processes share these pages, and the kernel takes them back where it must.
	serverHeap = 12 * mib
	hotFiles   = 20 * mib
	fixedBytes = serverHeap + hotFiles
	// baseWorker is a worker's own memory at rest, 9 to 10 MiB, with what it
	// may keep of its last job (Retain).
	baseWorker = 10*mib + Retain
	// perConnection is what a waiting client takes: the connection's buffers, its
	// goroutines and those of its fill, 20 to 37 KiB. One of HTTP/2 takes http2Places of it.
	perConnection = 32 << 10
)

// Retain is how many bytes over a fresh worker's a worker may hold after a job
// before it is replaced.
const Retain = 4 * mib

// The least that the parts can work with, in bytes.
const (
	// minTransform fits the thumbnail of a 12 MP baseline JPEG or PNG, by the
	// estimate, without emptying the cache for it.
	minTransform = 32 * mib
	minBodies    = 16 * mib
	// recommendedTransform is how much of the transform budget each worker has to
	// find before an automatic count adds another: a thumbnail of a 29 MP
	// photograph takes less.
	recommendedTransform = 24 * mib
	// minConnections and maxConnections bound the part of connections.
	minConnections = 256 * perConnection
	maxConnections = 16384 * perConnection
	// recommendedSlack is the slack of a limit between 192 and 240 MiB.
	recommendedSlack = 24 * mib
)

// maxLimit is a PiB: a larger limit would overflow, and there is no such memory.
const maxLimit = 1 << 50

// ErrLimit: the memory limit is too small for what was asked of it.
var ErrLimit = errors.New("the memory limit is too small")

// PlanInput is what a Plan is made from.
type PlanInput struct {
	// Limit is the most that all processes may use together, in bytes, and
	// LimitFrom says where it is from (see FindLimit).
	Limit     int64
	LimitFrom string
	// Workers is 0 for as many as MaxProcs and the limit afford.
	Workers int
	// MaxProcs is the number of processors; 0 means GOMAXPROCS.
	MaxProcs int
	// MaxWorkers is the most that Workers may be; 0 means that there is no bound.
	MaxWorkers int
	// CacheMemory is the size of the cache tier in memory, in bytes: 0 for a share
	// of the limit, less for no such tier.
	CacheMemory int64
	// CacheDisk is the size of the cache on disk, whose index is in memory, in
	// bytes: 0 or less for no such tier.
	CacheDisk int64
	// HiddenIndex is what the index of hidden sources may take, in bytes.
	HiddenIndex int64
	// Spans is what traces on their way to a collector may take, in bytes.
	Spans int64
}

// Plan splits a memory limit. All but the numbers of workers, fetches and clients
// are bytes:
//
//	Limit ≥ the idle server and the code of all processes + Connections + Workers idle workers
//	        + Slack + Cache and its headroom + Index + Sources + Results + Transforms
type Plan struct {
	Limit int64
	// LimitFrom says where the limit is from; see FindLimit.
	LimitFrom string
	// Workers is how many worker processes there are, each with one job at a time.
	Workers int
	// Fetches is how many sources may be fetched at once: many times what one host
	// is given, so that slow hosts do not hold up the others. Each has some 150 KiB
	// of buffers on the heap, which no source's bytes are in yet. They are part of
	// the slack.
	Fetches int
	// Clients is how many clients may be connected at once. Connections is the
	// memory that all of these take, whatever they wait for; transforms may have
	// what absent clients leave of it.
	Clients     int
	Connections int64
	// Slack is for memory that is not counted: fragmentation, page tables, sockets,
	// what a job takes over its estimate before it is stopped.
	Slack int64
	// Cache is what the entries of the memory tier may cost, their overhead
	// included, and for a 32nd the table of targets that were answered before; 0
	// is a tier switched off. Beside it there is
	// headroom for garbage that Go's collector has not found yet.
	Cache int64
	// Index is for indexes of what is on disk, and for traces.
	Index Indexes
	// Sources is for sources that are fetched and worked on, Results for results on
	// their way to clients.
	Sources, Results int64
	// Transforms is for the working sets of jobs.
	Transforms int64
	// Exclusive is the most that one job and all sources can have together: with
	// the cache emptied, every other worker let go, and no more than
	// ExclusiveClients connected.
	Exclusive int64
	// GoLimit is for GOMEMLIMIT (debug.SetMemoryLimit, of the server process); 0
	// leaves that alone. It overlaps the other parts: the server's heap,
	// Connections, the cache with its headroom, Index and Results. The bytes of
	// sources are outside of the heap.
	GoLimit int64
}

// NewPlan splits a limit. Fixed costs come first; of what is left, the cache
// and the bodies get a sixth of the limit each, but no more than a half and a
// quarter of what can be spared, and the transforms get the rest. Where they
// would have less than 32 MiB the error wraps ErrLimit and says what to change
// and which limit would do.
func NewPlan(in PlanInput) (Plan, error) {
	if in.MaxProcs <= 0 {
		in.MaxProcs = runtime.GOMAXPROCS(0)
	}
	in.Limit = min(in.Limit, maxLimit)
	if in.MaxWorkers <= 0 {
		in.MaxWorkers = math.MaxInt32
	}
	if in.Workers < 0 || in.Workers > in.MaxWorkers {
		return Plan{}, fmt.Errorf("%d workers: set --workers to 1 to %d, or to 0 for as many as fit",
			in.Workers, in.MaxWorkers)
	}
	p, ok := splitLimit(in)
	if !ok {
		return Plan{}, in.tooSmall()
	}
	return p, nil
}

// splitLimit makes the plan, or reports that the limit is too small for it. A
// larger limit than one that works always works.
func splitLimit(in PlanInput) (Plan, bool) {
	p := Plan{
		Limit:       in.Limit,
		LimitFrom:   in.LimitFrom,
		Workers:     max(in.Workers, 1),
		Fetches:     int(min(max(in.Limit/(4*mib), 32), 256)),
		Connections: connectionBytes(in.Limit),
		Slack:       slackBytes(in.Limit),
		Cache:       max(in.CacheMemory, 0),
	}
	p.Clients = int(p.Connections / perConnection)
	if p.Cache > p.Limit/gcHeap*gcEntries {
		return Plan{}, false
	}
	spare := p.Limit - p.Slack - in.leastBytes()
	if spare < 0 {
		return Plan{}, false
	}
	p.Index.Hidden, p.Index.Spans = max(in.HiddenIndex, 0), max(in.Spans, 0)
	p.Index.Disk = min(max(in.CacheDisk, 0)/recommendedRecord*recordBytes, p.Limit/128, spare/2)
	spare -= p.Index.Disk
	if in.CacheMemory == 0 {
		// The tier holds the cache and its headroom.
		p.Cache = min(p.Limit/6, spare/2) / gcHeap * gcEntries
	}
	bodies := minBodies + min(max(p.Limit/6-minBodies, 0), spare/4)
	p.Results = bodies / 4
	p.Sources = bodies - p.Results
	p.Transforms = p.Limit - p.Slack - fixedBytes - p.Connections - baseWorker*int64(p.Workers) -
		p.Cache - cacheHeadroom(p.Cache) - p.Index.sum() - bodies
	if in.Workers == 0 {
		p.assignWorkers(min(in.MaxProcs, in.MaxWorkers))
	}
	p.Exclusive = p.Limit - fixedBytes - ExclusiveClients*perConnection - p.Slack - baseWorker -
		p.Index.sum() - p.Results
	p.GoLimit = serverHeap + p.Connections + p.Cache + cacheHeadroom(p.Cache) + p.Index.sum() + p.Results
	return p, true
}

// assignWorkers adds workers to the first one, as far as each keeps its share of the
// transform budget, out of which they are paid.
func (p *Plan) assignWorkers(most int) {
	room := p.Transforms + baseWorker
	n := min(room/(baseWorker+recommendedTransform), int64(most))
	p.Workers = int(max(n, 1))
	p.Transforms = room - int64(p.Workers)*baseWorker
}

// slackBytes is a tenth of the limit; of a small one an eighth, up to 24 MiB.
func slackBytes(limit int64) int64 { return max(limit/10, min(limit/8, recommendedSlack)) }

// connectionBytes is an eighth of the limit; less where that is under 256 MiB, down
// to 8 MiB of 128.
func connectionBytes(limit int64) int64 {
	n := limit / 8
	if limit < 256*mib {
		n = minConnections + max(limit-128*mib, 0)/128*24
	}
	return min(n, maxConnections)
}

// So many bytes of entries take so many bytes of the heap before Go's collector
// has run, garbage included.
const gcEntries, gcHeap = 5, 7

// gcOverhead is how many bytes of the heap a byte of entries takes.
const gcOverhead = float64(gcHeap) / gcEntries

// cacheHeadroom is how much garbage lies beside entries that GOMEMLIMIT bounds.
func cacheHeadroom(cache int64) int64 { return cache / gcEntries * (gcHeap - gcEntries) }

// leastBytes is what the input needs besides slack.
func (in PlanInput) leastBytes() int64 {
	cache := max(in.CacheMemory, 0)
	return fixedBytes + connectionBytes(in.Limit) + int64(max(in.Workers, 1))*baseWorker + minBodies + minTransform +
		cache + cacheHeadroom(cache) + max(in.HiddenIndex, 0) + max(in.Spans, 0)
}

func (in PlanInput) tooSmall() error {
	advice := []string{"raise --memory-limit, or the limit of the container"}
	if in.Workers > 1 {
		advice = append(advice, fmt.Sprintf("lower --workers (%d)", in.Workers))
	}
	if in.CacheMemory > 0 {
		advice = append(advice, fmt.Sprintf("lower --cache-memory (%s)", formatExact(in.CacheMemory)))
	}
	if in.HiddenIndex > 0 {
		advice = append(advice, "lower --max-hidden-sources")
	}
	if in.Spans > 0 {
		advice = append(advice, "lower OTEL_BSP_MAX_QUEUE_SIZE")
	}
	from := ""
	if in.LimitFrom != "" {
		from = " (" + in.LimitFrom + ")"
	}
	return fmt.Errorf("%w: %s%s, and at least %s is needed; %s",
		ErrLimit, formatExact(in.Limit), from, formatExact(in.Least()), strings.Join(advice, ", or "))
}

// Least is the smallest limit that works for the input, in whole MiB.
func (in PlanInput) Least() int64 {
	n := sort.Search(maxLimit/mib, func(n int) bool {
		in.Limit = int64(n) * mib
		_, ok := splitLimit(in)
		return ok
	})
	return int64(n) * mib
}

// ExclusiveClients is how many clients may be connected while a job has all that
// Exclusive says.
const ExclusiveClients = 64

// perClient is what a client takes, in bytes.
func (p Plan) perClient() int64 { return p.Connections / int64(max(p.Clients, 1)) }

// LimitFor is the least limit, in whole MiB, under which bytes fit as Exclusive
// has it; 0 where no limit does.
func LimitFor(bytes int64) int64 {
	return leastLimit(func(p Plan) bool { return p.Exclusive >= bytes })
}

// LimitForSource is the least limit, in whole MiB, under which a source of so
// many bytes fits into its share whatever the cache is; 0 where no limit does.
func LimitForSource(bytes int64) int64 {
	return leastLimit(func(p Plan) bool { return p.Sources >= bytes })
}

// leastLimit searches for the least limit, in whole MiB, that does; 0 where none does.
func leastLimit(works func(Plan) bool) int64 {
	n := sort.Search(maxLimit/mib, func(n int) bool {
		p, ok := splitLimit(PlanInput{
			Limit: int64(n) * mib, MaxProcs: 1, MaxWorkers: 1, CacheMemory: -1, CacheDisk: maxLimit,
		})
		return ok && works(p)
	})
	if n == maxLimit/mib {
		return 0
	}
	return int64(n) * mib
}

// String is the split in one line.
func (p Plan) String() string {
	from := ""
	if p.LimitFrom != "" {
		from = " (" + p.LimitFrom + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "memory limit %s%s = server %s + connections %s + workers %d × %s + slack %s",
		formatBytes(p.Limit), from, formatBytes(fixedBytes), formatBytes(p.Connections), p.Workers,
		formatBytes(baseWorker), formatBytes(p.Slack))
	if p.Index.Spans > 0 {
		fmt.Fprintf(&b, " + traces %s", formatBytes(p.Index.Spans))
	}
	fmt.Fprintf(&b, " + cache %s + its headroom %s + disk index %s + bodies %s + transforms %s; GOMEMLIMIT %s",
		formatBytes(p.Cache), formatBytes(cacheHeadroom(p.Cache)), formatBytes(p.Index.onDisk()),
		formatBytes(p.Sources+p.Results), formatBytes(p.Transforms), formatBytes(p.GoLimit))
	return b.String()
}

// Part is some of the memory, by name, in bytes.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Parts are the split. They sum to Limit.
func (p Plan) Parts() []Part {
	parts := []Part{
		{"server", fixedBytes}, {"connections", p.Connections}, {"workers", int64(p.Workers) * baseWorker},
		{"cache", p.Cache}, {"cache headroom", cacheHeadroom(p.Cache)}, {"disk index", p.Index.onDisk()},
		{"bodies", p.Sources + p.Results}, {"transforms", p.Transforms},
	}
	if p.Index.Spans > 0 {
		parts = append(parts, Part{"traces", p.Index.Spans})
	}
	rest := p.Limit
	for _, part := range parts {
		rest -= part.Bytes
	}
	return append(parts, Part{"slack", rest})
}

// OfCgroup: the limit is the memory cgroup's.
func (p Plan) OfCgroup() bool { return strings.HasPrefix(p.LimitFrom, fromCgroup) }

// LogValue implements slog.LogValuer: the split as one group.
func (p Plan) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("limit", formatBytes(p.Limit)),
		slog.String("from", p.LimitFrom),
		slog.String("server", formatBytes(fixedBytes)),
		slog.String("connections", formatBytes(p.Connections)),
		slog.Int("workers", p.Workers),
		slog.String("worker", formatBytes(baseWorker)),
		slog.String("slack", formatBytes(p.Slack)),
		slog.String("cache", formatBytes(p.Cache)),
		slog.String("cache_headroom", formatBytes(cacheHeadroom(p.Cache))),
		slog.String("disk_index", formatBytes(p.Index.onDisk())),
		slog.String("traces", formatBytes(p.Index.Spans)),
		slog.String("bodies", formatBytes(p.Sources+p.Results)),
		slog.String("transforms", formatBytes(p.Transforms)),
		slog.String("gomemlimit", formatBytes(p.GoLimit)),
	)
}

// formatBytes writes n for people, to a tenth of a MiB or, from 10 GiB, of a GiB.
func formatBytes(n int64) string {
	value, unit := float64(n)/mib, "MiB"
	if n >= 10<<30 {
		value, unit = value/1024, "GiB"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + unit
}

// formatExact writes n exactly, in the unit in which that takes the fewest characters: 1.5GiB. Sizes in the
// configuration are written so, too, and a message names them as they were set.
func formatExact(n int64) string {
	best := strconv.FormatInt(n, 10)
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		size := int64(1) << (10 * (i + 1))
		if n < size || n%size*1000%size != 0 { // it would need more than three decimals
			continue
		}
		text := strconv.FormatFloat(float64(n)/float64(size), 'f', -1, 64) + unit
		if len(text) <= len(best) {
			best = text
		}
	}
	return best
}
