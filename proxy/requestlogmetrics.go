package proxy

import "github.com/pictor-proxy/pictor/proxy/tracing"

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

// addTraces sends the figures of traces, if there are some.
func (e emitter) addTraces(t *tracing.Tracer) {
	if t == nil {
		return
	}
	n := t.Figures()
	e.counter("trace_spans_ended_total", "Spans of traces that were recorded.", n.Ended)
	e.counter("trace_spans_sent_total", "Spans that the collector has taken. Those that ended and were not sent wait, "+
		"or are lost.", n.Sent)
}
