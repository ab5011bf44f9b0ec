package memory

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// However long clients read before while nobody waited, a request that waits has a
// slow reader cut off, and is not refused for the time that it would take without.
func TestLongReadsDoNotRefuseThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := bubble(t)
		begin := func(key cache.Key) *Transfer {
			return s.reads(t, &cache.Entry{Key: key, Body: make([]byte, 15<<20)})
		}
		for range 10 {
			reads := begin("before")
			time.Sleep(10 * time.Minute)
			s.Release(reads)
		}
		begin("a")
		begin("b")
		time.Sleep(2 * time.Second)
		start := time.Now()
		s.Release(begin("c"))
		if d := time.Since(start); d > time.Second {
			t.Errorf("it waited for %v", d)
		}
		if n := s.cuts[cutForRoom].Load(); n != 1 {
			t.Errorf("%d were cut off", n)
		}
		// What they read beyond their part was in the share of transforms.
		g := a.Transforms.Charge(64 << 20)
		ready := time.AfterFunc(time.Second, g.Release)
		defer ready.Stop()
		job, err := a.Transforms.Acquire(t.Context(), 32<<20)
		if err != nil {
			t.Fatalf("a job: %v", err)
		}
		job.Release()
	})
}

// bubble is Responses with 12 MiB for large results.
func bubble(t *testing.T) (*Responses, ResponseBudgets) {
	var b ResponseBudgets
	small, large := SplitResponses(16 << 20)
	for into, c := range map[**budget.Budget]budget.Config{
		&b.Small: {Capacity: small, Revocable: true}, &b.Large: {Capacity: large, Revocable: true},
		&b.Transforms: {Capacity: 64 << 20},
	} {
		var err error
		c.MaxWait = time.Minute
		if *into, err = budget.New(c); err != nil {
			t.Fatal(err)
		}
	}
	return NewResponses(b), b
}

// reads begins to read an entry.
func (s *Responses) reads(t *testing.T, e *cache.Entry) *Transfer {
	t.Helper()
	reads, err := s.Admit(t.Context(), budget.NewQueueWait(time.Minute), e)
	if err != nil {
		t.Fatal(err)
	}
	reads.start(func() { s.Release(reads) }, nil)
	return reads
}

// How long a client waited for room does not make it a slow reader.
func TestWaitingIsNotSlowReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := bubble(t)
		time.AfterFunc(30*time.Second, a.Large.Charge(12<<20).Release)
		reads := s.reads(t, &cache.Entry{Key: "k", Body: make([]byte, 6<<20)})
		for range 4 {
			if now := time.Now(); reads.isSlow(now) || reads.result.isSlow(now) {
				t.Errorf("it is slow with %d bytes in %v", reads.sentBytes.Load(), now.Sub(reads.result.since))
			}
			time.Sleep(time.Second / 2)
			reads.recordProgress(500 << 10)
		}
		s.Release(reads)
	})
}

// A client that has just begun is not cut off for the slow ones that read the same,
// but together they have no more than their turn.
func TestANewReaderIsNotCutOffForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t)
		e := &cache.Entry{Key: "k", Body: make([]byte, 6<<20)}
		all := []*Transfer{s.reads(t, e)}
		for d := minReadTime; d < maxReadTime; d += minReadTime / 2 {
			time.Sleep(minReadTime / 2)
			all = append(all, s.reads(t, e))
			if all[0].result.isSlow(time.Now()) {
				t.Fatalf("slow after %v", d)
			}
		}
		time.Sleep(minReadTime)
		if !all[0].result.isSlow(time.Now()) {
			t.Error("not slow in the end")
		}
		for _, reads := range all {
			s.Release(reads)
		}
	})
}

// Where what the RAM cache lets go of is too much, those who have just begun are not
// taken for the slowest.
func TestEvictedForTheSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := bubble(t)
		old := s.reads(t, &cache.Entry{Key: "old", Body: make([]byte, 6<<20)})
		time.Sleep(time.Minute)
		old.recordProgress(1 << 20)
		e := &cache.Entry{Key: "new", Body: make([]byte, 6<<20)}
		s.reads(t, e)
		a.Large.Resize(10 << 20)
		s.Moved(e)
		synctest.Wait() // old has ended
		if a.Large.Stats().InUse != 6<<20 || len(s.inFlight) != 1 || s.inFlight[&e.Body[0]] == nil {
			t.Errorf("%+v, new %v", a.Large.Stats(), s.inFlight[&e.Body[0]] != nil)
		}
		for reads := range s.transfers {
			s.Release(reads)
		}
	})
}
