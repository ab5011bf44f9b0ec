package diskstore

import "time"

// closedWithin reports whether a channel is closed before so much time has passed.
func closedWithin(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// runWithTimeout calls f and returns its error, or ErrStalled where f takes longer
// than d. onLate is called when f succeeds after that.
func runWithTimeout(d time.Duration, f func() error, onLate func()) error {
	done := make(chan struct{})
	var result error
	go func() {
		defer close(done)
		result = f()
	}()
	if closedWithin(done, d) {
		return result
	}
	go func() {
		if <-done; result == nil {
			onLate()
		}
	}()
	return ErrStalled
}
