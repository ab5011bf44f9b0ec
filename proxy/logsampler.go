package proxy

import (
	"sync"
	"time"
)

// logSampler keeps a flood of errors out of the log. The table has one bucket for each
// series, of which there are few.
type logSampler struct {
	now func() time.Time

	mu     sync.Mutex
	series map[string]*logBucket
}

// logBucket has a token for each line. It counts the lines left out since the last one that
// was written.
type logBucket struct {
	bucket
	suppressed int
}

func newLogSampler(now func() time.Time) *logSampler {
	return &logSampler{now: now, series: map[string]*logBucket{}}
}

// allowLine reports whether a line of a series may be written, and how many lines were left
// out before it.
func (l *logSampler) allowLine(series string, r rate) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, b := l.now(), l.series[series]
	if b == nil {
		b = &logBucket{bucket: newBucket(r, now)}
		l.series[series] = b
	}
	b.refill(r, now)
	if b.tokens < 1 {
		b.suppressed++
		return 0, false
	}
	b.tokens--
	suppressed, b.suppressed = b.suppressed, 0
	return suppressed, true
}
