package hidden

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxWrite is how large a write may grow before no more additions join it, and how large one
// addition may be, in bytes.
const maxWrite = 1 << 20

// errClosed: the store is closed.
var errClosed = fmt.Errorf("%w: it is closed", ErrLog)

// addition is a call of Add.
type addition struct {
	sources []Source
	result  chan additionResult // has room for one
}

type additionResult struct {
	added int
	err   error
}

// Add adds sources, all of them or none, and says how many were new. When it returns without
// an error they are on disk, and every Find that begins finds them. Errors are ErrBadSource,
// ErrTooMany, ErrDiskFull and ErrLog, where nothing is added; and ErrStalled and that of the context,
// where it may still take effect: to repeat it does no harm.
func (s *Store) Add(ctx context.Context, sources []Source) (added int, err error) {
	if err := checkSources(sources); err != nil {
		return 0, err
	}
	late := time.NewTimer(s.cfg.timeout)
	defer late.Stop()
	a := &addition{sources: sources, result: make(chan additionResult, 1)}
	select {
	case s.additions <- a:
	case <-s.closing:
		return 0, errClosed
	case <-late.C:
		return 0, fmt.Errorf("%w: an earlier addition has not ended", ErrStalled)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case r := <-a.result:
		return r.added, r.err
	case <-late.C:
		return 0, ErrStalled
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func checkSources(sources []Source) error {
	bytes := 0
	for i, s := range sources {
		if s.URL == "" || len(s.URL) > MaxURL {
			return fmt.Errorf("%w: source %d has %d bytes, and may have 1 to %d", ErrBadSource, i+1, len(s.URL), MaxURL)
		}
		bytes += recordSize(len(s.URL))
	}
	if bytes > maxWrite {
		return fmt.Errorf("%w: together they have more than %d bytes on disk", ErrBadSource, maxWrite)
	}
	return nil
}

// writeAdditions writes additions until the store is closed. Those that came during a write
// become the next one together.
func (s *Store) writeAdditions() {
	defer close(s.closed)
	for {
		select {
		case a := <-s.additions:
			w := newWrite(s)
			w.join(a)
			for waiting := true; waiting && len(w.records) < maxWrite; {
				select {
				case a := <-s.additions:
					w.join(a)
				default:
					waiting = false
				}
			}
			w.commit()
		case <-s.closing:
			return
		}
	}
}

// write is what additions append to the log with one sync.
type write struct {
	store   *Store
	records []byte
	// places are the offsets in the log of the sources in records, and order has them as they come.
	places map[Hash]int64
	order  []Hash
	// waiting are the additions that end with the write.
	waiting []waitingAddition
}

// waitingAddition is an addition with how many of its sources are new.
type waitingAddition struct {
	*addition
	added int
}

func newWrite(s *Store) *write { return &write{store: s, places: map[Hash]int64{}} }

// join has an addition take part. One that is refused leaves the write as it was, and one whose
// sources are all in the log needs no write.
func (w *write) join(a *addition) {
	size, sources := len(w.records), len(w.order)
	waits, err := w.appendNew(a.sources)
	switch {
	case err != nil:
		for _, h := range w.order[sources:] {
			delete(w.places, h)
		}
		w.records, w.order = w.records[:size], w.order[:sources]
		a.result <- additionResult{err: err}
	case waits:
		w.waiting = append(w.waiting, waitingAddition{a, len(w.order) - sources})
	default:
		a.result <- additionResult{}
	}
}

// appendNew appends the records of the sources that are not there. waits is false where all of them are
// in the log already.
func (w *write) appendNew(sources []Source) (waits bool, err error) {
	s := w.store
	for _, source := range sources {
		if _, ok := w.places[source.Hash]; ok {
			waits = true
			continue
		}
		known, err := s.holds(source)
		switch offset := s.log.size + int64(len(w.records)); {
		case err != nil:
			return false, err
		case known:
			continue
		case s.index.count+len(w.order) >= s.cfg.Max, offset >= maxLog-align:
			return false, fmt.Errorf("%w: there are %d, and there may be %d", ErrTooMany, s.index.count, s.cfg.Max)
		default:
			waits = true
			w.places[source.Hash] = offset
			w.order = append(w.order, source.Hash)
			w.records = appendRecord(w.records, source)
		}
	}
	return waits, nil
}

// holds says whether the log has a source. Only the writer changes the index, so that it reads
// without the lock. A damaged record does not count.
func (s *Store) holds(source Source) (bool, error) {
	for _, offset := range s.index.placesOf(source.Hash) {
		found, err := readRecord(s.log.f, offset)
		switch {
		case errors.Is(err, errNoRecord):
		case err != nil:
			return false, fmt.Errorf("%w: %w", ErrLog, err)
		case found.Hash == source.Hash && found.URL != source.URL:
			return false, fmt.Errorf("%w: another source has the same hash", ErrBadSource)
		case found.Hash == source.Hash:
			return true, nil
		}
	}
	return false, nil
}

// commit writes the records and ends the additions. Sources are found before their addition
// is confirmed.
func (w *write) commit() {
	s := w.store
	var err error
	if len(w.records) > 0 {
		err = s.log.appendRecords(w.records)
	}
	if err == nil {
		s.mu.Lock()
		for _, h := range w.order {
			s.index.addPlace(h, w.places[h])
		}
		s.logBytes.Store(s.log.size)
		s.mu.Unlock()
	}
	for _, a := range w.waiting {
		if err != nil {
			a.added = 0
		}
		a.result <- additionResult{a.added, err}
	}
}
