package memory

import (
	"testing"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// nothingLeft says that no result, request or client is known any more, and that all
// bytes were given back.
func nothingLeft(t *testing.T, s *Responses, b ResponseBudgets) {
	t.Helper()
	if st := s.Stats(); st != (ResponseStats{}) || len(s.requestGroups) != 0 {
		t.Errorf("%+v and %d keys are left over", st, len(s.requestGroups))
	}
	for _, b := range []*budget.Budget{b.Small, b.Large, b.Transforms} {
		if st := b.Stats(); st.InUse != 0 || st.Waiting != 0 {
			t.Errorf("something is left over: %+v", st)
		}
	}
}

// A client that asks again, before the server is done with its last response, does
// not keep that counted.
func TestTheNextRequestKeepsNothing(t *testing.T) {
	s, b := bubble(t)
	e := &cache.Entry{Key: "k", Body: make([]byte, 100)}
	over := s.RegisterRequest("k")
	reads, err := s.Admit(t.Context(), budget.NewQueueWait(slow), e)
	if err != nil {
		t.Fatal(err)
	}
	over()
	again := s.RegisterRequest("k")
	s.Release(reads)
	if len(s.inFlight) != 1 {
		t.Error("what may be asked for counts no more")
	}
	again()
	nothingLeft(t, s, b)
}

// A key that there is always a client of keeps nothing counted that no client can
// get any more.
func TestAKeyThatIsAlwaysAskedForKeepsNothing(t *testing.T) {
	for name, noStore := range map[string]bool{"a result that is kept": false, "one that is not": true} {
		t.Run(name, func(t *testing.T) {
			s, b := bubble(t)
			over := s.RegisterRequest("k")
			for range 5 {
				e := &cache.Entry{Key: "k", Body: make([]byte, 5<<20), NoStore: noStore}
				s.AddFilled(e, b.Transforms.Charge(5<<20))
				next := s.RegisterRequest("k")
				s.Landed(e)
				reads, err := s.Admit(t.Context(), budget.NewQueueWait(slow), e)
				if err != nil {
					t.Fatal(err)
				}
				over()
				s.Release(reads)
				over = next
			}
			kept := 1 // for the client that is there, which may have waited for it
			if noStore {
				kept = 0
			}
			if len(s.inFlight) != kept {
				t.Errorf("%d results are counted, not %d", len(s.inFlight), kept)
			}
			over()
			nothingLeft(t, s, b)
		})
	}
}
