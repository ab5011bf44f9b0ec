package memory

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

const (
	// slowRate is what a client reads at least that is not slow, in bytes a second.
	slowRate = 64 << 10
	// headStart is for how long no client counts as slow, turn for how long one may
	// read at any rate while others wait for room.
	headStart, turn = time.Second, 10 * time.Second
	// relieveEvery is how often a reader is cut off while others wait.
	relieveEvery = 50 * time.Millisecond
)

// Why readers are cut off.
const (
	// cutRoom: a request waited for room in memory.
	cutRoom = iota
	// cutEvicted: the RAM cache let go of what it read, and there was no room.
	cutEvicted
	// cutPlace: a new client needed the connection.
	cutPlace
	// cutLate: it did not read a piece in time.
	cutLate
	cutReasons
)

var cutReason = [cutReasons]string{"room", "evicted", "connection", "slow"}

// CutSlowReaders cuts off slow readers every now and then for as long as a caller waits.
func (s *Responses) CutSlowReaders() (over func()) {
	var ended atomic.Bool
	var t *time.Timer
	t = time.AfterFunc(time.Hour, func() {
		if !ended.Load() {
			s.relieve()
			t.Reset(relieveEvery)
		}
	})
	t.Reset(relieveEvery)
	return func() {
		ended.Store(true)
		t.Stop()
	}
}

// DrainOverflow is CutSlowReaders for a job that waits for the share of transforms to empty.
func (s *Responses) DrainOverflow() (over func()) {
	s.mu.Lock()
	s.exclusive++
	s.mu.Unlock()
	relieved := s.CutSlowReaders()
	return func() {
		relieved()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.exclusive--
	}
}

// relieve cuts off the slowest readers of a share that requests wait for, one entry
// at a time.
func (s *Responses) relieve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.cutAt) < relieveEvery/2 {
		return // others wait, too
	}
	in := func(b *budget.Budget) func(*outgoing) bool {
		return func(out *outgoing) bool { return out.share == b && out.slow(now) }
	}
	for _, b := range []*budget.Budget{s.small, s.large} {
		if b.Stats().Waiting > 0 {
			s.cutSlowest(now, in(b))
		}
	}
	if s.exclusive > 0 || s.transforms.Stats().Waiting > 0 {
		s.cutSlowest(now, func(out *outgoing) bool { return out.beyond() > 0 && out.slow(now) })
	}
}

// cutSlowest cuts off the readers of the entry that is read most slowly of those
// that may go. The lock is held.
func (s *Responses) cutSlowest(now time.Time, may func(*outgoing) bool) {
	var slowest *outgoing
	for _, out := range s.outgoing {
		if !out.cut && may(out) && (slowest == nil || out.rate(now) < slowest.rate(now)) {
			slowest = out
		}
	}
	if slowest != nil {
		s.cutAt = now
		s.cut(slowest, cutRoom)
	}
}

// cut cuts off all readers of an entry. Their connections are closed by others:
// what is told of that may want locks that are held here.
func (s *Responses) cut(out *outgoing, why int) {
	out.cut = true
	for t := range out.clients {
		if abort, ok := t.cut(); ok {
			s.cuts[why].Add(1)
			go abort()
		}
	}
}

// shrink cuts off the slowest readers, however fast they are, of a share that is
// more in use than it may be. The lock is held.
func (s *Responses) shrink() {
	for _, b := range []*budget.Budget{s.small, s.large} {
		st := b.Stats()
		if st.InUse <= st.Capacity {
			continue
		}
		over, now := st.InUse-st.Capacity, time.Now()
		var readers []*outgoing
		for _, out := range s.outgoing {
			switch {
			case out.share != b:
			case out.cut:
				over -= out.inShare()
			default:
				readers = append(readers, out)
			}
		}
		slices.SortFunc(readers, func(a, b *outgoing) int {
			switch first, second := a.begins(now), b.begins(now); {
			case first == second:
				return cmp.Compare(a.rate(now), b.rate(now))
			case second:
				return -1
			}
			return 1 // how fast it is read is not known yet
		})
		for _, out := range readers {
			if over <= 0 {
				break
			}
			over -= out.inShare()
			s.cut(out, cutEvicted)
		}
	}
}

// inShare is what an entry has of the sending share, beyond what of transforms'.
func (out *outgoing) inShare() int64 { return out.grants[1].Bytes() }

func (out *outgoing) beyond() int64 {
	if out.where != shared {
		return 0
	}
	return out.grants[0].Bytes()
}

// slow says whether others need not wait for an entry to be read.
func (out *outgoing) slow(now time.Time) bool {
	age := now.Sub(out.since)
	return age >= turn || age >= headStart && !out.begins(now) && out.rate(now) <= slowRate
}

// begins says whether a client has its head start.
func (out *outgoing) begins(now time.Time) bool {
	for t := range out.clients {
		if now.Sub(t.began) < headStart {
			return true
		}
	}
	return false
}

// rate is that of the fastest client, in bytes a second.
func (out *outgoing) rate(now time.Time) (most float64) {
	for t := range out.clients {
		most = max(most, t.rate(now))
	}
	return most
}

// CutSlowest cuts off the slowest client of all, if one is slow, and reports whether
// one is: its connection is closed then.
func (s *Responses) CutSlowest() bool {
	s.mu.Lock()
	now := time.Now()
	var slowest *Transfer
	for t := range s.transfers {
		if t.slow(now) && (slowest == nil || t.rate(now) < slowest.rate(now)) {
			slowest = t
		}
	}
	s.mu.Unlock()
	if slowest == nil {
		return false
	}
	abort, ok := slowest.cut()
	if ok {
		s.cuts[cutPlace].Add(1)
		abort()
	}
	return ok
}

// Cuts is how many readers were cut off, by why they were.
func (s *Responses) Cuts() map[string]uint64 {
	cuts := map[string]uint64{}
	for why, name := range cutReason {
		cuts[name] = s.cuts[why].Load()
	}
	return cuts
}

// ResponseStats is what is on its way to clients.
type ResponseStats struct {
	// Results are counted, and Requests have not begun to read.
	Results, Requests int
	// Clients have been let in; to Reading of them something is being sent, and Slow
	// of them read slowly.
	Clients, Reading, Slow int
	// Sent is what those clients have been sent, in bytes.
	Sent int64
}

// Stats says what is on its way.
func (s *Responses) Stats() ResponseStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, now := ResponseStats{Results: len(s.outgoing), Clients: len(s.transfers)}, time.Now()
	for _, newest := range s.interests {
		for in := newest; in != nil; in = in.before {
			st.Requests += in.clients
		}
	}
	for t := range s.transfers {
		st.Sent += t.sent.Load()
		if t.started() {
			st.Reading++
		}
		if t.slow(now) {
			st.Slow++
		}
	}
	return st
}
