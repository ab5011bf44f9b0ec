package cache

import (
	"io"
)

// promotions is how many entries may be promoted at once: their memory is counted nowhere until the RAM tier has it.
const promotions = 2

// startPromotion copies an entry of lower tier i into the RAM tier, if it is small
// enough for it, and nobody has to wait for that.
func (c *Cache) startPromotion(e *Entry, i int) {
	if !c.ram.canTake(e) || !c.ram.hasRoom(e) && !c.doorkeeper.seen(e.Key) {
		return
	}
	select {
	case c.promoting <- struct{}{}:
	default:
		return
	}
	promote := func() {
		defer func() { <-c.promoting }()
		c.copyUp(e.Key, c.cfg.Lower[i])
	}
	if f, _ := c.flights.Lookup(e.Key); f != nil || !c.background.start(promote) {
		<-c.promoting
	}
}

// copyUp reads the entry anew: the request that found it may have closed it. A flight may complete meanwhile with a
// newer entry, which is too large for the RAM tier. So the copy is removed again where the lower tier has another entry
// by then. It ends when the cache is closed.
func (c *Cache) copyUp(key Key, from Tier) {
	e, ok := from.Get(c.background.ctx, key)
	if !ok {
		return
	}
	defer e.Close()
	up := e.metadata()
	up.readState, up.bodyRefs = &readState{}, &bodyRefs{}
	up.Body = make([]byte, e.Size())
	if _, err := io.ReadFull(e.contentUntil(c.background.ctx), up.Body); err != nil {
		return
	}
	if c.stateOf(up) != fresh || !c.ram.putNew(up) {
		return
	}
	there, ok := from.Get(c.background.ctx, key)
	if ok {
		defer there.Close()
	}
	if !ok || there.ETag != up.ETag || there.Seq < up.Seq {
		c.ram.dropExact(up)
		return
	}
	c.updateStats(func(s *Stats) { s.Promoted++ })
}
