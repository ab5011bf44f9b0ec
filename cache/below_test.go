package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// below is a cache over a disk tier.
func below(t *testing.T, cfg Config) (*Cache, Tier) {
	t.Helper()
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f, s := openStore(t, t.TempDir(), 256<<20)
	t.Cleanup(func() { f.Close() }) // after the cache, which closes the tier
	tier := NewDiskTier(s, clock.ID())
	cfg.Clock, cfg.Lower = clock, []Tier{tier}
	return newCache(t, cfg), tier
}

// What was started first and ends last does not take the place of what was
// started later, also where only a lower tier has that.
func TestALateFillDoesNotReplaceANewerOneBelow(t *testing.T) {
	for name, most := range map[string]int64{"no RAM": 0, "too large for RAM": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			c, tier := below(t, Config{MaxBytes: most, MaxEntryBytes: 1 << 10})
			large := strings.Repeat("b", 2<<10)
			finish := abandon(t, c, "k", "old"+large)
			if _, _, err := c.Get(context.Background(), "k", makes(newEntry("k", "new"+large, time.Hour))); err != nil {
				t.Fatal(err)
			}
			settle(c)
			finish()
			awaitIdle(c)
			if e, ok := tier.Get(context.Background(), "k"); !ok || content(t, e)[:3] != "new" {
				t.Errorf("%v, %v", e, ok)
			} else {
				e.Close()
			}
		})
	}
}

// gated is a tier whose second Get waits in the middle.
type gated struct {
	Tier
	gets          atomic.Int64
	read, goOn    chan struct{}
	readsUntilNow int64
}

func (g *gated) Get(_ context.Context, k Key) (*Entry, bool) {
	e, ok := g.Tier.Get(context.Background(), k)
	if g.gets.Add(1) == g.readsUntilNow {
		close(g.read)
		<-g.goOn
	}
	return e, ok
}

// What is on its way up is not newer than what lands meanwhile, and is too
// large to follow it.
func TestAPromotionMeetsWhatIsTooLarge(t *testing.T) {
	c, tier := below(t, Config{MaxBytes: 1 << 20, MaxEntryBytes: 8 << 10})
	tier.Put(newEntry("k", "old", time.Hour))
	g := &gated{Tier: tier, read: make(chan struct{}), goOn: make(chan struct{}), readsUntilNow: 2}
	c.cfg.Lower[0] = g
	if e, ok := c.Lookup("k"); !ok {
		t.Fatal("not there")
	} else {
		e.Close()
	}
	<-g.read // the promotion has the old one
	large := newEntry("k", strings.Repeat("new", 8<<10), time.Hour)
	c.storeEntry(large, true)
	close(g.goOn)
	awaitIdle(c)
	e, ok := c.Lookup("k")
	if !ok || e.ETag != large.ETag {
		t.Errorf("%+v, %v", e, ok)
	}
	if ok {
		e.Close()
	}
}

// A full RAM tier takes from below what is asked for again, and not all that is
// asked for once.
func TestWhatIsPromoted(t *testing.T) {
	c, tier := below(t, Config{MaxBytes: 1 << 20})
	const large = 100 << 10
	for i := range 100 {
		tier.Put(newEntry(Key(fmt.Sprint(i)), strings.Repeat("b", large), time.Hour))
	}
	look := func(i int) {
		e, ok := c.Lookup(Key(fmt.Sprint(i)))
		if !ok {
			t.Fatalf("%d is not there", i)
		}
		e.Close()
		awaitIdle(c)
	}
	for i := range 100 {
		look(i)
	}
	// As many as there was room for.
	if n := c.Stats().Promoted; n < 5 || n > 11 {
		t.Errorf("%d were promoted of 100 that were asked for once", n)
	}
	before := c.Stats().Promoted
	look(99)
	if n := c.Stats().Promoted - before; n != 1 && c.Stats().Rejected == 0 {
		t.Errorf("%d were promoted of one that was asked for again", n)
	}
}

// slowTier takes its time.
type slowTier struct{ Tier }

func (s slowTier) Get(_ context.Context, k Key) (*Entry, bool) {
	time.Sleep(20 * time.Millisecond) // it is what the test is about
	return s.Tier.Get(context.Background(), k)
}

// settles is a flight that settles and stores nothing.
type settles struct{}

func (settles) Run(context.Context, *entryFlight) (*Entry, error) { return &Entry{}, nil }

func (settles) Complete(f *entryFlight) {
	f.Settle()
	f.Forget()
}

func (settles) Release(*entryFlight) {}

// What lands of other keys while a slow tier is looked at is no reason to look
// again.
func TestASlowTierIsLookedAtOnce(t *testing.T) {
	c, tier := below(t, Config{MaxBytes: 1 << 20})
	c.cfg.Lower[0] = slowTier{tier}
	end := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				c.flights.Start(Key(fmt.Sprint(i, n)), settles{})
				time.Sleep(time.Millisecond)
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 10 {
		key := Key(fmt.Sprint("k", i))
		if _, outcome, err := c.Get(ctx, key, makes(newEntry(key, "b", time.Hour))); err != nil || outcome != Miss {
			t.Errorf("%v, %v", outcome, err)
		}
	}
	close(end)
	wg.Wait()
}

// What was stored while the clock was ahead is not fresh until it is there: it
// may be years.
func TestAnEntryFromTheFuture(t *testing.T) {
	now := time.Now()
	c := newCache(t, Config{MaxBytes: 1 << 20, Now: func() time.Time { return now }})
	e := full("k", "b")
	e.Seq, e.Pixels = 0, 0
	for ahead, want := range map[time.Duration]state{
		0: fresh, 30 * time.Second: fresh, 2 * time.Minute: stale, 10000 * time.Hour: stale,
	} {
		e.Stored, e.Expires = now.Add(ahead), now.Add(ahead+time.Hour)
		if got := c.stateOf(e); got != want {
			t.Errorf("%v ahead: %v, want %v", ahead, got, want)
		}
	}
}

// heldTier keeps a Drop back.
type heldTier struct {
	Tier
	dropping, release chan struct{}
}

func (h heldTier) Drop(k Key) {
	close(h.dropping)
	<-h.release
	h.Tier.Drop(k)
}

// A refresh that shows that an entry is to go is a flight until the entry is
// gone: Stats says so, and no other refresh is started meanwhile.
func TestAFlightLastsUntilWhatItEndsIsGone(t *testing.T) {
	for name, fill := range map[string]Fill{
		"no-store": makes(&Entry{Key: "k", NoStore: true}),
		"an error": func(context.Context, func() error, *Entry) (*Entry, error) { return nil, errTruth },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			c, tier := below(t, Config{Now: func() time.Time { return now }, Classify: classes})
			held := heldTier{tier, make(chan struct{}), make(chan struct{})}
			c.cfg.Lower[0] = held
			e := newEntry("k", "old", time.Minute)
			e.StaleWhile = time.Hour
			tier.Put(e)
			now = now.Add(2 * time.Minute)
			get := func() Outcome {
				t.Helper()
				e, outcome, err := c.Get(t.Context(), "k", fill)
				if err != nil {
					t.Fatal(err)
				}
				e.Close()
				return outcome
			}
			if o := get(); o != Stale {
				t.Errorf("%v", o)
			}
			<-held.dropping
			if o := get(); o != Stale {
				t.Errorf("while it is dropped: %v", o)
			}
			if st := c.Stats(); st.Flights != 1 || st.Refreshes != 1 {
				t.Errorf("while it is dropped: %+v", st)
			}
			close(held.release)
			awaitIdle(c)
			if st := c.Stats(); st.Flights != 0 {
				t.Errorf("%+v", st)
			}
			if _, ok := tier.Get(context.Background(), "k"); ok {
				t.Error("it is there still")
			}
		})
	}
}
