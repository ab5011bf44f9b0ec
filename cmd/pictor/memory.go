package main

import (
	"errors"
	"os"
	"runtime/debug"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// makePlan splits the memory limit that holds now.
func makePlan(cfg *config.Serve) (memory.Plan, error) {
	limit, from, err := memory.FindLimit(int64(cfg.MemoryLimit))
	if err != nil {
		return memory.Plan{}, err
	}
	return memory.NewPlan(planInput(cfg, limit, from))
}

func planInput(cfg *config.Serve, limit int64, from string) memory.PlanInput {
	return memory.PlanInput{Limit: limit, LimitFrom: from, Workers: cfg.Workers, MaxWorkers: config.MaxWorkers,
		CacheMemory: int64(cfg.CacheMemory), CacheDisk: int64(cfg.CacheDisk),
		HiddenIndex: hiddenIndexBytes(cfg), Spans: spanBytes()}
}

// serverPlan is the plan for the server, which holds Go's heap to its part, too, unless
// GOMEMLIMIT says otherwise.
func serverPlan(p memory.Plan) memory.Plan {
	if os.Getenv("GOMEMLIMIT") != "" {
		p.GoLimit = 0
	}
	return p
}

// lookEvery is how often the limit is read again: an orchestrator may resize
// a running container.
const lookEvery = 5 * time.Second

// followLimit splits the limit anew when it has changed. It runs for as long
// as the process.
func (p *parts) followLimit(cfg *config.Serve, plan memory.Plan) {
	known := plan.Limit
	for range time.Tick(lookEvery) {
		limit, from, err := memory.FindLimit(int64(cfg.MemoryLimit))
		if err != nil || limit == known {
			continue // unreadable for a moment: what was known goes on
		}
		known = limit
		in := planInput(cfg, limit, from)
		plan, err := memory.NewPlan(in)
		if errors.Is(err, memory.ErrLimit) {
			// There is no stopping now that requests are under way: the
			// least that can be done is to take as little as possible.
			p.log.Error("memory limit is now too small: continuing with the smallest plan that works", "err", err)
			in.Limit = in.Least()
			plan, err = memory.NewPlan(in)
		}
		if err != nil {
			p.log.Error("memory limit has changed and cannot be split: keeping the previous plan", "err", err)
			continue
		}
		if err := p.server.Resize(serverPlan(plan)); err != nil {
			p.log.Error("memory limit has changed and cannot be applied: keeping the previous plan", "err", err)
			continue
		}
		debug.FreeOSMemory()
		p.log.Info("memory plan changed", "split", plan)
	}
}
