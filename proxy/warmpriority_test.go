package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// pacedJobs has a rig's jobs wait until they are let go, and keeps their order. A job is
// known by the width of its result.
type pacedJobs struct {
	mu    sync.Mutex
	order []int
	held  map[int]chan struct{}
}

// paceJobs has the jobs of these widths wait.
func paceJobs(r *rig, widths ...int) *pacedJobs {
	p := &pacedJobs{held: map[int]chan struct{}{}}
	for _, w := range widths {
		p.held[w] = make(chan struct{})
	}
	r.painter.fail = func(context.Context) error {
		width := r.painter.last.Load().Outputs[0].Width
		p.mu.Lock()
		p.order = append(p.order, width)
		wait := p.held[width]
		p.mu.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-r.over:
			}
		}
		return nil
	}
	return p
}

// began says how many jobs have begun.
func (p *pacedJobs) began() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.order)
}

func (p *pacedJobs) wantOrder(t *testing.T, want ...int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range max(len(want), len(p.order)) {
		if i >= len(want) || i >= len(p.order) || want[i] != p.order[i] {
			t.Errorf("jobs in the order %v, want %v", p.order, want)
			return
		}
	}
}

// askFor requests an image, and says when it has come.
func (r *rig) askFor(path string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, body, err := r.get(context.Background(), path); err != nil || resp.StatusCode != 200 {
			r.t.Errorf("%s: %v %.100q", path, err, body)
		}
	}()
	return done
}

func (r *rig) warmingLists() int {
	w := r.server.warmer
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lists
}

// While a client has one of two workers, nothing is warmed, and another client has the
// other worker at once.
func TestClientsComeBeforeWarming(t *testing.T) {
	r := newRig(t, nil)
	r.apart = true
	jobs := paceJobs(r, 100)
	first := r.askFor(r.path("w:100"))
	r.until("a client's job runs", func() bool { return jobs.began() == 1 })
	warmed := r.startWarm(t.Context(), WarmRequest{URLs: []string{r.path("w:1"), r.path("w:2")}})
	r.until("the list is there", func() bool { return r.warmingLists() == 1 })
	<-r.askFor(r.path("w:101"))
	<-r.askFor(r.path("w:102"))
	if n := r.asked.Load(); n != 3 || r.server.memory.Budgets.Sources.Stats().InUse > 1<<20 {
		t.Errorf("the origin was asked %d times", n)
	}
	close(jobs.held[100])
	<-first
	lines := <-warmed
	if end := lines[len(lines)-1]; end.Warmed != 2 || end.Status != StatusDone {
		t.Errorf("%+v %+v", end, end.WarmTotals)
	}
	jobs.wantOrder(t, 100, 101, 102, 1, 2)
	for name, n := range map[string]uint64{"workers": r.server.memory.Budgets.Workers.Stats().Shed,
		"transforms": r.server.memory.Budgets.Transforms.Stats().Shed} {
		if n != 0 {
			t.Errorf("%s: %d shed", name, n)
		}
	}
}

// warmBesideAJob warms w:1, and has a client's job of w:100 begin while the source of the image
// is fetched, which goes on when send is closed.
func warmBesideAJob(r *rig) (jobs *pacedJobs, warmed <-chan []WarmLine, other <-chan struct{}, send chan struct{}) {
	r.t.Helper()
	r.apart = true
	jobs, send = paceJobs(r, 100), make(chan struct{})
	asked := make(chan struct{})
	var once sync.Once
	r.gate = func(req *http.Request) {
		if strings.Contains(req.URL.Path, "w:1/") {
			once.Do(func() { close(asked); <-send })
		}
	}
	warmed = r.startWarm(r.t.Context(), WarmRequest{URLs: []string{r.path("w:1")}})
	<-asked
	other = r.askFor(r.path("w:100"))
	r.until("a client's job runs", func() bool { return jobs.began() == 1 })
	return jobs, warmed, other, send
}

// An image whose source was fetched when clients came gives its bytes back, and is made
// later. A client that waits for the same image does not wait for that.
func TestWarmingYieldsToClientsThatComeMeanwhile(t *testing.T) {
	r := newRig(t, nil)
	jobs, warmed, other, send := warmBesideAJob(r)
	same := r.askFor(r.path("w:1"))
	r.until("a client waits for the image", func() bool { return r.cfg.Cache.Stats().Collapsed == 1 })
	close(send)
	<-same // although the other job still runs
	jobs.wantOrder(t, 100, 1)
	close(jobs.held[100])
	<-other
	lines := <-warmed
	if lines[0].Status != StatusAlready {
		t.Errorf("%+v", lines)
	}
	jobs.wantOrder(t, 100, 1)
}

// Without a client that waits for it, what yielded holds nothing until it is begun again.
func TestWarmingHoldsNothingWhileItWaits(t *testing.T) {
	r := newRig(t, nil)
	jobs, warmed, other, send := warmBesideAJob(r)
	one := r.server.memory.Budgets.Sources.Stats().InUse
	close(send)
	r.until("it yields", func() bool {
		return r.cfg.Cache.Stats().FillErrors == 1 && r.server.sources.Stats().Open == 1
	})
	if n := r.server.memory.Budgets.Sources.Stats().InUse; n > one {
		t.Errorf("%d bytes of sources, of which a client needs %d", n, one)
	}
	close(jobs.held[100])
	<-other
	if lines := <-warmed; lines[0].Status != StatusWarmed {
		t.Errorf("%+v", lines)
	}
	jobs.wantOrder(t, 100, 1)
}

// Clients that share a decode are not kept waiting by an image of the same source that is
// warmed: it is none of their job's.
func TestAJobForClientsWarmsNothing(t *testing.T) {
	r := newRig(t, nil)
	asked, send, busy := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.gate = func(req *http.Request) {
		if req.URL.Path == "/a.png" {
			once.Do(func() { close(asked); <-send })
		}
	}
	var running, together atomic.Int64
	r.painter.fail = func(context.Context) error {
		outputs := r.painter.last.Load().Outputs
		if len(outputs) == 1 && outputs[0].Width >= 100 {
			running.Add(1)
			<-busy
		}
		for _, out := range outputs {
			if len(outputs) > 1 && out.Width == 1 {
				together.Add(1)
			}
		}
		return nil
	}
	warmed := r.startWarm(t.Context(), WarmRequest{URLs: []string{r.path("w:1")}})
	<-asked
	var clients []<-chan struct{}
	for i, source := range []string{"/b.png", "/c.png"} { // they take both workers
		clients = append(clients, r.askFor(r.pathOf(fmt.Sprint("w:", 100+i), source)))
		r.until("a client's job runs", func() bool { return running.Load() == int64(i+1) })
	}
	for width := 2; width < 6; width++ {
		clients = append(clients, r.askFor(r.path(fmt.Sprint("w:", width))))
	}
	r.until("all have asked", func() bool { return r.server.sources.Stats().Shared == 4 })
	close(send)
	r.until("clients wait", func() bool { return r.server.memory.Budgets.Workers.Stats().Waiting > 0 })
	close(busy)
	for _, client := range clients {
		<-client
	}
	if lines := <-warmed; lines[0].Status != StatusWarmed || together.Load() != 0 {
		t.Errorf("%+v, %d jobs with others", lines, together.Load())
	}
}

// An image that would have to be made alone is left to clients: the cache stays, and the
// failure is not remembered.
func TestNothingIsWarmedExclusively(t *testing.T) {
	r := newExclusiveRig(t)
	if err := r.fillCache(4 << 20); err != nil {
		t.Fatal(err)
	}
	before := r.cfg.Cache.Stats()
	lines, end := r.warm(WarmRequest{URLs: []string{r.path(large)}})
	if end.Failed != 1 || lines[0].Code != "too-large" || !strings.Contains(lines[0].Error, "MiB") {
		t.Errorf("%+v", lines)
	}
	if after := r.cfg.Cache.Stats(); after.Bytes != before.Bytes || r.painter.results.Load() != 0 {
		t.Errorf("the cache has %d bytes, had %d", after.Bytes, before.Bytes)
	}
	<-r.askFor(r.path(large))
}

// A client that leaves ends the work on its list. The job that a worker has is finished.
func TestWarmingStopsWhenItsClientLeaves(t *testing.T) {
	r := newRig(t, nil)
	r.apart = true
	jobs := paceJobs(r, 1)
	ctx, leave := context.WithCancel(t.Context())
	ended := r.startWarm(ctx, WarmRequest{URLs: []string{r.path("w:1"), r.path("w:2"), r.path("w:3")}})
	r.until("the first job runs", func() bool { return jobs.began() == 1 })
	leave()
	<-ended
	r.until("the list is left", func() bool { return r.warmingLists() == 0 })
	close(jobs.held[1])
	r.quiet()
	r.wantStatus("what was begun", r.path("w:1"), inMemory)
	jobs.wantOrder(t, 1)
	_, end := r.warm(WarmRequest{URLs: []string{r.path("w:1"), r.path("w:2")}})
	if end.Already != 1 || end.Warmed != 1 {
		t.Errorf("another list: %+v", end.WarmTotals)
	}
}

func TestWarmingStopsWithTheServer(t *testing.T) {
	r := newRig(t, nil)
	r.apart = true
	jobs := paceJobs(r, 1)
	ended := r.startWarm(t.Context(), WarmRequest{URLs: []string{r.path("w:1"), r.path("w:2"), r.path("w:3")}})
	r.until("the first job runs", func() bool { return jobs.began() == 1 })
	r.server.Drain()
	close(jobs.held[1])
	lines := <-ended
	end := lines[len(lines)-1]
	if end.Status != StatusStopped || end.Warmed != 1 || end.Left != 2 || end.Error != "The server is shutting down." {
		t.Errorf("%+v %+v", end, end.WarmTotals)
	}
	jobs.wantOrder(t, 1)
}

// Lists take memory, so there may be a few at once.
func TestListsToWarmAreBounded(t *testing.T) {
	r := newRig(t, nil)
	r.apart = true
	jobs := paceJobs(r, 100)
	busy := r.askFor(r.path("w:100"))
	r.until("a client's job runs", func() bool { return jobs.began() == 1 })
	var lists []<-chan []WarmLine
	for range maxWarmLists {
		lists = append(lists, r.startWarm(t.Context(), WarmRequest{URLs: []string{r.path("w:1")}}))
	}
	r.until("they are there", func() bool { return r.warmingLists() == maxWarmLists })
	resp, err := r.postWarm(t.Context(), `{"urls": ["/a/b/c"]}`)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %v", resp.StatusCode, resp.Header)
	}
	close(jobs.held[100])
	<-busy
	for _, list := range lists {
		if lines := <-list; len(lines) != 2 || lines[0].Status == StatusFailed {
			t.Errorf("%+v", lines)
		}
	}
	jobs.wantOrder(t, 100, 1) // once for all
}

// An image that fails in a worker is the line's alone.
func TestAnImageThatFailsDoesNotEndTheList(t *testing.T) {
	r := newRig(t, nil)
	r.apart = true
	r.painter.fail = func(context.Context) error {
		switch r.painter.last.Load().Outputs[0].Width {
		case 1:
			return transform.ErrCrashed
		case 2:
			panic("boom")
		case 3:
			return errors.New("boom")
		}
		return nil
	}
	lines, end := r.warm(WarmRequest{URLs: []string{r.path("w:1"), r.path("w:2"), r.path("w:3"), r.path("w:4")}})
	for i, want := range []string{"crashed", "internal", "internal", ""} {
		if lines[i].Code != want {
			t.Errorf("%+v, want %s", lines[i], want)
		}
	}
	if end.Failed != 3 || end.Warmed != 1 {
		t.Errorf("%+v", end.WarmTotals)
	}
}
