package diskstore

// Stats is a snapshot; where the disk hangs, or is slow, it may be an earlier one.
func (s *Store) Stats() Stats {
	var st Stats
	if s.doWithTimeout(func() { st = s.statsNow() }, nil) {
		s.lastStats.Store(&st)
		return st
	}
	var earlier Stats
	if last := s.lastStats.Load(); last != nil {
		earlier = *last
	}
	earlier.Stalled = s.isStalled()
	return earlier
}

func (s *Store) statsNow() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Records = s.index.len()
	st.Bytes, st.MaxBytes = s.blocks*block, s.cfg.MaxBytes
	return st
}
