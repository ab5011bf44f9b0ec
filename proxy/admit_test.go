package proxy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// Each budget that is full sheds, and lets in again when it is not.
func TestEveryFullBudgetSheds(t *testing.T) {
	for name, of := range map[string]func(memory.Budgets) *budget.Budget{
		"fetches":    func(a memory.Budgets) *budget.Budget { return a.Fetches },
		"bodies":     func(a memory.Budgets) *budget.Budget { return a.Sources },
		"transforms": func(a memory.Budgets) *budget.Budget { return a.Transforms },
		"slots":      func(a memory.Budgets) *budget.Budget { return a.Workers },
		"small":      func(a memory.Budgets) *budget.Budget { return a.SmallResponses },
		"sending":    func(a memory.Budgets) *budget.Budget { return a.Responses },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.QueueWait = 20 * time.Millisecond
				if name == "sending" || name == "small" { // what the cache keeps needs none
					c.Transformer = &huge{bytes: map[string]int{"sending": 1 << 20, "small": 1000}[name]}
					c.Cache.Close()
					c.Cache, _ = cache.New(cache.Config{Clock: c.Clock, Pixels: transform.PixelVersion})
				}
			})
			full := of(r.server.memory.Budgets)
			g, err := full.TryAcquire(full.Stats().Capacity)
			if err != nil {
				t.Fatal(err)
			}
			resp, body := r.must(r.path("w:100"))
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.HasPrefix(body, "shed: ") ||
				resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v %q", resp.StatusCode, resp.Header, body)
			}
			g.Release()
			if resp, body := r.must(r.path("w:100")); resp.StatusCode != 200 {
				t.Errorf("afterwards: %d %q", resp.StatusCode, body)
			}
		})
	}
}

func TestASlowHostDoesNotHoldUpAnother(t *testing.T) {
	r := newRig(t, func(c *Config) { c.QueueWait = time.Minute })
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		http.NotFound(w, nil)
	}))
	defer slow.Close()
	var wg sync.WaitGroup
	for i := range 2 * sources.FetchesPerHost {
		path := fmt.Sprintf("/cb:%d/plain/%s/a.png", i, slow.URL)
		wg.Go(func() { r.get(context.Background(), "/"+ring.Sign(path)+path) })
	}
	r.until("the slow host has all its turns", func() bool {
		return r.server.memory.Budgets.Fetches.Stats().InUse == sources.FetchesPerHost
	})
	if resp, body := r.must(r.path("w:100")); resp.StatusCode != 200 {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if n := r.server.memory.Budgets.Fetches.Stats().InUse; n != sources.FetchesPerHost {
		t.Errorf("%d fetches from one host", n)
	}
	close(release)
	wg.Wait()
}

// huge is a Transformer whose results do not fit into socket buffers.
type huge struct {
	painter
	bytes int
}

func (h *huge) Transform(_ context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	deliver(0, transform.Picture{Format: transform.PNG, Width: 1, Height: 1, Body: make([]byte, h.bytes)})
	return nil
}

// A client may announce a body and send none: it is answered all the same.
func TestAnAnnouncedBodyIsNotWaitedFor(t *testing.T) {
	r := newRig(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", r.path("w:100"))
	status := make([]byte, 12)
	if _, err := conn.Read(status); err != nil || string(status) != "HTTP/1.1 200" {
		t.Errorf("%q, %v", status, err)
	}
}

// A source without a length is given more than it turns out to need, and
// keeps what it needs only.
func TestUnknownLengthsGiveBackWhatTheyDoNotNeed(t *testing.T) {
	r := newRig(t, nil)
	r.chunked = true
	var held int64
	r.painter.fail = func(context.Context) error { held = r.server.memory.Budgets.Sources.Stats().InUse; return nil }
	resp, body := r.must(r.path("w:100"))
	if resp.StatusCode != 200 || held == 0 || held > 64<<10 || r.server.memory.Budgets.Sources.Stats().Peak < 1<<20 {
		t.Errorf("%d %q, %d bytes held, %+v", resp.StatusCode, body, held, r.server.memory.Budgets.Sources.Stats())
	}
}

// A share that shrinks while a job waits for it must not refuse the job for
// good: it has another way.
func TestAShareThatShrinksLeavesTheOtherWay(t *testing.T) {
	r := newExclusiveRig(t)
	all, err := r.server.memory.Budgets.Transforms.TryAcquire(r.server.memory.Budgets.Transforms.Stats().Capacity)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, body, err := r.get(context.Background(), r.path("w:99")); err != nil || resp.StatusCode != 200 {
			t.Errorf("%v %v %.100q", err, resp, body)
		}
	})
	r.until("it waits", func() bool { return r.server.memory.Budgets.Transforms.Stats().Waiting == 1 })
	plan := r.cfg.Plan
	plan.Transforms = 1 << 20
	if err := r.server.Resize(plan); err != nil {
		t.Fatal(err)
	}
	all.Release()
	wg.Wait()
}
