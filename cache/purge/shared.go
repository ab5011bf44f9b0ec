package purge

// Position is how far the bus has been applied; the zero Position where none ever was.
func (c *Clock) Position() Position {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state.position
}

// applyShared applies a purge that came from a bus, with the position behind it, in one step: also after a
// crash the log has both or neither. The bus keeps what it has sent, so a log that cannot be written is no
// reason not to apply it: nothing is written to that log any more, and the next start reads on from the
// position that it has.
func (c *Clock) applyShared(mode Mode, targets []Target, at Position) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	seq := c.Applied() + 1
	lines := append(targets[:len(targets):len(targets)], Target{positionLine, at.String()})
	switch {
	case c.isClosed:
	case c.log == nil:
		_ = c.voidOldCache() // logged where it is opened
	case c.log.broken == nil:
		if err := c.log.appendPurge(seq, c.cfg.Now(), mode, lines); err != nil {
			c.cfg.Log.Error("purge log cannot be written: purges of the bus are kept in memory, and read again "+
				"from the bus at the next start", "err", err)
			c.log.broken = err
		}
	}
	c.applyPurge(seq, mode, lines)
	if c.log != nil && c.log.broken == nil && !c.isClosed {
		c.afterAppend(seq)
	}
}
