package purge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrBus: the bus did not take a purge, or could not be asked. It may have taken it all the same.
var ErrBus = errors.New("purge bus does not respond")

// Lag settings of a Cluster.
const (
	// DefaultMaxLag is how long a server may go without news of the bus.
	DefaultMaxLag = 5 * time.Second
	// LeastMaxLag keeps a slow round trip from being an outage.
	LeastMaxLag = time.Second
)

// ClusterConfig configures a Cluster.
type ClusterConfig struct {
	// Server is the name of this server, which no other one has.
	Server string
	// MaxLag is how long the server vouches for its entries without news of the bus, and how long others wait
	// for it; default DefaultMaxLag, at least LeastMaxLag.
	MaxLag time.Duration
	// Policy is what the server does with its entries after that.
	Policy Doubt
	// Log is for outages; nil discards them.
	Log *slog.Logger
	// Applied, unless nil, is told of each purge that was applied, whichever server it is from.
	Applied func(Mode)
}

// Cluster keeps a Clock in step with those of other servers. What it guarantees, as long as the bus keeps what
// it took: a purge that was confirmed by all is applied by each server, or that server's lease has ended, so that
// its clock is in doubt. A bus that lost or skipped messages is found out, and everything is purged.
//
// It is safe for concurrent use.
type Cluster struct {
	clock *Clock
	bus   Bus
	cfg   ClusterConfig
	now   func() time.Time

	stop    context.CancelFunc
	stopped chan struct{}

	mu sync.Mutex
	// moved is closed, and made anew, when the position moves.
	moved   chan struct{}
	recent  recentTokens
	last    lastRounds
	joined  time.Time
	heard   time.Time
	behind  uint64
	figures clusterFigures
}

// Join makes a clock one of a cluster. It does not wait for the bus: until that was read to its end, the clock
// is in doubt. The caller must Close the Cluster before the clock and before the bus.
func Join(clock *Clock, bus Bus, cfg ClusterConfig) (*Cluster, error) {
	if cfg.Server == "" {
		return nil, errors.New("purge: a server of a cluster needs a name")
	}
	if cfg.MaxLag == 0 {
		cfg.MaxLag = DefaultMaxLag
	}
	if cfg.MaxLag < LeastMaxLag {
		return nil, fmt.Errorf("purge: MaxLag is %v, less than %v", cfg.MaxLag, LeastMaxLag)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Applied == nil {
		cfg.Applied = func(Mode) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &Cluster{
		clock: clock, bus: bus, cfg: cfg, now: clock.cfg.Now,
		stop: stop, stopped: make(chan struct{}), moved: make(chan struct{}),
		joined: clock.cfg.Now(),
	}
	g.endLease()
	go g.follow(ctx)
	return g, nil
}

// endLease puts the clock in doubt.
func (g *Cluster) endLease() { g.clock.lease.Store(&lease{until: g.now(), policy: g.cfg.Policy}) }

// Close leaves the cluster. The clock goes on in doubt, at once: from then on nobody waits for this server.
func (g *Cluster) Close() {
	g.stop()
	<-g.stopped
	g.endLease()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = g.bus.Withdraw(ctx, g.cfg.Server) // or the others wait for it, no longer than its announcement holds
}

// Timing of a round. A call that takes longer than callTimeout has failed; its answer would be no news.
const (
	callTimeout = 2 * time.Second
	leastPause  = 50 * time.Millisecond
	mostPause   = time.Second
)

// mostMessages is how many messages are read at once. They take one write to the purge log.
const mostMessages = 256

// readWait is how long a Read waits: the announcement and the lease are renewed in between.
func (g *Cluster) readWait() time.Duration { return min(time.Second, g.cfg.MaxLag/4) }

// follow reads the bus until the Cluster is closed.
func (g *Cluster) follow(ctx context.Context) {
	defer close(g.stopped)
	pause := leastPause
	for ctx.Err() == nil {
		err := g.round(ctx)
		g.recordRound(err)
		if err == nil {
			pause = leastPause
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

func (g *Cluster) recordRound(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		if g.last.failing {
			g.cfg.Log.Info("purge bus responds again")
		}
		g.last.failing = false
	case !errors.Is(err, context.Canceled):
		g.figures.failures++
		g.last.emptied = false
		if !g.last.failing {
			g.cfg.Log.Warn("purge bus does not respond: purges of other servers are not heard of",
				"err", err, "then", g.cfg.Policy.String(), "after", g.cfg.MaxLag.String())
		}
		g.last.failing = true
	}
}

// round asks what the bus has, renews the lease where all of it is applied, and applies what comes next.
func (g *Cluster) round(ctx context.Context) error {
	began := g.now()
	mayVouch, err := g.mayVouch(ctx)
	if err != nil {
		return err
	}
	span, err := callBus(ctx, g.bus.Span)
	if err != nil {
		return err
	}
	if err := g.adopt(ctx, span); err != nil {
		return err
	}
	at := g.clock.Position()
	g.mu.Lock()
	g.behind = span.Last - min(span.Last, at.Seq)
	g.mu.Unlock()
	wait := time.Duration(0)
	if at.Seq >= span.Last {
		if mayVouch || g.isEmptied() {
			if err := g.announce(ctx, at, began); err != nil {
				return err
			}
		}
		wait = g.readWait()
	}
	messages, err := callBusFor(ctx, wait+callTimeout, func(ctx context.Context) ([]Message, error) {
		return g.bus.Read(ctx, at.Seq, mostMessages, wait)
	})
	if err != nil {
		return err
	}
	g.apply(at.Bus, messages)
	return nil
}

// announcementTTL is for how long the others wait for a server that they hear nothing of: its lease and a little
// more, as clocks do not run alike.
func (g *Cluster) announcementTTL() time.Duration { return g.cfg.MaxLag + g.cfg.MaxLag/10 }

// callBus bounds a call of the bus. It does not wait for a call whose ctx has ended: a client of Redis stays with a
// connection that hangs.
func callBus[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	return callBusFor(ctx, callTimeout, call)
}

// callBusFor is callBus with another timeout.
func callBusFor[T any](ctx context.Context, most time.Duration, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		timed, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		value, err := call(timed)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// announce tells how far this server is, then renews its lease: others go on to wait for the server as long as
// the lease holds, and a little longer.
func (g *Cluster) announce(ctx context.Context, at Position, began time.Time) error {
	m := Member{Server: g.cfg.Server, Seq: at.Seq, Token: at.Token}
	_, err := callBus(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.bus.Announce(ctx, m, g.announcementTTL())
	})
	if err != nil {
		return err
	}
	g.clock.lease.Store(&lease{until: began.Add(g.cfg.MaxLag), policy: g.cfg.Policy})
	g.mu.Lock()
	g.heard, g.last.emptied = began, false
	g.mu.Unlock()
	return nil
}

// adopt compares the position with what the bus has. Where purges may be missing between them, everything is
// purged, and the position is one from which the bus can be read on.
func (g *Cluster) adopt(ctx context.Context, span Span) error {
	at, start := g.clock.Position(), Position{Bus: span.ID, Seq: span.First - 1}
	switch {
	case !isID(span.ID) || span.First == 0 || span.First > span.Last+1:
		return fmt.Errorf("%w: it has no valid identity or order", ErrBus)
	case at.Bus == "":
		g.purgeAll("the bus is new to this server", start)
	case at.Bus != span.ID:
		g.purgeAll("the bus is another one", start)
	case at.Seq > span.Last:
		return g.spreadLoss(ctx, "the bus has lost purges", start)
	case at.Seq+1 < span.First:
		g.purgeAll("the bus has dropped purges that this server had not read", start)
	case at.Seq >= span.First:
		return g.checkToken(ctx, at, span)
	}
	return nil
}

// checkToken asks whether the message at the position is still the one that was applied: a bus that was started
// anew may have lost it, and have another one there by now.
func (g *Cluster) checkToken(ctx context.Context, at Position, span Span) error {
	messages, err := callBus(ctx, func(ctx context.Context) ([]Message, error) {
		return g.bus.Read(ctx, at.Seq-1, 1, 0)
	})
	if err != nil {
		return err
	}
	if len(messages) > 0 && messages[0].Seq == at.Seq {
		if token, _, _, _ := decodeNotice(messages[0].Data); token == at.Token {
			return nil
		}
	}
	return g.spreadLoss(ctx, "the bus has lost purges and has others in their place",
		Position{Bus: span.ID, Seq: span.First - 1})
}

// purgeAll purges everything on this server alone.
func (g *Cluster) purgeAll(why string, at Position) {
	g.cfg.Log.Warn("purging everything: "+why, "bus", at.Bus, "from", at.Seq+1)
	g.applyShared(sharedPurge{Hard, []Target{{Kind: All}}, at})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recent, g.last.emptied = recentTokens{}, true
	g.figures.resets++
}

// apply applies messages. One that cannot be read may be a purge of anything.
func (g *Cluster) apply(bus string, messages []Message) {
	var purges []sharedPurge
	last := g.clock.Position().Seq
	for _, m := range messages {
		if m.Seq <= last {
			continue
		}
		token, mode, targets, err := decodeNotice(m.Data)
		if err == nil && m.Seq > last+1 {
			err = errors.New("purges before it are missing")
		}
		if err != nil {
			g.cfg.Log.Warn("purging everything: a message of the purge bus cannot be applied", "sequence", m.Seq,
				"err", err)
			mode, targets = Hard, []Target{{Kind: All}}
			g.mu.Lock()
			g.figures.resets++
			g.mu.Unlock()
		}
		purges = append(purges, sharedPurge{mode, targets, Position{Bus: bus, Seq: m.Seq, Token: token}})
		last = m.Seq
	}
	if len(purges) > 0 {
		g.applyShared(purges...)
	}
}

// applyShared applies purges, and tells whoever waits for them.
func (g *Cluster) applyShared(purges ...sharedPurge) {
	g.clock.applyShared(purges...)
	g.mu.Lock()
	for _, p := range purges {
		g.recent.add(p.at.Seq, p.at.Token)
	}
	g.figures.applied += uint64(len(purges))
	close(g.moved)
	g.moved = make(chan struct{})
	g.mu.Unlock()
	for _, p := range purges {
		g.cfg.Applied(p.mode)
	}
}

// recentTokens are the tokens of the last messages applied.
type recentTokens struct {
	ring [1024]struct {
		seq   uint64
		token string
	}
}

func (r *recentTokens) add(seq uint64, token string) {
	slot := &r.ring[seq%uint64(len(r.ring))]
	slot.seq, slot.token = seq, token
}

// denies says that a sequence is known to have another token.
func (r *recentTokens) denies(seq uint64, token string) bool {
	slot := r.ring[seq%uint64(len(r.ring))]
	return slot.seq == seq && slot.token != token
}

// newToken is one that no other message has.
func newToken() string {
	var b [8]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
