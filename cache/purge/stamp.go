package purge

import (
	"errors"

	"github.com/cespare/xxhash/v2"
)

// Stamp is a sequence of a clock in an order that other clocks know, too. What carries it may be kept where other
// servers find it: see Clock.Stamp and Clock.SequenceOf.
type Stamp struct {
	// Order is the identity of the bus or, of a server without one, of its own log.
	Order string
	// Seq is the sequence in that order. Mark tells the bus's message there from another one that has its place on
	// a bus which lost it; 0 for a log, and before the first message.
	Seq, Mark uint64
}

// Why a clock does not know which purges a stamp has seen.
var (
	// ErrOtherOrder: it is of another bus or log.
	ErrOtherOrder = errors.New("of another purge bus or log")
	// ErrAhead: the clock has not applied that message of the bus yet.
	ErrAhead = errors.New("ahead of this server's purges")
	// ErrNotVouched: the message was before those that the clock has applied or remembers the marks of, or is
	// none of these: the bus may have lost it.
	ErrNotVouched = errors.New("not among the purges that this server remembers")
)

// Stamp is the stamp of a sequence of this clock. It is false where no other server could tell what the sequence has
// seen, as before the bus was read.
func (c *Clock) Stamp(seq uint64) (Stamp, bool) {
	if c.lease.Load() == nil {
		return Stamp{Order: c.id, Seq: seq}, true
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state.stampOf(seq)
}

// SequenceOf is the sequence of this clock that has seen no purge more than a stamp, and all that it has but those
// that had no part in the stamp's order. Errors are ErrOtherOrder, ErrAhead and ErrNotVouched.
func (c *Clock) SequenceOf(s Stamp) (uint64, error) {
	if c.lease.Load() == nil {
		if s.Order != c.id {
			return 0, ErrOtherOrder
		}
		return s.Seq, nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state.sequenceOf(s)
}

// maxMarks is how many messages a run remembers the marks of, the newest ones, at 8 bytes each; at times it has
// twice as many.
const maxMarks = 1 << 14

// run is a part of a bus's order that a clock has applied without a gap and without a purge of its own in between:
// each message has moved its sequence by one.
type run struct {
	// first is the bus's sequence where it began, and firstSeq the clock's.
	first, firstSeq uint64
	// marks are those of the messages from marksFrom on, to the last one.
	marks     []uint64
	marksFrom uint64
}

// markOf is the mark of the message with a token.
func markOf(token string) uint64 {
	if token == "" {
		return 0
	}
	return max(xxhash.Sum64String(token), 1)
}

// addPosition enters a position, of the purge with a sequence of the clock.
func (s *state) addPosition(p Position, seq uint64) {
	r := &s.run
	continues := s.position.Bus == p.Bus && p.Seq > s.position.Seq && p.Seq-s.position.Seq == seq-s.positionSeq
	if !continues {
		*r = run{first: p.Seq, firstSeq: seq}
	}
	if r.marksFrom+uint64(len(r.marks)) != p.Seq {
		r.marks, r.marksFrom = r.marks[:0], p.Seq
	}
	if len(r.marks) == 2*maxMarks {
		r.marks = append(r.marks[:0], r.marks[maxMarks:]...)
		r.marksFrom += maxMarks
	}
	r.marks = append(r.marks, markOf(p.Token))
	s.position, s.positionSeq = p, seq
}

// markAt is the mark of a message of the run. It is false where that is not known.
func (r *run) markAt(seq uint64) (mark uint64, ok bool) {
	if seq < r.marksFrom || seq-r.marksFrom >= uint64(len(r.marks)) {
		return 0, false
	}
	mark = r.marks[seq-r.marksFrom]
	return mark, mark != 0 || seq == 0
}

// stampOf is Clock.Stamp for a clock with a bus.
func (s *state) stampOf(seq uint64) (Stamp, bool) {
	if s.position.Bus == "" || seq < s.run.firstSeq {
		return Stamp{}, false
	}
	at := s.position.Seq - (s.positionSeq - min(seq, s.positionSeq))
	mark, ok := s.run.markAt(at)
	return Stamp{Order: s.position.Bus, Seq: at, Mark: mark}, ok
}

// sequenceOf is Clock.SequenceOf for a clock with a bus.
func (s *state) sequenceOf(stamp Stamp) (uint64, error) {
	r := &s.run
	switch {
	case s.position.Bus == "" || stamp.Order != s.position.Bus:
		return 0, ErrOtherOrder
	case stamp.Seq > s.position.Seq:
		return 0, ErrAhead
	case stamp.Seq < r.first:
		return 0, ErrNotVouched
	}
	if mark, ok := r.markAt(stamp.Seq); !ok || mark != stamp.Mark {
		return 0, ErrNotVouched
	}
	return r.firstSeq + (stamp.Seq - r.first), nil
}
