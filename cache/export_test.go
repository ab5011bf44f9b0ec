package cache

import "context"

// Lookup is Get without a fill: a fresh entry or nothing.
func (c *Cache) Lookup(key Key) (*Entry, bool) {
	e, s := c.findUsable(context.Background(), key)
	switch {
	case s == fresh:
		c.countHit(e)
		return e, true
	case e != nil:
		e.Close()
	}
	return nil, false
}
