package purge

import "context"

// lastRounds is what the rounds before left behind.
type lastRounds struct {
	failing bool // the last one failed, and that was logged
	// emptied: everything was purged for want of purges, since the last lease and the last failure.
	emptied bool
}

// spreadLoss purges everything, here and on each server that reads the bus from where it is now: one that was away has
// not read what was lost, and could not know. The message is sent first, as after the purge nobody would.
func (g *Cluster) spreadLoss(ctx context.Context, why string, at Position) error {
	all := encodeNotices(g.cfg.Server, Hard, []Target{{Kind: All}})
	_, err := callBus(ctx, func(ctx context.Context) (uint64, error) { return g.bus.Append(ctx, all...) })
	if err != nil {
		return err
	}
	g.purgeAll(why, at)
	return nil
}

// mayVouch says whether a server whose lease has ended may have another one, where it has read the bus to its end. The
// bus may have been put back to an older copy meanwhile, whose end the server had not read: those who had find that
// out, and say so, once they reach the bus. So it must have run for as long as they wait for each other, or the server
// has nothing that is older. It is asked before the end of the bus is, so that what they said is before that end.
func (g *Cluster) mayVouch(ctx context.Context) (bool, error) {
	if !g.clock.InDoubt(g.now()) {
		return true, nil
	}
	return callBus(ctx, func(ctx context.Context) (bool, error) {
		_, memory, err := g.bus.Members(ctx)
		return memory >= g.announcementTTL(), err
	})
}

// isEmptied says whether there is nothing that is older than the purge of everything.
func (g *Cluster) isEmptied() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last.emptied
}
