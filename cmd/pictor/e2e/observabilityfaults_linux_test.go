package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// still are metrics of the dashboard and the alerts that stand still in the faults below, and why.
var still = map[string]string{
	"pictor_budget_wait_seconds_bucket": "on a busy machine all that waits in the overload is shed",
	"pictor_budget_waiting":             "as above: nothing may wait just when it is looked at",
	"pictor_budget_stuck":               "only a bug makes it so: TestStuckBudgetIsNotReady of proxy has one",
	"pictor_build_info":                 "it is what the server was made from",
	"pictor_memory_limit_bytes":         "it is a setting",
	"pictor_slots":                      "they follow the memory limit",
	"pictor_budget_capacity_bytes":      "it follows the memory limit, and how many clients are connected",
	"pictor_pressure_level":             "memory is not short: tests of proxy/memory make it so",
	"pictor_cgroup_oom_kills_total":     "the server keeps its limit",
	"pictor_clients_refused_total":      "as many clients as there may be take memory",
	"pictor_disk_hangs":                 "the disk of a test that breaks still answers",
	"pictor_disk_max_bytes":             "it is a setting",
	"pictor_cache_max_bytes":            "it follows the memory limit",
	"pictor_purge_bus_resets_total":     "the bus is gone, but loses nothing",
	"pictor_purge_bus_behind":           "a server that keeps up has 0 between two scrapes",
	"pictor_cache_bucket_queued_bytes":  "what waits for the bucket is there before the next scrape",
}

// faultRig is a server in a cluster, with an origin, engines, a bucket and a collector that can fail.
type faultRig struct {
	*recording
	t             *testing.T
	site          *site
	redis, leases *enginetest.Engine
	bucket        *sharedBucket
	// refusing is whether the collector takes no spans.
	refusing atomic.Bool
	// certificate is that of the server.
	certificate certificate
	dir         string
	next        int
}

func newFaultRig(t *testing.T) *faultRig {
	f := &faultRig{t: t, site: newSite(t), redis: enginetest.Redis(t), leases: enginetest.Redis(t),
		bucket: newSharedBucket(t), dir: t.TempDir(),
		certificate: newCertificate(t, t.TempDir(), "images.example", time.Now().Add(90*24*time.Hour))}
	f.site.put("/a.png", picturetest.PNG(picturetest.Photo(64, 48, 1)))
	f.site.put("/large.jpg", photo(2400, 1600))
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if f.refusing.Load() {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(collector.Close)
	command := exec.Command("env", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=50", program)
	s := start(t, command, append([]string{"--insecure", "--allow-networks", "127.0.0.0/8", "--workers", "1",
		"--queue-wait", "1s", "--fetch-timeout", "20s", "--purge-max-lag", "1s",
		"--purge-bus", "redis://" + f.redis.Address(),
		"--fill-leases", "redis://" + f.leases.Address(), "--fill-leases-from", "0",
		"--accounts", "{results: {store: s3, bucket: records, endpoint: '" + f.bucket.URL +
			"', access-key-id: AKID, secret-access-key: SECRET}}",
		"--cache-bucket", "results/v1/", "--cache-bucket-admit", "all", "--cache-bucket-patience", "2s",
		"--tls-cert", f.certificate.cert, "--tls-key", f.certificate.key, "--access-log", "all",
		"--access-log-rate", "5"}, storedIn(f.dir)...)...)
	f.recording = &recording{server: s}
	return f
}

// awaitSpans waits until the collector has all spans, unless it takes none.
func (f *faultRig) awaitSpans() {
	f.t.Helper()
	if f.refusing.Load() {
		return
	}
	waitFor(f.t, "the spans of the load", func() bool {
		now := seriesIn(f.t, f.server.metrics())
		return now["pictor_trace_spans_ended_total"] == now["pictor_trace_spans_sent_total"]
	})
}

// fresh is the path of a result of a source that was never asked for.
func (f *faultRig) fresh(site, options, name string) string {
	f.next++
	return fmt.Sprintf("/x/%s/plain/%s/v/%d/%s", options, site, f.next, name)
}

// healthy is load of a minute of a server that is well: misses, hits, and one image that does not exist.
func (f *faultRig) healthy() {
	f.t.Helper()
	path := f.fresh(f.site.URL, "w:20", "a.png")
	for range 20 {
		if a := f.server.get(path); a.status != http.StatusOK {
			f.t.Fatal(a)
		}
	}
	f.server.get(f.fresh(f.site.URL, "w:20", "none.png"))
}

// busy is load of a result that takes the only worker for a while.
func (f *faultRig) busy() {
	f.t.Helper()
	if a := f.server.get(f.fresh(f.site.URL, "w:2000", "large.jpg") + "@webp"); a.status != http.StatusOK {
		f.t.Fatal(a)
	}
}

// slowly asks for several sizes of a source that comes slowly.
func (f *faultRig) slowly() {
	hold := func(how func(string)) {
		f.site.mu.Lock()
		defer f.site.mu.Unlock()
		f.site.hold = how
	}
	hold(func(string) { time.Sleep(2600 * time.Millisecond) })
	defer hold(nil)
	path, width := f.fresh(f.site.URL, "w:20", "a.png"), 20
	f.atOnce(4, http.StatusOK, func() string {
		width++
		return strings.Replace(path, "w:20", fmt.Sprintf("w:%d", width), 1)
	})
}

// glimpse scrapes while there is work that waits, if it can.
func (f *faultRig) glimpse(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
			f.glimpses = append(f.glimpses, seriesIn(f.t, f.server.metrics()))
		}
	}
}

// healthyUntilMore has the server fill until a counter has grown.
func (f *faultRig) healthyUntilMore(counter string) {
	f.t.Helper()
	read := func() float64 { return seriesIn(f.t, f.server.metrics())[counter] }
	before := read()
	waitFor(f.t, "more of "+counter, func() bool {
		f.healthy()
		return read() > before
	})
}

// minutes scrapes after each of some loads.
func (f *faultRig) minutes(n int, load func(i int)) {
	f.t.Helper()
	f.scrapes = nil
	f.scrape()
	for i := range n {
		load(i)
		f.awaitSpans()
		f.scrape()
	}
}

// atOnce asks for many paths at the same time, and counts the answers of a status.
func (f *faultRig) atOnce(n, status int, path func() string) (got int) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	for range n {
		target := path()
		asking.Go(func() {
			a, err := f.server.try(http.MethodGet, target)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.status == status {
				got++
			}
		})
	}
	asking.Wait()
	return got
}

// faults are what goes wrong, and which alerts fire then and no others.
var faults = []struct {
	name  string
	fires []string
	load  func(f *faultRig, i int)
	// apart is for a server that had no fault before.
	apart bool
}{
	{"a healthy server", nil, func(f *faultRig, i int) {
		f.healthy()
		if i == 0 {
			f.busy()
			if _, status, err := f.server.purgeAt(proxy.PurgeRequest{Tags: []string{"x"}}); status != http.StatusOK {
				f.t.Error(status, err)
			}
		}
	}, false},
	{"origin down", []string{"PictorErrors", "PictorOriginFailing", "PictorOriginSuspended"}, func(f *faultRig, _ int) {
		for range 6 {
			f.server.get(f.fresh("http://127.0.0.1:1", "w:20", "a.png"))
		}
	}, false},
	{"slow origin", []string{"PictorOriginSlow"}, func(f *faultRig, i int) {
		if i == 3 {
			f.slowly()
		}
	}, false},
	{"overload", []string{"PictorShedding"}, func(f *faultRig, _ int) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.atOnce(32, http.StatusServiceUnavailable, func() string {
				return f.fresh(f.site.URL, "w:2000", "large.jpg") + "@webp"
			})
		}()
		f.glimpse(ended)
	}, false},
	{"worker crash", []string{"PictorWorkersEnd"}, func(f *faultRig, _ int) {
		for _, pid := range f.server.workers() {
			syscall.Kill(pid, syscall.SIGKILL)
			waitFor(f.t, "the worker to end", func() bool { return processes()[pid] == nil })
		}
		f.healthy()
	}, false},
	{"disk that cannot be written to", []string{"PictorDiskErrors"}, func(f *faultRig, _ int) {
		f.breakDisk()
		f.healthy()
	}, false},
	{"purge bus down", []string{"PictorPurgesInDoubt"}, func(f *faultRig, i int) {
		if i == 0 {
			f.redis.Kill()
			waitFor(f.t, "doubt", func() bool {
				return strings.Contains(f.server.metrics(), "pictor_purge_bus_in_doubt 1")
			})
		}
		f.healthy()
	}, false},
	{"bucket that fails", []string{"PictorBucketFailing"}, func(f *faultRig, _ int) {
		fail := func(w http.ResponseWriter, _ []byte) bool {
			if w != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return true
		}
		f.bucket.spoil.Store(&fail)
		f.healthy()
	}, true},
	{"leases without Redis", []string{"PictorLeasesFailing"}, func(f *faultRig, i int) {
		f.leases.Kill()
		f.healthy()
		if i == 3 { // the pauses between calls are those of a site, the minutes are not
			f.healthyUntilMore("pictor_fill_lease_failures_total")
		}
	}, true},
	{"certificate that ends soon", []string{"PictorCertificateExpires"}, func(f *faultRig, i int) {
		if i == 0 {
			f.replaceCertificate(newCertificate(f.t, f.t.TempDir(), "images.example", time.Now().Add(13*24*time.Hour)))
			f.reload(0)
		}
	}, true},
	{"key of another certificate", []string{"PictorReloadFailed"}, func(f *faultRig, i int) {
		if i == 0 {
			other := newCertificate(f.t, f.t.TempDir(), "images.example", time.Now().Add(90*24*time.Hour))
			f.replaceCertificate(other)
			f.reload(0)
			other.key = newCertificate(f.t, f.t.TempDir(), "images.example", time.Now().Add(90*24*time.Hour)).key
			f.replaceCertificate(other)
			f.reload(3)
		}
	}, false},
	{"collector that takes nothing", []string{"PictorTracesLost"}, func(f *faultRig, _ int) {
		f.refusing.Store(true)
		f.healthy()
	}, true},
}

// replaceCertificate writes another one, with its key, over that of the server.
func (f *faultRig) replaceCertificate(c certificate) {
	f.t.Helper()
	for from, to := range map[string]string{c.cert: f.certificate.cert, c.key: f.certificate.key} {
		if err := os.WriteFile(to, []byte(readText(f.t, from)), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// reload ends with an exit code.
func (f *faultRig) reload(want int) {
	f.t.Helper()
	if out, errs, code := f.server.reloading(f.t); code != want {
		f.t.Error(out, errs, code)
	}
}

// breakDisk takes the folders away that results are written to, and puts files there.
func (f *faultRig) breakDisk() {
	folders, err := filepath.Glob(filepath.Join(f.dir, "*", "*", "results"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// With a server that runs, every metric that the dashboard and the alerts name moves when things go wrong, each fault
// has its alerts fire and no other ones, and the scrape keeps to the conventions of Prometheus.
func TestAlertsFireForTheirFaults(t *testing.T) {
	long(t, "a server with every fault")
	needs(t, "promtool")
	needs(t, "redis-server")
	t.Parallel()
	f := newFaultRig(t)
	first, last := map[string]float64{}, map[string]float64{}
	moved := map[string]bool{}
	var tests strings.Builder
	for _, fault := range faults {
		if fault.apart {
			f = newFaultRig(t)
		}
		f.minutes(7, func(i int) { fault.load(f, i) })
		tests.WriteString(f.promtoolTest(fault.name, fault.fires))
		for _, scrape := range append(f.glimpses, f.scrapes...) {
			for series, v := range scrape {
				name, _, _ := strings.Cut(series, "{")
				if _, known := first[series]; !known {
					first[series] = v
				}
				moved[name] = moved[name] || first[series] != v
				last[name] = v
			}
		}
	}
	runRules(t, tests.String())
	for _, name := range namedMetrics(t) {
		_, exists := last[name]
		switch {
		case !exists && still[name] == "":
			t.Errorf("there is no metric %s", name)
		case !moved[name] && still[name] == "":
			t.Errorf("%s does not move", name)
		case moved[name] && still[name] != "":
			t.Logf("%s moves", name)
		}
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(f.server.metrics())
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
