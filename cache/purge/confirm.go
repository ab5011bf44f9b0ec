package purge

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Confirmation is how far a purge has come when its answer is given.
type Confirmation struct {
	Receipt
	// Bus is the identity of the bus that the sequence is of.
	Bus string
	// Servers have applied the purge. Pending have not yet, as far as is known; where that is not known at all,
	// as after a start of the bus, Unknown is set.
	Servers, Pending []string
	Unknown          bool
}

// Complete says whether no server serves what was purged.
func (c Confirmation) Complete() bool { return len(c.Pending) == 0 && !c.Unknown }

// Purge sends a purge to all servers. It returns when this one has applied it and, if all is set, when all others
// have, too, or have stopped to vouch for what they have; at the latest after a little more than MaxLag, with those
// who have not. A purge of many targets is several messages, and is answered when the last of them is applied. Errors
// are ErrBadTarget, ErrBus and the end of ctx; after the last two the purge, or a part of it, may still come.
func (g *Cluster) Purge(ctx context.Context, mode Mode, targets []Target, all bool) (Confirmation, error) {
	if err := checkTargets(mode, targets); err != nil {
		return Confirmation{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.MaxLag+2*time.Second)
	defer cancel()
	messages := encodeNotices(g.cfg.Server, mode, targets)
	seq, err := callBus(ctx, func(ctx context.Context) (uint64, error) { return g.bus.Append(ctx, messages...) })
	if err != nil {
		return Confirmation{}, fmt.Errorf("%w: %w", ErrBus, err)
	}
	if err := g.waitApplied(ctx, seq); err != nil {
		return Confirmation{}, err
	}
	c := Confirmation{Receipt: Receipt{Sequence: seq, Applied: g.now()}, Bus: g.clock.Position().Bus,
		Servers: []string{g.cfg.Server}}
	if all {
		g.waitForOthers(ctx, &c)
	}
	return c, nil
}

// waitApplied waits until this server has applied a message.
func (g *Cluster) waitApplied(ctx context.Context, seq uint64) error {
	for {
		g.mu.Lock()
		moved := g.moved
		g.mu.Unlock()
		if g.clock.Position().Seq >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-g.stopped:
			return fmt.Errorf("%w: the server is shutting down", ErrBus)
		case <-ctx.Done():
			return fmt.Errorf("%w: the purge was sent and has not come back", ErrBus)
		}
	}
}

// pollOthers is how often it is asked how far the others are.
const pollOthers = 20 * time.Millisecond

// waitForOthers fills in who has applied a purge, until all have or ctx ends.
func (g *Cluster) waitForOthers(ctx context.Context, c *Confirmation) {
	for {
		list, memory, err := g.bus.Members(ctx)
		switch {
		case err == nil:
			c.Servers, c.Pending = g.split(list, c.Sequence)
			c.Unknown = memory < g.announcementTTL()
		case ctx.Err() == nil || len(c.Pending) == 0:
			c.Unknown = true
		}
		if c.Complete() {
			c.Applied = g.now()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollOthers):
		}
	}
}

// split sorts servers by whether they have applied a message.
func (g *Cluster) split(list []Member, seq uint64) (applied, pending []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range list {
		switch {
		case m.Server == g.cfg.Server:
		case m.Seq < seq || g.recent.denies(m.Seq, m.Token):
			pending = append(pending, m.Server)
		default:
			applied = append(applied, m.Server)
		}
	}
	applied = append(applied, g.cfg.Server)
	slices.Sort(applied)
	slices.Sort(pending)
	return applied, pending
}

type clusterFigures struct{ applied, resets, failures uint64 }

// ClusterStats are figures of a Cluster.
type ClusterStats struct {
	// Sequence is that of the last message applied, and Behind how many the bus has behind it.
	Sequence, Behind uint64
	// Silence is for how long the bus has not been heard of, and Heard whether it ever was since Join.
	Silence time.Duration
	Heard   bool
	// InDoubt says that the policy for that is in force.
	InDoubt bool
	// Applied, Resets and Failures count messages, purges of everything for want of them, and calls of the bus
	// that failed.
	Applied, Resets, Failures uint64
}

// Stats does not ask the bus.
func (g *Cluster) Stats() ClusterStats {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	s := ClusterStats{
		Sequence: g.clock.Position().Seq, Behind: g.behind, InDoubt: g.clock.lease.Load().over(now),
		Applied: g.figures.applied, Resets: g.figures.resets, Failures: g.figures.failures,
		Silence: now.Sub(g.joined), Heard: !g.heard.IsZero(),
	}
	if s.Heard {
		s.Silence = now.Sub(g.heard)
	}
	return s
}
