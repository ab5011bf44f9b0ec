package purge

import (
	"errors"
	"testing"
)

const someBus = "00112233445566778899aabbccddeeff"

// The log has a purge of a bus and the position behind it in one step: a log that is opened again, also after it was
// compacted, has both.
func TestPositionIsInTheLog(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		c, err := Open(Config{Dir: dir, growth: 200})
		if err != nil {
			t.Fatal(err)
		}
		want := Position{}
		if i > 0 {
			want = Position{someBus, uint64(10*i - 1), "ab"}
		}
		if got := c.Position(); got != want {
			t.Errorf("start %d: the position is %+v, want %+v", i, got, want)
		}
		for n := range 10 {
			at := Position{someBus, uint64(10*i + n), "ab"}
			c.applyShared(sharedPurge{Hard, []Target{{Kind: Tag, Value: "x"}}, at})
			if got := c.Position(); got != at {
				t.Fatalf("%+v was applied, the position is %+v", at, got)
			}
		}
		if hard, _ := c.Last(Scope{Tags: []string{"x"}}); hard != c.Applied() {
			t.Errorf("the last purge is %d, not %d", hard, c.Applied())
		}
		c.Close()
	}
}

// A log that cannot be written keeps no purge of a bus out, and ends where it was: the next start reads on from there.
func TestPositionStaysBehindWhereTheLogFails(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c.applyShared(sharedPurge{Soft, []Target{{Kind: All}}, Position{someBus, 1, "aa"}})
	c.log.broken = errors.New("the disk is gone")
	c.applyShared(sharedPurge{Hard, []Target{{Kind: All}}, Position{someBus, 2, "bb"}})
	if hard, _ := c.Last(Scope{}); hard != 2 || c.Position().Seq != 2 {
		t.Errorf("hard %d, position %+v", hard, c.Position())
	}
	c.Close()
	if c, err = Open(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Position(); got.Seq != 1 || c.Applied() != 1 {
		t.Errorf("position %+v, sequence %d", got, c.Applied())
	}
}
