package flight

import (
	"context"
	"fmt"
	"time"
)

// Flight is one run of a Work, with the callers that wait for it or use what it made.
type Flight[K comparable, V any] struct {
	// Started is when the flight began, and Seq what Config.Sequence said then.
	Started time.Time
	Seq     uint64
	// Value and Err are the outcome. They are set before Complete is called, which may change them until it calls
	// Settle or Deliver. A caller reads them after Done, or where Lookup says that the flight is settled.
	Value V
	Err   error

	group  *Group[K, V]
	key    K
	work   Work[K, V]
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	state state[K, V]
}

// state is the part of a flight that the group's lock guards.
type state[K comparable, V any] struct {
	// waiters are the callers that have joined and not left. The run itself is none.
	waiters int
	// committed: the flight goes on without waiters.
	committed bool
	// completions is the group's count for the key at the start.
	completions uint64
	settled     bool
	delivered   bool
	finished    bool
	// over is closed with finished; nil until a caller waits for it.
	over chan struct{}
	// counted: that it left the table after it had settled was counted.
	counted bool
}

// PanicError is the error of a flight whose Run did not return. The cause is for logs, never for a client.
type PanicError struct {
	// Cause is what the panic was called with; nil after runtime.Goexit.
	Cause any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panicked: %v\n%s", e.Cause, e.Stack) }

// Done is closed when the outcome is known and waiters may have it.
func (f *Flight[K, V]) Done() <-chan struct{} { return f.done }

// Finished is closed when the work is over, Complete included.
func (f *Flight[K, V]) Finished() <-chan struct{} {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	if f.state.over == nil {
		f.state.over = make(chan struct{})
		if f.state.finished {
			close(f.state.over)
		}
	}
	return f.state.over
}

// Outcome is the value or the error of a flight that is done, for its leader or for a follower. A follower gets
// ErrRetryLookup in place of an error that concerns the leader alone.
func (f *Flight[K, V]) Outcome(leader bool) (V, error) {
	if !leader && f.Err != nil && f.group.cfg.LeaderOnly != nil && f.group.cfg.LeaderOnly(f.Err) {
		var none V
		return none, ErrRetryLookup
	}
	return f.Value, f.Err
}

// Commit makes the flight go on without waiters. Commit and Leave take the same lock, so one of them comes first:
// either the flight goes on, or Commit returns the reason why its context has ended.
func (f *Flight[K, V]) Commit() error {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	f.state.committed = true
	return nil
}

// Hold adds a caller to a flight that another caller has joined and not left yet.
func (f *Flight[K, V]) Hold() {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	f.state.waiters++
}

// Callers is how many callers have joined the flight and not left.
func (f *Flight[K, V]) Callers() int {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	return f.state.waiters
}

// Leave ends the part that one caller has in the flight. With the last one that waits, the context of a flight that
// is neither done nor committed is canceled, and the table forgets the flight, so that no caller joins what is bound
// to fail. Once the work is over, the last caller to leave has Release called.
func (f *Flight[K, V]) Leave() { f.endWait(false) }

// Detach is Leave that commits the flight first: it goes on, unless the group is closed.
func (f *Flight[K, V]) Detach() { f.endWait(true) }

func (f *Flight[K, V]) endWait(commit bool) {
	f.group.mu.Lock()
	s := &f.state
	s.waiters--
	s.committed = s.committed || commit
	last := s.waiters == 0
	released := last && s.finished
	switch {
	case released:
		f.removeLocked()
	case last && !s.settled && !s.delivered && (!s.committed || f.group.closed):
		f.cancel()
		f.removeLocked()
	}
	f.group.mu.Unlock()
	if released {
		f.work.Release(f)
	}
}

// Settle is called by Complete where the value is going to be stored elsewhere. From then on no caller joins the
// flight, but Lookup finds it, until it is forgotten. A flight that all callers had left, and that made a value in
// spite of that, comes back into the table.
//
// Settle reports false, and does nothing, where the flight is superseded: where another one of its key was started
// later and is in the table, or has completed meanwhile. What it made is older than what is there.
func (f *Flight[K, V]) Settle() bool {
	g := f.group
	g.mu.Lock()
	defer g.mu.Unlock()
	other, ok := g.table[f.key]
	superseded := ok && other != f || !ok && g.completionCount(f.key).Load() != f.state.completions
	if !superseded {
		f.state.settled = true
		g.table[f.key] = f
		g.completionCount(f.key).Add(1)
	}
	return !superseded
}

// Deliver is called by Complete to let the waiters have the outcome before Complete returns.
func (f *Flight[K, V]) Deliver() {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	f.deliverLocked()
}

func (f *Flight[K, V]) deliverLocked() {
	if !f.state.delivered {
		f.state.delivered = true
		close(f.done)
	}
}

// Forget takes the flight off the table, unless another one has its place. That a settled flight has left is counted in
// the same moment, so that a caller that finds no flight knows whether it has to look again.
func (f *Flight[K, V]) Forget() {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	f.removeLocked()
}

func (f *Flight[K, V]) removeLocked() {
	g := f.group
	if g.table[f.key] == f {
		delete(g.table, f.key)
	}
	if f.state.settled && !f.state.counted {
		f.state.counted = true
		g.completionCount(f.key).Add(1)
	}
}
