package flight

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// job is a Work of functions; those that are nil do nothing.
type job struct {
	run      func(context.Context, *Flight[string, int]) (int, error)
	complete func(*Flight[string, int])
	released chan struct{}
}

func (j *job) Run(ctx context.Context, f *Flight[string, int]) (int, error) { return j.run(ctx, f) }

func (j *job) Complete(f *Flight[string, int]) {
	if j.complete != nil {
		j.complete(f)
		return
	}
	f.Forget()
}

func (j *job) Release(*Flight[string, int]) {
	if j.released != nil {
		close(j.released)
	}
}

type caller = Caller[string, int]

func newGroup(cfg Config) *Group[string, int] {
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	return New[string, int](cfg)
}

// untilReleased is a run that makes 1 when release is closed, whatever happens to its context.
func untilReleased(release chan struct{}) *job {
	return &job{run: func(context.Context, *Flight[string, int]) (int, error) { <-release; return 1, nil }}
}

func join(t *testing.T, g *Group[string, int], work *job, c caller) (*Flight[string, int], bool) {
	t.Helper()
	f, leader, err := g.Join("k", work, c)
	if err != nil {
		t.Fatal(err)
	}
	return f, leader
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestFollowersShareTheFlightThatItsLeaderLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, release := newGroup(Config{}), make(chan struct{})
		leaders, ended := 0, errors.New("ended")
		work := &job{run: func(ctx context.Context, _ *Flight[string, int]) (int, error) {
			select {
			case <-release:
				return 1, nil
			case <-ctx.Done():
				return 0, ended
			}
		}}
		var first *Flight[string, int]
		for range 100 {
			f, leader := join(t, g, work, caller{})
			if leader {
				leaders++
				first = f
			}
			if f != first {
				t.Error("a flight of its own")
			}
		}
		for range 99 {
			first.Leave()
		}
		synctest.Wait()
		close(release)
		<-first.Done()
		if v, err := first.Outcome(false); v != 1 || err != nil || leaders != 1 {
			t.Errorf("%d, %v, %d leaders", v, err, leaders)
		}
	})
}

func TestTheLastToLeaveCancelsWhatIsNotCommitted(t *testing.T) {
	for name, tc := range map[string]struct {
		commits, detaches, goesOn bool
	}{
		"left": {}, "committed": {commits: true, goesOn: true}, "detached": {detaches: true, goesOn: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, release := newGroup(Config{}), make(chan struct{})
				var canceled bool
				f, _ := join(t, g, &job{run: func(ctx context.Context, f *Flight[string, int]) (int, error) {
					if tc.commits {
						if err := f.Commit(); err != nil {
							t.Error(err)
						}
					}
					<-release
					canceled = ctx.Err() != nil
					if err := f.Commit(); tc.goesOn != (err == nil) {
						t.Errorf("commit: %v", err)
					}
					return 1, ctx.Err()
				}}, caller{})
				synctest.Wait()
				if tc.detaches {
					f.Detach()
				} else {
					f.Leave()
				}
				other, leader := join(t, g, untilReleased(release), caller{})
				if leader == tc.goesOn || (other == f) != tc.goesOn {
					t.Errorf("the next caller is a leader: %v", leader)
				}
				close(release)
				<-f.Finished()
				if canceled == tc.goesOn {
					t.Errorf("canceled: %v", canceled)
				}
				<-other.Done()
			})
		})
	}
}

func TestPanicsLetWaitersGo(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("at the disco") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			g, completed := newGroup(Config{}), false
			work := &job{run: func(context.Context, *Flight[string, int]) (int, error) { end(); return 1, nil }}
			work.complete = func(f *Flight[string, int]) { completed = true; f.Forget() }
			f, _ := join(t, g, work, caller{})
			<-f.Done()
			var p *PanicError
			v, err := f.Outcome(true)
			if !errors.As(err, &p) || v != 0 || !completed || !strings.HasPrefix(err.Error(), "panicked: ") {
				t.Errorf("%d, %v", v, err)
			}
			if name == "panic" && (p.Cause != "at the disco" || !strings.Contains(string(p.Stack), "TestPanics")) {
				t.Errorf("%v\n%s", p.Cause, p.Stack)
			}
		})
	}
}

func TestTimeoutAndSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seq := uint64(7)
		g := newGroup(Config{Sequence: func() uint64 { return seq }})
		start := time.Now()
		f, _ := join(t, g, &job{run: func(ctx context.Context, f *Flight[string, int]) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}, caller{})
		seq = 8
		<-f.Done()
		if !errors.Is(f.Err, context.DeadlineExceeded) || time.Since(start) != time.Minute || f.Seq != 7 {
			t.Errorf("%v after %v, sequence %d", f.Err, time.Since(start), f.Seq)
		}
	})
}

func TestFollowersRetryWhatConcernsTheLeader(t *testing.T) {
	refused := errors.New("refused")
	g := newGroup(Config{LeaderOnly: func(err error) bool { return errors.Is(err, refused) }})
	for _, want := range []error{refused, errors.New("other")} {
		work := &job{run: func(context.Context, *Flight[string, int]) (int, error) { return 0, want }}
		f, _ := join(t, g, work, caller{})
		<-f.Finished()
		_, leads := f.Outcome(true)
		_, follows := f.Outcome(false)
		if leads != want || (follows == ErrRetryLookup) != (want == refused) {
			t.Errorf("leader: %v, follower: %v", leads, follows)
		}
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(Config{})
		untilEnded := &job{run: func(ctx context.Context, _ *Flight[string, int]) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		waited, _, _ := g.Join("waited for", untilEnded, caller{})
		committed, _, _ := g.Join("committed", untilEnded, caller{})
		if err := committed.Commit(); err != nil {
			t.Fatal(err)
		}
		if !g.Start("alone", untilEnded) || g.Start("alone", untilEnded) || g.Len() != 3 {
			t.Errorf("%d flights", g.Len())
		}
		g.Close()
		synctest.Wait()
		if g.Running() != 2 || isDone(waited.Done()) {
			t.Errorf("%d flights go on", g.Running())
		}
		if _, _, err := g.Join("new", untilEnded, caller{}); !errors.Is(err, ErrClosed) || g.Start("new", untilEnded) {
			t.Errorf("a closed group starts a flight: %v", err)
		}
		committed.Leave() // which is no reason any more to go on
		synctest.Wait()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		if g.Running() != 1 || g.Wait(now) {
			t.Errorf("%d flights go on", g.Running())
		}
		g.Cancel()
		if !g.Wait(context.Background()) || !errors.Is(waited.Err, context.Canceled) || g.Running() != 0 {
			t.Error(waited.Err)
		}
	})
}

// What holds a flight is one of its callers.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, release := newGroup(Config{}), make(chan struct{})
		work := untilReleased(release)
		work.released = make(chan struct{})
		work.complete = func(*Flight[string, int]) {}
		f, _ := join(t, g, work, caller{})
		f.Hold()
		if n := f.Callers(); n != 2 {
			t.Errorf("%d callers", n)
		}
		f.Leave()
		close(release)
		<-f.Finished()
		if isDone(work.released) || f.Callers() != 1 {
			t.Errorf("%d callers, and it is released: %v", f.Callers(), isDone(work.released))
		}
		f.Leave()
		if !isDone(work.released) {
			t.Error("it is not released")
		}
	})
}
