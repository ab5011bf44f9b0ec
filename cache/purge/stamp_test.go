package purge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// shared is a clock that follows someBus, for tests that apply its messages themselves.
func shared(t *testing.T, dir string) *Clock {
	t.Helper()
	c, err := Open(Config{Dir: dir, growth: 300})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.lease.Store(&lease{until: time.Now().Add(time.Hour)})
	return c
}

func tokenOf(seq uint64) string { return fmt.Sprintf("%016x", seq*7919) }

func (c *Clock) follow(from, to uint64) {
	for seq := from; seq <= to; seq++ {
		at := Position{someBus, seq, tokenOf(seq)}
		c.applyShared(sharedPurge{Hard, []Target{{Kind: Tag, Value: fmt.Sprint(seq)}}, at})
	}
}

// What a stamp has seen counts on every server for the same: purges up to the message do not name it, later ones do.
// That holds on a server that has other sequences of its own, and after a restart.
func TestStampCountsOnAllServers(t *testing.T) {
	dir := t.TempDir()
	a, b := shared(t, dir), shared(t, "")
	if _, err := b.Purge(Soft, []Target{{Kind: Tag, Value: "own"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Clock{a, b} {
		c.applyShared(sharedPurge{Hard, []Target{{Kind: All}}, Position{Bus: someBus}})
	}
	start, ok := a.Stamp(a.Applied())
	if !ok || start.Seq != 0 {
		t.Fatalf("before the first message: %+v, %v", start, ok)
	}
	a.follow(1, 30)
	b.follow(1, 30)
	a.Close()
	a = shared(t, dir)
	a.follow(31, 40)
	b.follow(31, 40)
	for seen := uint64(30); seen <= 40; seen++ {
		stamp, ok := a.Stamp(a.Applied() - (40 - seen))
		if !ok || stamp.Seq != seen {
			t.Fatalf("message %d: %+v, %v", seen, stamp, ok)
		}
		got, err := b.SequenceOf(stamp)
		if err != nil {
			t.Fatalf("message %d: %v", seen, err)
		}
		for _, tag := range []uint64{1, 29, 30, 35, 40} {
			hard, _ := b.Since(got, Scope{Tags: []string{fmt.Sprint(tag)}})
			if names := hard > got; names != (tag > seen) {
				t.Errorf("a stamp that has seen %d is purged by %d: %v", seen, tag, names)
			}
		}
	}
	if got, err := b.SequenceOf(start); err != nil || got != b.Applied()-40 {
		t.Errorf("the stamp before the first message is %d, %v", got, err)
	}
}

// A stamp that may have missed a purge counts for nothing.
func TestStampThatIsNotVouchedFor(t *testing.T) {
	c := shared(t, "")
	if _, ok := c.Stamp(0); ok {
		t.Error("a clock that has not read its bus gives stamps")
	}
	c.follow(10, 20) // it begins behind messages that the bus has dropped
	good, ok := c.Stamp(c.Applied() - 2)
	if !ok || good.Seq != 18 {
		t.Fatalf("%+v, %v", good, ok)
	}
	if _, err := c.SequenceOf(good); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Stamp)
		want   error
	}{
		"of another bus":         {func(s *Stamp) { s.Order = c.ID() }, ErrOtherOrder},
		"of no bus":              {func(s *Stamp) { s.Order = "" }, ErrOtherOrder},
		"ahead":                  {func(s *Stamp) { s.Seq = 21 }, ErrAhead},
		"before the first":       {func(s *Stamp) { s.Seq = 9 }, ErrNotVouched},
		"of a lost message":      {func(s *Stamp) { s.Mark++ }, ErrNotVouched},
		"without a mark":         {func(s *Stamp) { s.Mark = 0 }, ErrNotVouched},
		"of the bus's beginning": {func(s *Stamp) { s.Seq, s.Mark = 0, 0 }, ErrNotVouched},
	} {
		s := good
		test.change(&s)
		if got, err := c.SequenceOf(s); !errors.Is(err, test.want) {
			t.Errorf("a stamp %s is %d, %v", name, got, err)
		}
	}
	for seq := range c.Applied() - 10 {
		if stamp, ok := c.Stamp(seq); ok {
			t.Errorf("sequence %d, before the bus, has the stamp %+v", seq, stamp)
		}
	}
}

// A clock without a bus vouches for its own log and for no other.
func TestStampWithoutBus(t *testing.T) {
	a, b := open(t, config(t, t.TempDir())), open(t, config(t, t.TempDir()))
	do(t, a, Hard, Target{Tag, "x"})
	s, ok := a.Stamp(a.Applied())
	if got, err := a.SequenceOf(s); !ok || err != nil || got != a.Applied() {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := b.SequenceOf(s); !errors.Is(err, ErrOtherOrder) {
		t.Errorf("another log: %d, %v", got, err)
	}
	a.lease.Store(&lease{until: time.Now().Add(time.Hour)})
	if got, err := a.SequenceOf(s); !errors.Is(err, ErrOtherOrder) {
		t.Errorf("with a bus from now on: %d, %v", got, err)
	}
}

// A sequence that a stamp becomes on another server has seen no purge that the stamp has not, whatever the two have
// done meanwhile: purges of their own, restarts, resets.
func TestStampOfRandomHistories(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		clocks := []*Clock{shared(t, ""), shared(t, "")}
		last := uint64(0)
		for range 40 {
			c := clocks[rnd.IntN(2)]
			switch at := c.Position().Seq; rnd.IntN(10) {
			case 0:
				_, _ = c.Purge(Hard, []Target{{Kind: Tag, Value: "own"}})
			case 1:
				c.restart(t)
			case 2: // the server missed messages, or was new
				to := at + uint64(rnd.IntN(3))
				last = max(last, to)
				c.applyShared(sharedPurge{Hard, []Target{{Kind: All}}, Position{someBus, to, ""}})
			default:
				last = max(last, at+1)
				c.follow(at+1, at+1)
			}
		}
		checkStamps(t, seed, clocks[0], clocks[1], last)
	}
}

// restart has a clock know what its log would say at a start.
func (c *Clock) restart(t *testing.T) {
	t.Helper()
	again := newState(DefaultMaxExact, DefaultMaxPrefixes)
	for _, l := range c.state.snapshot() {
		if !again.restoreLine(l) {
			t.Fatalf("%+v", l)
		}
	}
	c.state = again
}

// checkStamps has all sequences of a clock become those of another one.
func checkStamps(t *testing.T, seed uint64, from, to *Clock, last uint64) {
	t.Helper()
	for seq := range from.Applied() + 1 {
		stamp, ok := from.Stamp(seq)
		if !ok {
			continue
		}
		got, err := to.SequenceOf(stamp)
		if err != nil {
			continue
		}
		for message := stamp.Seq + 1; message <= min(last, to.Position().Seq); message++ {
			hard, _ := to.Since(got, Scope{Tags: []string{fmt.Sprint(message)}})
			if hard <= got {
				t.Fatalf("seed %d: %+v becomes %d, which has seen message %d", seed, stamp, got, message)
			}
		}
	}
}
