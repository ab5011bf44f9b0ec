package memory

import (
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memstat"
	"github.com/pictor-proxy/pictor/transform"
)

// Shares are the parts of the memory limit that the server deals out: in
// bytes, all but Workers, Fetches and Connections.
type Shares struct {
	// Workers is how many jobs may take place at once, Fetches how many
	// sources are fetched: many times what one host is given, so that slow ones
	// do not hold up the others.
	Workers, Fetches int
	// Connections is how many clients may be connected at once, of a server
	// that LimitListener was called for, and PerConnection what each takes, in bytes.
	// What those do not take who are not there, transforms may have.
	Connections   int
	PerConnection int64
	// Bodies is for sources in flight, Transforms for the working sets of
	// jobs, Sending for results on their way to clients.
	Bodies, Transforms, Sending int64
	// Cache is what the entries of the RAM cache may cost.
	Cache int64
	// Heap is what Go's own memory is held to, the cache included
	// (debug.SetMemoryLimit, of the whole process); 0 leaves it alone.
	Heap int64
	// Limit is what all of these are parts of, LimitFrom says where it is from,
	// OfCgroup that it is the one of the memory cgroup, which may hold others
	// than pictor, and Plan how it is split; for looking at what is really in
	// use, and for showing it.
	Limit     int64
	LimitFrom string
	OfCgroup  bool
	Plan      []Part
	// Alone is what one job and all sources may take together when there is
	// no other job, nothing in the cache, and no more than 64 clients; 0 means
	// no more than Transforms.
	Alone int64
}

// transforms is what jobs may take while so many clients are connected.
func (sh Shares) transforms(clients int) int64 {
	return sh.Transforms + int64(max(sh.Connections-clients, 0))*sh.PerConnection
}

// exclusive is what a job by itself may take while so many clients are connected.
func (sh Shares) exclusive(clients int) int64 {
	return sh.Alone - int64(max(clients-ExclusiveClients, 0))*sh.PerConnection
}

// Budgets admit what takes place: by bytes, and fetches and jobs by number, so
// that a request waits here and not with a connection or a working set in its
// hands.
type Budgets struct {
	Fetches, Workers, Sources, Transforms *budget.Budget
	// Responses is for large results on their way to clients, SmallResponses for
	// the others.
	Responses, SmallResponses *budget.Budget
	// Exclusive has room for one job that has all to itself.
	Exclusive *budget.Budget
}

func newBudgets(sh Shares, wait time.Duration) (Budgets, error) {
	var b Budgets
	small, large := SplitResponses(sh.Sending)
	for into, capacity := range map[**budget.Budget]int64{
		&b.Fetches: int64(sh.Fetches), &b.Workers: int64(sh.Workers), &b.Exclusive: 1,
		&b.Sources: sh.Bodies, &b.Transforms: sh.Transforms, &b.Responses: large, &b.SmallResponses: small,
	} {
		var err error
		cut := into == &b.Responses || into == &b.SmallResponses // whose readers are cut off for others
		if *into, err = budget.New(budget.Config{Capacity: capacity, MaxWait: wait, TakenBack: cut}); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Cache is the RAM cache, which gives way to jobs.
type Cache interface {
	// Resize changes how many bytes its entries may cost.
	Resize(maxBytes int64)
	Stats() cache.Stats
}

// Workers are the processes that do jobs.
type Workers interface {
	Workers() []transform.Worker
	// LetGo ends those that are idle, all but one.
	LetGo()
	// Sandbox is what confines them.
	Sandbox() []transform.Layer
}

// Config configures a Governor.
type Config struct {
	// Shares are what may be dealt out at first; see Resize.
	Shares Shares
	// QueueWait is the longest that a request waits for one budget.
	QueueWait time.Duration
	Cache     Cache
	// Workers is nil where jobs are not done by other processes.
	Workers Workers
	// LimitFor is the memory limit under which a job of so many bytes, its
	// source included, would fit; for the texts of errors.
	LimitFor func(bytes int64) int64
	// RefusalID gives a request id for each client that there is no room for.
	RefusalID func() string
	// OnIdle, unless nil, is called when work has ended for a while, beside giving
	// back the heap.
	OnIdle func()
	// Log gets changes of the level; nil means none of it.
	Log *slog.Logger
}

// Governor is the one owner of the memory limit. It is safe for concurrent use.
type Governor struct {
	// Budgets, Connections and Responses are what the limit is dealt out by.
	Budgets     Budgets
	Connections *Connections
	Responses   *Responses

	cfg       Config
	log       *slog.Logger
	shares    shares
	exclusive exclusiveQueue
	// exclusiveClients is how many clients may be connected while a job runs
	// exclusively; 0 where none does.
	exclusiveClients atomic.Int64
	// exclusiveBytes is what the job that runs exclusively was admitted with.
	exclusiveBytes atomic.Int64
	pressure       pressure
	// measure gives the memory really in use, and what of it other programs use
	// that live in the same cgroup.
	measure func() (real, others int64, err error)
	// lastReclaim, the watch's own, is when memory was last taken back because it
	// was short.
	lastReclaim time.Time
	// activity grows with whatever makes the heap grow.
	activity atomic.Int64
	group    *memstat.Group
}

// shares are the ones in force, and what of them is given to others for now.
type shares struct {
	mu  sync.Mutex
	now Shares
	// yielded: the cache gives way to a job, and has only so much.
	yielded bool
	cache   int64
	// level is the part of the cache and of transforms that memory allows, at
	// most 1.
	level float64
	// others is what other programs in the same cgroup take, in bytes.
	others int64
	// settled is the others that the shares in force allow for.
	settled int64
}

// New makes a Governor and puts its shares in force.
func New(cfg Config) (*Governor, error) {
	b, err := newBudgets(cfg.Shares, cfg.QueueWait)
	if err != nil {
		return nil, err
	}
	g := &Governor{
		Budgets: b, cfg: cfg, log: cfg.Log, Connections: NewConnections(cfg.Shares.Connections, cfg.RefusalID),
		Responses: NewResponses(ResponseBudgets{Small: b.SmallResponses, Large: b.Responses, Transforms: b.Transforms}),
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.measure, g.shares.level = g.sampleMemory, 1
	g.group, _ = memstat.FindGroup() // without one its figures are missing
	g.Connections.OnChange, g.Connections.DynamicLimit = g.clientsChanged, g.clientLimit
	g.Connections.CutSlowest = g.Responses.CutSlowest
	if err := g.Resize(cfg.Shares); err != nil {
		return nil, err
	}
	return g, nil
}

// Resize puts other shares in force. What was admitted by the old ones goes on
// to its end, so it takes a while until the new ones hold.
func (g *Governor) Resize(sh Shares) error {
	if sh.Workers <= 0 || sh.Fetches <= 0 || sh.Connections <= 0 || sh.Bodies <= 0 || sh.Transforms <= 0 || sh.Sending <= 0 {
		return errors.New("memory: a share is missing")
	}
	g.Connections.Resize(sh.Connections) // without the lock, which closing a connection wants
	g.shares.mu.Lock()
	defer g.shares.mu.Unlock()
	g.shares.now = sh
	g.Budgets.Workers.Resize(int64(sh.Workers))
	g.Budgets.Fetches.Resize(int64(sh.Fetches))
	g.Budgets.Sources.Resize(sh.Bodies)
	small, large := SplitResponses(sh.Sending)
	g.Budgets.SmallResponses.Resize(small)
	g.Budgets.Responses.Resize(large)
	g.applyLimits()
	return nil
}

// applyLimits puts the shares in force, less what is given to others for now. What
// the cache and absent clients give up must not be taken by gcOverhead, so the
// heap is held to less by that. The lock is held.
func (g *Governor) applyLimits() {
	sh, clients := g.shares.now, g.Connections.RoundedCount()
	if !g.shares.yielded {
		g.shares.cache = sh.Cache
	}
	lent, keep, transforms := sh.afterExternal(g.shares.others, sh.transforms(clients)-sh.Transforms)
	keep = min(keep, g.shares.cache, int64(float64(sh.Cache)*g.shares.level))
	g.cfg.Cache.Resize(keep)
	g.Budgets.Transforms.Resize(max(int64(float64(transforms+lent)*g.shares.level), 1))
	if sh.Heap > 0 {
		debug.SetMemoryLimit(sh.Heap - lent - int64(float64(max(sh.Cache-keep, 0))*gcOverhead))
	}
}

// afterExternal is what is left of the shares beside so many bytes that others take:
// they come out of what clients that are not there lend, then out of the
// cache, then out of the transforms, of which an eighth stays in any case.
func (sh Shares) afterExternal(others, lend int64) (lent, cache, transforms int64) {
	n := min(others, lend)
	lent, others = lend-n, others-n
	n = min(int64(float64(others)/gcOverhead), sh.Cache-int64(float64(sh.Cache)*minLevel))
	cache, others = sh.Cache-n, max(others-int64(math.Ceil(float64(n)*gcOverhead+1)), 0)
	n = min(others, sh.Transforms-int64(float64(sh.Transforms)*minLevel))
	return lent, cache, sh.Transforms - n
}

// exclusiveBytesBeside is what a job by itself may take now.
func (g *Governor) exclusiveBytesBeside(clients int) int64 {
	g.shares.mu.Lock()
	defer g.shares.mu.Unlock()
	return g.shares.now.exclusive(clients) - g.shares.others
}

// clientLimit is how many clients may be connected now: not those whose share
// is in use by jobs, nor more than a job that runs alone allows for.
func (g *Governor) clientLimit() int {
	sh := g.sharesNow()
	if beside := g.exclusiveClients.Load(); beside > 0 {
		return int(beside)
	}
	// For the second or two that those jobs take clients may be too many, by
	// what the slack (a tenth of the limit) is: few use it at the same time.
	lent := g.Budgets.Transforms.Stats().InUse - sh.Transforms - sh.Limit/10
	if lent <= 0 || sh.PerConnection <= 0 {
		return sh.Connections
	}
	return max(sh.Connections-int(lent/sh.PerConnection), ExclusiveClients)
}

// NoteActivity says that work has begun, after which memory is given back.
func (g *Governor) NoteActivity() { g.activity.Add(1) }

// clientsChanged lends transforms what clients leave of their share.
func (g *Governor) clientsChanged() {
	g.NoteActivity()
	g.shares.mu.Lock()
	defer g.shares.mu.Unlock()
	g.applyLimits()
}

// pressed: memory runs short.
func (g *Governor) pressed() bool {
	g.shares.mu.Lock()
	defer g.shares.mu.Unlock()
	return g.shares.level < 1
}

func (g *Governor) sharesNow() Shares {
	g.shares.mu.Lock()
	defer g.shares.mu.Unlock()
	return g.shares.now
}
