package cache

import "io"

// promotions is how many entries may be on their way up at once: what they take
// is counted nowhere until the RAM tier has it.
const promotions = 2

// promote copies an entry of lower tier i into the RAM tier, if it is small
// enough for it, and nobody has to wait for that.
func (c *Cache) promote(e *Entry, i int) {
	if !c.memory.takes(e) {
		return
	}
	select {
	case c.promoting <- struct{}{}:
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.flights[e.Key] != nil {
		<-c.promoting
		return
	}
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		defer func() { <-c.promoting }()
		c.copyUp(e.Key, c.cfg.Lower[i])
	}()
}

// copyUp reads the entry anew: whoever found it may be done with it.
func (c *Cache) copyUp(key Key, from Tier) {
	e, ok := from.Get(key)
	if !ok {
		return
	}
	defer e.Close()
	up := e.facts()
	up.mark = &mark{}
	up.Body = make([]byte, e.Size())
	if _, err := io.ReadFull(e.Content(), up.Body); err != nil || ETag(up.Body) != up.ETag {
		return
	}
	if c.judge(up) == fresh && c.memory.putNew(up) {
		c.count(func(s *Stats) { s.Promoted++ })
	}
}
