package leases

import "testing"

// News reach the other servers, and not the one that tells them.
func TestNewsReachOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	from, to, deaf := b.open(), b.open(), b.open()
	heard := make(chan string, 10)
	from.Hear(func(news []byte) { heard <- "self: " + string(news) })
	to.Hear(func(news []byte) { heard <- string(news) })
	from.Tell(make([]byte, mostNews+1))
	deaf.Tell([]byte("first to two"))
	if x, y := <-heard, <-heard; x == y || x != "first to two" && y != "first to two" {
		t.Errorf("%q, %q", x, y)
	}
	from.Tell([]byte("with blanks"))
	if got := <-heard; got != "with blanks" {
		t.Errorf("%q", got)
	}
}
