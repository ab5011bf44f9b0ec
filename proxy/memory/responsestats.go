package memory

import "time"

// ResponseStats are the results, requests and clients that Responses knows at a time.
type ResponseStats struct {
	// Results are in flight; Requests are registered.
	Results, Requests int
	// Clients were admitted. Of these, Reading have been sent something or are about to
	// be, and Slow may be cut off for others.
	Clients, Reading, Slow int
	// Sent is how much of their content these clients have been sent, in bytes.
	Sent int64
}

// Stats counts what Responses knows now.
func (rs *Responses) Stats() ResponseStats {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	st, now := ResponseStats{Results: len(rs.inFlight), Clients: len(rs.transfers)}, time.Now()
	for _, newest := range rs.requestGroups {
		for group := newest; group != nil; group = group.older {
			st.Requests += group.count
		}
	}
	for t := range rs.transfers {
		st.Sent += t.sentBytes.Load()
		if t.isStarted() {
			st.Reading++
		}
		if t.isSlow(now) {
			st.Slow++
		}
	}
	return st
}

// Cuts returns how many readers were cut off, by reason.
func (rs *Responses) Cuts() map[string]uint64 {
	cuts := map[string]uint64{}
	for reason, name := range cutReasonNames {
		cuts[name] = rs.cuts[reason].Load()
	}
	return cuts
}
