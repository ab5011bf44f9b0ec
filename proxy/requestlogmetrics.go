package proxy

// addRequestLog sends the figures of the access log, if there is one.
func (e emitter) addRequestLog(l RequestLog) {
	if l.Access == nil {
		return
	}
	n := l.Access.LeftOut()
	for why, n := range map[string]uint64{"rate": n.Rate, "slow": n.Slow} {
		e.counter("access_log_left_out_total", "Lines left out of the access log, by reason: rate (more than "+
			"--access-log-rate in a second), slow (faster than standard output was read).", n, "why", why)
	}
}
