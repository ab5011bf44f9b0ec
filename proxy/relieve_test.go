package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// However long clients read before while nobody waited, a request that waits has a
// slow reader cut off, and is not refused for the time that it would take without.
func TestLongReadsDoNotRefuseThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := bubble(t)
		begin := func(key cache.Key) *transfer {
			return s.reads(t, &cache.Entry{Key: key, Body: make([]byte, 15<<20)})
		}
		for range 10 {
			reads := begin("before")
			time.Sleep(10 * time.Minute)
			s.end(reads)
		}
		begin("a")
		begin("b")
		time.Sleep(2 * time.Second)
		began := time.Now()
		s.end(begin("c"))
		if d := time.Since(began); d > time.Second {
			t.Errorf("it waited for %v", d)
		}
		if n := s.cuts[cutRoom].Load(); n != 1 {
			t.Errorf("%d were cut off", n)
		}
		// What they read beyond their part was in the share of transforms.
		g := a.transforms.Charge(64 << 20)
		ready := time.AfterFunc(time.Second, g.Release)
		defer ready.Stop()
		job, err := a.transforms.Acquire(t.Context(), 32<<20)
		if err != nil {
			t.Fatalf("a job: %v", err)
		}
		job.Release()
	})
}

// bubble is the sending of a server of its own, with 12 MiB for large results.
func bubble(t *testing.T) (*sending, accounts) {
	a, err := newAccounts(Shares{Workers: 1, Fetches: 1, Bodies: 1, Transforms: 64 << 20, Sending: 16 << 20}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return newSending(a), a
}

// reads begins to read an entry.
func (s *sending) reads(t *testing.T, e *cache.Entry) *transfer {
	t.Helper()
	reads, err := s.begin(t.Context(), &patience{left: time.Minute}, e)
	if err != nil {
		t.Fatal(err)
	}
	reads.start(func() { s.end(reads) })
	return reads
}

// How long a client waited for room does not make it a slow reader.
func TestWaitingIsNotSlowReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := bubble(t)
		time.AfterFunc(30*time.Second, a.sending.Charge(12<<20).Release)
		reads := s.reads(t, &cache.Entry{Key: "k", Body: make([]byte, 6<<20)})
		for range 4 {
			if now := time.Now(); reads.slow(now) || reads.out.slow(now) {
				t.Errorf("it is slow with %d bytes in %v", reads.sent.Load(), now.Sub(reads.out.since))
			}
			time.Sleep(time.Second / 2)
			reads.progress(500 << 10)
		}
		s.end(reads)
	})
}

// A client that has just begun is not cut off for the slow ones that read the same,
// but together they have no more than their turn.
func TestANewReaderIsNotCutOffForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t)
		e := &cache.Entry{Key: "k", Body: make([]byte, 6<<20)}
		all := []*transfer{s.reads(t, e)}
		for d := headStart; d < turn; d += headStart / 2 {
			time.Sleep(headStart / 2)
			all = append(all, s.reads(t, e))
			if all[0].out.slow(time.Now()) {
				t.Fatalf("slow after %v", d)
			}
		}
		time.Sleep(headStart)
		if !all[0].out.slow(time.Now()) {
			t.Error("not slow in the end")
		}
		for _, reads := range all {
			s.end(reads)
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
		old.progress(1 << 20)
		e := &cache.Entry{Key: "new", Body: make([]byte, 6<<20)}
		s.reads(t, e)
		a.sending.Resize(10 << 20)
		s.Moved(e)
		synctest.Wait() // old has ended
		if a.sending.Stats().InUse != 6<<20 || len(s.outgoing) != 1 || s.outgoing[&e.Body[0]] == nil {
			t.Errorf("%+v, new %v", a.sending.Stats(), s.outgoing[&e.Body[0]] != nil)
		}
		for reads := range s.transfers {
			s.end(reads)
		}
	})
}
