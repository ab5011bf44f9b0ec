package proxy

// Reload puts other rules in force. Each request that is read from then on is judged by them, also where its
// image is cached; requests that were read before go on to their end.
func (s *Server) Reload(r Rules) error {
	if err := s.cfg.checkMounts(r.Mounts); err != nil {
		return err
	}
	for {
		before := s.targets.rules.Load()
		next, err := newRules(r, before, s.now())
		if err != nil {
			return err
		}
		if s.targets.rules.CompareAndSwap(before, next) {
			s.targets.forgetAll()
			return nil
		}
	}
}
