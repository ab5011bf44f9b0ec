package flight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// settles is a job that makes v when release is closed, and stores it until stored is closed.
func settles(release, stored chan struct{}, settled *bool) *job {
	work := untilReleased(release)
	work.complete = func(f *Flight[string, int]) {
		*settled = f.Settle()
		f.Deliver()
		<-stored
		f.Forget()
	}
	return work
}

func TestACallerThatMissedACompletionLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, release, stored := newGroup(Config{}), make(chan struct{}), make(chan struct{})
		var settled bool
		f, _ := join(t, g, settles(release, stored, &settled), caller{})
		before := caller{CompletionsAtLookup: g.Completions("k")}
		close(release)
		<-f.Done()
		if there, ok := g.Lookup("k"); there != f || !ok || there.Value != 1 {
			t.Error("a settled flight is not found")
		}
		if _, _, err := g.Join("k", &job{}, before); err != ErrRetryLookup {
			t.Errorf("while the value is stored: %v", err)
		}
		before.CompletionsAtLookup = g.Completions("k")
		close(stored)
		<-f.Finished()
		if _, _, err := g.Join("k", &job{}, before); err != ErrRetryLookup {
			t.Errorf("after the value was stored: %v", err)
		}
		before.CompletionsAtLookup = g.Completions("k")
		if _, leader := join(t, g, untilReleased(release), before); !leader {
			t.Error("a caller that has looked again starts nothing")
		}
		before = caller{CompletionsAtLookup: Completions{0, true}, Bypass: true}
		if _, leader := join(t, g, untilReleased(release), before); !leader {
			t.Error("a caller that bypasses the table looks again")
		}
	})
}

// A flight that all have left may make something all the same.
func TestSuperseded(t *testing.T) {
	for name, tc := range map[string]struct {
		later    bool // another flight is started
		finishes bool // and is over before the first one
		want     bool
	}{
		"alone": {want: true}, "another one runs": {later: true}, "another one is over": {later: true, finishes: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, stored := newGroup(Config{}), make(chan struct{})
				close(stored)
				release, laterRelease := make(chan struct{}), make(chan struct{})
				var settled, laterSettled bool
				f, _ := join(t, g, settles(release, stored, &settled), caller{})
				f.Leave()
				var later *Flight[string, int]
				if tc.later {
					later, _ = join(t, g, settles(laterRelease, stored, &laterSettled), caller{})
				}
				if tc.finishes {
					close(laterRelease)
					<-later.Finished()
				}
				close(release)
				<-f.Finished()
				if settled != tc.want {
					t.Errorf("settled: %v", settled)
				}
				if tc.later && !tc.finishes {
					close(laterRelease)
					<-later.Finished()
				}
				if laterSettled != tc.later || g.Len() != 0 {
					t.Errorf("the later one settled: %v, %d flights", laterSettled, g.Len())
				}
			})
		})
	}
}

// A flight that is not forgotten is shared when it is done, until the last caller has left.
func TestDoneFlightsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, work := newGroup(Config{}), &job{released: make(chan struct{})}
		over := make(chan struct{})
		work.run = func(context.Context, *Flight[string, int]) (int, error) { return 1, nil }
		work.complete = func(f *Flight[string, int]) { f.Deliver(); <-over }
		f, _ := join(t, g, work, caller{})
		<-f.Done()
		shares := caller{Share: func(_ *Flight[string, int], done bool) bool { return done }}
		if other, leader := join(t, g, &job{}, shares); other != f || leader {
			t.Error("it is not shared")
		}
		f.Leave()
		f.Leave() // the run is still busy
		if other, leader := join(t, g, &job{}, shares); other != f || leader {
			t.Error("it is not shared while its run is busy")
		}
		close(over)
		<-f.Finished()
		if isDone(work.released) || g.Len() != 1 {
			t.Error("it is released in use")
		}
		f.Leave()
		if !isDone(work.released) || g.Len() != 0 {
			t.Error("it is not released")
		}
	})
}

func TestReleaseByTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, work, release := newGroup(Config{}), &job{released: make(chan struct{})}, make(chan struct{})
		work.run, work.complete = untilReleased(release).run, func(*Flight[string, int]) {}
		f, _ := join(t, g, work, caller{})
		f.Leave()
		synctest.Wait()
		if isDone(work.released) {
			t.Error("it is released while it runs")
		}
		close(release)
		synctest.Wait()
		if !isDone(work.released) || g.Len() != 0 {
			t.Error("it is not released")
		}
	})
}

func TestBypassingAndRefusedFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, release := newGroup(Config{}), make(chan struct{})
		f, _ := join(t, g, untilReleased(release), caller{})
		if other, leader := join(t, g, untilReleased(release), caller{Bypass: true}); other == f || !leader {
			t.Error("a caller that bypasses the table joined another one's flight")
		}
		if there, settled := g.Lookup("k"); there != f || settled {
			t.Error("a flight that bypasses it is in the table")
		}
		refused := errors.New("refused")
		c := caller{MayStart: func() error { return refused }}
		if other, leader := join(t, g, &job{}, c); other != f || leader {
			t.Error("a caller that may not start joins nothing")
		}
		c.Share = func(*Flight[string, int], bool) bool { return false }
		if _, _, err := g.Join("k", &job{}, c); err != refused || g.Running() != 2 {
			t.Errorf("%v, %d flights", err, g.Running())
		}
		// Where the flight in the table is no use, another one takes its place, and the first does not remove it.
		c.MayStart = nil
		last := make(chan struct{})
		second, leader := join(t, g, untilReleased(last), c)
		close(release)
		<-f.Finished()
		if there, _ := g.Lookup("k"); !leader || there != second {
			t.Error("the flight in the table was removed by another one")
		}
		close(last)
	})
}
