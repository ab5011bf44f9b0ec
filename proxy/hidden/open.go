package hidden

import "time"

// openTimeout bounds the wait for the disk at the start. A log of millions of sources takes a few seconds.
const openTimeout = 15 * time.Second

// openInTime gives up the wait for a disk that hangs. Where the disk responds later, the log is let go of, however many
// sources it has.
func (s *Store) openInTime() error {
	opened := make(chan error, 1)
	go func() {
		err := s.load()
		if err != nil {
			s.abandon()
		}
		opened <- err
	}()
	late := time.NewTimer(s.cfg.openTimeout)
	defer late.Stop()
	select {
	case err := <-opened:
		return err
	case <-late.C:
		go func() {
			if <-opened == nil {
				s.abandon()
			}
		}()
		return ErrStalled
	}
}

// abandon lets go of what load has opened.
func (s *Store) abandon() {
	if s.log != nil {
		_ = s.log.f.Close() // nothing was written
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}
