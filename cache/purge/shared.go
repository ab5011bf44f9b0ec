package purge

// Position is how far the bus has been applied; the zero Position where none ever was.
func (c *Clock) Position() Position {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state.position
}

// sharedPurge is a purge that came from a bus, with the position behind it.
type sharedPurge struct {
	mode    Mode
	targets []Target
	at      Position
}

// applyShared applies purges that came from a bus, each with its position in one step: also after a crash the log has
// both or neither. Several are written at once. The bus keeps what it has sent, so a log that cannot be written is no
// reason not to apply them: nothing is written to that log any more, and the next start reads on from the position that
// it has.
func (c *Clock) applyShared(purges ...sharedPurge) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	list := make([]loggedPurge, len(purges))
	for i, p := range purges {
		lines := append(p.targets[:len(p.targets):len(p.targets)], Target{positionLine, p.at.String()})
		list[i] = loggedPurge{c.Applied() + 1 + uint64(i), p.mode, lines}
	}
	switch {
	case c.isClosed:
	case c.log == nil:
		_ = c.voidOldCache() // logged where it is opened
	case c.log.broken == nil:
		if err := c.log.appendPurges(c.cfg.Now(), list...); err != nil {
			c.cfg.Log.Error("purge log cannot be written: purges of the bus are kept in memory, and read again "+
				"from the bus at the next start", "err", err)
			c.log.broken = err
		}
	}
	for _, p := range list {
		c.applyPurge(p.seq, p.mode, p.targets)
	}
	if c.log != nil && c.log.broken == nil && !c.isClosed {
		c.afterAppend(c.Applied())
	}
}
