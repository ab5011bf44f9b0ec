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
	"github.com/pictor-proxy/pictor/proxy/memstat"
	"github.com/pictor-proxy/pictor/transform"
)

// lendable is what jobs may take together while so many clients are connected:
// their part of the plan, and what absent clients leave of theirs.
func (p Plan) lendable(clients int) int64 {
	return p.Transforms + int64(max(p.Clients-clients, 0))*p.perClient()
}

// exclusiveBeside is what one job and all sources may take together while so many
// clients are connected.
func (p Plan) exclusiveBeside(clients int) int64 {
	return p.Exclusive - int64(max(clients-ExclusiveClients, 0))*p.perClient()
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
	// ReleaseIdle ends those that are idle, all but one.
	ReleaseIdle()
	// SetSpare says how many bytes of freed memory each may keep for its next job.
	SetSpare(bytes int64)
	// Sandbox is what confines them.
	Sandbox() []transform.Layer
}

// Config configures a Governor.
type Config struct {
	// Plan is what may be dealt out at first; see Resize.
	Plan Plan
	// QueueWait is the longest that a request waits for one budget.
	QueueWait time.Duration
	// LongestWork gives for how long work may hold what it reserved; nil for 50 s. FetchesWaiting, unless nil, gives
	// how many fetches wait for their budget.
	LongestWork    func() time.Duration
	FetchesWaiting func() int
	Cache          Cache
	// Workers is nil where jobs are not done by other processes.
	Workers Workers
	// RefusalID gives a request id for each client that there is no room for.
	RefusalID func() string
	// OnIdle, unless nil, is called when work has ended for a while, some time after the
	// heap was given back.
	OnIdle func()
	// Waited, unless nil, is told how long each request waited that a budget did not admit at once.
	Waited func(budget string, d time.Duration)
	// Log gets changes of the level; nil means none of it.
	Log *slog.Logger
}

// Governor is the one owner of the memory limit. It is safe for concurrent use.
type Governor struct {
	// Budgets, Connections, Responses and Uploads are what the limit is dealt out by.
	Budgets     Budgets
	Connections *Connections
	Responses   *Responses
	Uploads     *Uploads
	// Stuck finds budgets that do not move any more.
	Stuck StuckWatch

	cfg       Config
	log       *slog.Logger
	inForce   inForce
	exclusive exclusiveQueue
	pressure  pressure
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

// inForce is the plan in force, and what of it is given to others for now.
type inForce struct {
	mu   sync.Mutex
	plan Plan
	// cacheYields: the cache gives way to a job, and has only cacheBytes.
	cacheYields bool
	cacheBytes  int64
	// level is the part of the cache and of transforms that memory allows, at
	// most 1.
	level float64
	// external is what other programs in the same cgroup take, in bytes, beyond
	// what the slack has for them; externalApplied is that which the limits in
	// force allow for.
	external, externalApplied int64
	// noSpare: workers may not have spare memory, for the sake of a job that runs exclusively;
	// spare is what each may have, in bytes.
	noSpare bool
	spare   int64
}

// New makes a Governor and puts its plan in force.
func New(cfg Config) (*Governor, error) {
	b, err := newBudgets(cfg.Plan, cfg.QueueWait, cfg.Waited)
	if err != nil {
		return nil, err
	}
	g := &Governor{
		Budgets: b, cfg: cfg, log: cfg.Log, Connections: NewConnections(cfg.Plan.Clients, cfg.RefusalID),
		Responses: NewResponses(ResponseBudgets{Small: b.SmallResponses, Large: b.Responses, Transforms: b.Transforms}),
		Uploads:   NewUploads(b.Uploads, b.Sources),
	}
	g.Stuck.longestWork = cfg.LongestWork
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.measure, g.inForce.level = g.sampleMemory, 1
	g.group, _ = memstat.FindGroup() // without one its figures are missing
	g.Connections.OnChange, g.Connections.DynamicLimit = g.clientsChanged, g.clientLimit
	g.Connections.CutSlowest = func() bool { return g.Responses.CutSlowest() || g.Uploads.CutSlowest() }
	if err := g.Resize(cfg.Plan); err != nil {
		return nil, err
	}
	return g, nil
}

// Resize puts another plan in force. What was admitted by the old one goes on
// to its end, so it takes a while until the new one holds.
func (g *Governor) Resize(p Plan) error {
	if p.Workers <= 0 || p.Fetches <= 0 || p.Clients <= 0 || p.Sources <= 0 || p.Transforms <= 0 || p.Results <= 0 {
		return errors.New("memory: a part of the plan is missing")
	}
	g.Connections.Resize(p.Clients) // without the lock, which closing a connection wants
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	g.inForce.plan = p
	g.Budgets.Workers.Resize(int64(p.Workers))
	g.Budgets.Fetches.Resize(int64(p.Fetches))
	g.Budgets.Sources.Resize(p.Sources)
	g.Budgets.Uploads.Resize(shareOfUploads(p.Sources))
	small, large := SplitResponses(p.Results)
	g.Budgets.SmallResponses.Resize(small)
	g.Budgets.Responses.Resize(large)
	g.applyLimits()
	return nil
}

// applyLimits puts the parts of the cache, the transforms and the heap in force,
// less what is given to others for now. What the cache and absent clients give up
// must not be taken by garbage, so the heap is held to less by that. The lock is
// held.
func (g *Governor) applyLimits() {
	p, clients := g.inForce.plan, g.Connections.RoundedCount()
	if !g.inForce.cacheYields {
		g.inForce.cacheBytes = p.Cache
	}
	lent, keep, transforms := p.afterExternal(g.inForce.external, p.lendable(clients)-p.Transforms)
	spare := g.setSpare(lent)
	keep = min(keep, g.inForce.cacheBytes, int64(float64(p.Cache)*g.inForce.level))
	g.cfg.Cache.Resize(keep)
	g.Budgets.Transforms.Resize(max(int64(float64(transforms+lent-spare)*g.inForce.level), 1))
	if p.GoLimit > 0 {
		debug.SetMemoryLimit(p.GoLimit - lent - int64(float64(max(p.Cache-keep, 0))*gcOverhead))
	}
}

// afterExternal is what is left of the plan beside so many bytes that other
// programs take: they come out of what absent clients lend, then out of the cache,
// then out of the transforms, of which the least part stays in any case.
func (p Plan) afterExternal(external, lend int64) (lent, cache, transforms int64) {
	fromLent := min(external, lend)
	external -= fromLent
	fromCache := min(int64(float64(external)/gcOverhead), p.Cache-int64(float64(p.Cache)*minLevel))
	external = max(external-int64(math.Ceil(float64(fromCache)*gcOverhead+1)), 0)
	fromTransforms := min(external, p.Transforms-int64(float64(p.Transforms)*minLevel))
	return lend - fromLent, p.Cache - fromCache, p.Transforms - fromTransforms
}

// exclusiveNow is what one job and all sources may take together now, beside so
// many clients.
func (g *Governor) exclusiveNow(clients int) int64 {
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	return g.inForce.plan.exclusiveBeside(clients) - g.inForce.external
}

// clientLimit is how many clients may be connected now: not those whose part
// is in use by jobs, nor more than a job that runs exclusively allows for.
func (g *Governor) clientLimit() int {
	p := g.currentPlan()
	if limit := g.exclusive.clients.Load(); limit > 0 {
		return int(limit)
	}
	// For the second or two that those jobs take clients may be too many, by
	// what the slack (a tenth of the limit) is: few use it at the same time. Workers
	// give their spare memory back to clients with the end of their jobs, too.
	lent := g.Budgets.Transforms.Stats().InUse - p.Transforms - (p.Limit/10 - int64(p.Workers)*p.spareBytes())
	if lent <= 0 || p.perClient() <= 0 {
		return p.Clients
	}
	return max(p.Clients-int(lent/p.perClient()), ExclusiveClients)
}

// NoteActivity says that work has begun, after which memory is given back.
func (g *Governor) NoteActivity() { g.activity.Add(1) }

// clientsChanged lends transforms what clients leave of their part.
func (g *Governor) clientsChanged() {
	g.NoteActivity()
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	g.applyLimits()
}

// underPressure says whether memory is short.
func (g *Governor) underPressure() bool {
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	return g.inForce.level < 1
}

func (g *Governor) currentPlan() Plan {
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	return g.inForce.plan
}

// SetQueueWait changes Config.QueueWait, which must be above 0, for requests that begin to wait from now on.
func (g *Governor) SetQueueWait(d time.Duration) {
	for _, row := range g.Budgets.named() {
		(*row.budget).SetMaxWait(d)
	}
}
