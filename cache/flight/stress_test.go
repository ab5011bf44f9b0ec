package flight

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shelf is a store of values that are never lost, each of which must be made once.
type shelf struct {
	group  *Group[int, int]
	values [32]atomic.Int64
	stores [32]atomic.Int64
}

// making is the work of one flight.
type making struct {
	shelf  *shelf
	key    int
	commit bool
	yields int
}

func (m *making) Run(ctx context.Context, f *Flight[int, int]) (int, error) {
	for range m.yields {
		runtime.Gosched()
	}
	if m.commit {
		if err := f.Commit(); err != nil {
			return 0, err
		}
	}
	return m.key + 1, nil // also where ctx has ended meanwhile
}

func (m *making) Complete(f *Flight[int, int]) {
	if f.Err != nil || !f.Settle() {
		f.Forget()
		return
	}
	f.Deliver()
	for range m.yields {
		runtime.Gosched()
	}
	m.shelf.values[m.key].Store(int64(f.Value))
	m.shelf.stores[m.key].Add(1)
	f.Forget()
}

func (m *making) Release(*Flight[int, int]) {}

// get is what a cache does with a group. The caller leaves when ctx ends.
func (s *shelf) get(ctx context.Context, key int, work *making) (int, error) {
	for {
		at := s.group.Completions(key)
		if v := s.values[key].Load(); v != 0 {
			return int(v), nil
		}
		if f, settled := s.group.Lookup(key); settled {
			return f.Value, nil
		}
		f, _, err := s.group.Join(key, work, Caller[int, int]{CompletionsAtLookup: at})
		if err == ErrRetryLookup {
			continue
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-f.Done():
			if f.Err == nil {
				return f.Value, nil
			}
			return 0, f.Err
		case <-ctx.Done():
			f.Leave()
			return 0, ctx.Err()
		}
	}
}

// Whatever the order of events: each value is stored once, no caller is given another key's or is left waiting, and
// the group is empty in the end.
func TestStress(t *testing.T) {
	for round := range 20 {
		s := &shelf{group: New[int, int](Config{Timeout: time.Minute})}
		var wg sync.WaitGroup
		for worker := range 16 {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(worker)))
			wg.Go(func() {
				for range 200 {
					key := rng.IntN(len(s.values))
					ctx, cancel := context.WithCancel(context.Background())
					if rng.IntN(3) == 0 {
						go cancel()
					}
					work := &making{shelf: s, key: key, commit: rng.IntN(2) == 0, yields: rng.IntN(10)}
					v, err := s.get(ctx, key, work)
					if err == nil && v != key+1 || err != nil && ctx.Err() == nil && err != context.Canceled {
						t.Errorf("key %d: %d, %v", key, v, err)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		s.group.Close()
		if !s.group.Wait(context.Background()) || s.group.Len() != 0 || s.group.Running() != 0 {
			t.Errorf("%d flights in the table, %d running", s.group.Len(), s.group.Running())
		}
		for key := range s.stores {
			if n := s.stores[key].Load(); n > 1 || (n == 1) != (s.values[key].Load() != 0) {
				t.Errorf("key %d was stored %d times", key, n)
			}
		}
	}
}

// Of a commit and the last caller's leaving, one comes first and holds.
func TestCommitAgainstLeave(t *testing.T) {
	both := map[bool]int{}
	for range 2000 {
		g := New[int, int](Config{Timeout: time.Minute})
		committed, ended := make(chan error, 1), make(chan error, 1)
		f, _, _ := g.Join(1, &commits{committed, ended}, Caller[int, int]{})
		if rand.IntN(2) == 0 {
			runtime.Gosched()
		}
		f.Leave()
		err := <-committed
		if got := <-ended; (got == nil) != (err == nil) {
			t.Fatalf("commit: %v, but the context says: %v", err, got)
		}
		both[err == nil]++
	}
	t.Logf("%d committed, %d left first", both[true], both[false])
}

// commits commits, and says what became of it.
type commits struct{ committed, ended chan error }

func (c *commits) Run(ctx context.Context, f *Flight[int, int]) (int, error) {
	err := f.Commit()
	c.committed <- err
	return 0, err
}

func (c *commits) Complete(f *Flight[int, int]) {
	c.ended <- f.ctx.Err()
	f.Forget()
}

func (c *commits) Release(*Flight[int, int]) {}
