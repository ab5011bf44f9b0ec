package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// sized is a Transformer whose results have a MiB for each pixel of their height and
// a KiB for each of their width, but for the first ones.
type sized struct{ painter }

func (*sized) Transform(_ context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	out := job.Outputs[0]
	b := make([]byte, (out.Height-1)<<20+(out.Width-1)<<10)
	for i := range b {
		b[i] = byte(i >> 10)
	}
	deliver(0, transform.Picture{Format: transform.PNG, Width: 1, Height: 1, Body: b})
	return nil
}

// slowRig is a rig behind a gate, for clients that read slowly. Its sending share
// is 4 MiB for small results and 12 MiB for large ones.
type slowRig struct {
	*rig
	front *httptest.Server
}

// newSlowRig gives the RAM cache so many MiB, of which one entry may take half.
func newSlowRig(t *testing.T, mib int64, change func(*Config), lower ...cache.Tier) *slowRig {
	r := &slowRig{rig: newRig(t, func(c *Config) {
		c.Transformer = &sized{}
		c.Cache.Close()
		var err error
		c.Cache, err = cache.New(cache.Config{MaxBytes: mib << 20, MaxEntryBytes: mib << 19, Lower: lower,
			Clock: c.Clock, Pixels: transform.PixelVersion, Classify: ClassifyError})
		if err != nil {
			t.Fatal(err)
		}
		c.Plan.Cache = mib << 20
		if change != nil {
			change(c)
		}
	})}
	r.front = httptest.NewUnstartedServer(r.server)
	r.front.Listener = r.server.LimitListener(r.front.Config, r.front.Listener)
	r.front.Start()
	t.Cleanup(r.front.Close)
	return r
}

// of is the path of a result of so many KiB.
func (r *slowRig) of(kib int, more ...string) string {
	return r.path(strings.Join(append(more, fmt.Sprintf("w:%d/h:%d", kib%1024+1, kib/1024+1)), "/"))
}

// reader is a client that has asked.
type reader struct {
	*bufio.Reader
	conn net.Conn
}

// client asks for a path, and reads only what the test reads.
func (r *slowRig) client(path string) *reader {
	r.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 512<<10)
		})
	}}
	c, err := d.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(slow))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	return &reader{bufio.NewReader(c), c}
}

// rest reads a response to its end, and gives its length.
func (r *slowRig) rest(c *reader) (int, error) {
	resp, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

// served asks for results, which must come whole.
func (r *slowRig) served(when string, paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		before := r.server.memory.Connections.Count()
		c := r.client(path)
		if n, err := r.rest(c); err != nil {
			r.t.Errorf("%s: %d bytes of %s, %v", when, n, path, err)
		}
		c.conn.Close()
		r.until("its place is free", func() bool { return r.server.memory.Connections.Count() <= before })
	}
}

// counted waits until so many KiB of each share are in use.
func (r *slowRig) counted(small, large, transforms int64) {
	r.t.Helper()
	a := r.server.memory.Budgets
	var got [3]int64
	what := fmt.Sprintf("%d, %d and %d KiB of small and large results and of transforms", small, large, transforms)
	r.until(what, func() bool {
		for i, b := range []*budget.Budget{a.SmallResponses, a.Responses, a.Transforms} {
			got[i] = b.Stats().InUse >> 10
		}
		return got == [3]int64{small, large, transforms}
	})
}

// reads waits until so many clients are being sent to.
func (r *slowRig) reads(clients int) {
	r.t.Helper()
	r.until(fmt.Sprint(clients, " clients read"), func() bool {
		return r.server.memory.Responses.Stats().Reading == clients
	})
}

// stalled waits until the kernels have taken all that they take from clients who do not read.
func (r *slowRig) stalled() {
	r.t.Helper()
	var sent int64
	var since time.Time
	r.until("nothing is sent for a while", func() bool {
		if now := r.server.memory.Responses.Stats().Sent; now != sent || since.IsZero() {
			sent, since = now, time.Now()
		}
		return time.Since(since) > time.Second/2
	})
}

// What the RAM cache has costs nothing to send, however many do not read it.
func TestHitsInMemoryCostNothing(t *testing.T) {
	r := newSlowRig(t, 64, nil)
	r.served("at first", r.of(8<<10), r.of(9<<10))
	for range 10 {
		r.client(r.of(8 << 10))
		r.client(r.of(9 << 10))
	}
	r.reads(20)
	r.counted(0, 0, 0)
	r.served("meanwhile", r.of(8<<10), r.of(30), r.of(7<<10))
}

// What is just made counts until the cache has taken it, and where it does not
// until the last client is done; one large result never takes all of its share.
func TestResultsCountOutsideOfTheCache(t *testing.T) {
	for _, tc := range []struct {
		name                     string
		kib                      int
		small, large, transforms int64
	}{
		{"one that fits into half of the share", 5 << 10, 0, 5 << 10, 0},
		{"one that does not", 15 << 10, 0, 6 << 10, 9 << 10},
		{"one that is larger than all", 40 << 10, 0, 6 << 10, 34 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newSlowRig(t, 0, nil)
			c := r.client(r.of(tc.kib))
			r.counted(tc.small, tc.large, tc.transforms)
			r.served("beside it", r.of(30), r.of(5<<10))
			r.counted(tc.small, tc.large, tc.transforms)
			if n, err := r.rest(c); n != tc.kib<<10 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			r.counted(0, 0, 0)
		})
	}
}

// Small results have a share of their own, which large ones do not get, and the
// other way round.
func TestSmallResultsHaveAShareOfTheirOwn(t *testing.T) {
	r := newSlowRig(t, 0, func(c *Config) { c.QueueWait = 100 * time.Millisecond })
	a := r.server.memory.Budgets
	for name, tc := range map[string]struct {
		take  func() (release func())
		ok    string
		sheds string
	}{
		"large": {func() func() { return a.Responses.Charge(a.Responses.Stats().Capacity).Release }, r.of(64), r.of(65)},
		"small": {func() func() { return a.SmallResponses.Charge(a.SmallResponses.Stats().Capacity).Release }, r.of(65), r.of(64)},
	} {
		release := tc.take()
		r.served(name+" is full", tc.ok)
		if _, err := r.rest(r.client(tc.sheds)); err == nil || err.Error() != "status 503" {
			t.Errorf("%s is full: %v", name, err)
		}
		release()
		r.served("afterwards", tc.sheds)
	}
}

// A request that waits for room has the slowest reader cut off, who sees that.
func TestAWaitingRequestCutsTheSlowest(t *testing.T) {
	r := newSlowRig(t, 0, nil)
	begin := func(path string) *http.Response {
		resp, err := http.ReadResponse(r.client(path).Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	slowest := begin(r.of(6 << 10))
	r.counted(0, 6<<10, 0)
	r.stalled() // so its last progress is the older, whatever a busy kernel does
	resp := begin(r.of(6<<10, "cb:2"))
	r.counted(0, 12<<10, 0)
	if _, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
		t.Fatal(err)
	}
	r.served("while others do not read", r.of(5<<10))
	if n, err := io.Copy(io.Discard, slowest.Body); err == nil || n >= 6<<20 {
		t.Errorf("the slowest got %d bytes, %v", n, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the other one: %v", err)
	}
	r.counted(0, 0, 0)
	if n := r.server.memory.Responses.Cuts()["room"]; n != 1 {
		t.Errorf("%d were cut off", n)
	}
}

// A job that needs more of the share of transforms than slow readers leave has them
// cut off.
func TestAWaitingJobCutsTheSlowest(t *testing.T) {
	r := newSlowRig(t, 0, func(c *Config) { c.Plan.Transforms = 48 << 20 })
	c := r.client(r.of(40 << 10))
	r.counted(0, 6<<10, 34<<10)
	admission, err := r.server.memory.Admit(t.Context(), budget.NewQueueWait(slow), &sources.Source{}, 40<<20)
	if err != nil {
		t.Fatal(err)
	}
	admission.Release()
	if n, err := r.rest(c); err == nil {
		t.Errorf("the slow one got %d bytes", n)
	}
}

// What the cache lets go of while it is read counts from then on; what there is no
// room for is cut off at once.
func TestEvictedEntriesCount(t *testing.T) {
	r := newSlowRig(t, 64, nil)
	paths := []string{r.of(5 << 10), r.of(5<<10, "cb:2"), r.of(5<<10, "cb:3")}
	r.served("at first", paths...)
	var clients []*reader
	for _, path := range append(paths, paths...) {
		clients = append(clients, r.client(path))
	}
	r.reads(6)
	r.counted(0, 0, 0)
	r.cfg.Cache.Resize(1 << 20)
	r.counted(0, 10<<10, 0) // two of three
	r.reads(4)
	whole := 0
	for _, c := range clients {
		if n, err := r.rest(c); err == nil && n == 5<<20 {
			whole++
		}
	}
	if n := r.server.memory.Responses.Cuts()["evicted"]; whole != 4 || n != 2 {
		t.Errorf("%d came whole, %d were cut off", whole, n)
	}
	r.counted(0, 0, 0)
}

// An entry that is renewed while it is read is held all the while.
func TestRenewedEntriesDoNotCount(t *testing.T) {
	r := newSlowRig(t, 64, func(c *Config) { c.TTL.StaleError = time.Hour })
	r.header.Set("Cache-Control", "max-age=0")
	r.header.Set("Etag", `"a"`)
	r.served("at first", r.of(5<<10))
	c := r.client(r.of(5 << 10))
	r.reads(1)
	r.answers(unchanged)
	r.served("renewed", r.of(5<<10))
	r.counted(0, 0, 0)
	if n, err := r.rest(c); err != nil || r.cfg.Cache.Stats().Renewed == 0 {
		t.Errorf("%d bytes, %v, %+v", n, err, r.cfg.Cache.Stats())
	}
}

// bursting is a Transformer that panics when it has delivered.
type bursting struct{ sized }

func (b *bursting) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	_ = b.sized.Transform(ctx, job, deliver)
	panic("after the result")
}

// A fill that panics with its result in hand leaves nothing counted.
func TestAPanicLeavesNothingCounted(t *testing.T) {
	r := newSlowRig(t, 0, func(c *Config) { c.Transformer = &bursting{} })
	if _, err := r.rest(r.client(r.of(5 << 10))); err == nil || err.Error() != "status 500" {
		t.Error(err)
	}
	r.counted(0, 0, 0)
}
