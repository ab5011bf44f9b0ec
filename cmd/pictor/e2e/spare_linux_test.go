package e2e

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// statFaults is a field of processes: page faults without a read from disk.
const statFaults = 7

// spareRetain is what workers of these tests may hold besides spare memory.
const spareRetain = 4 * mib

// spareWorker is a pool of one worker, started.
func spareWorker(t *testing.T, spare int64) *worker.Pool {
	t.Helper()
	p, err := worker.New(worker.Config{Command: []string{workerProgram()}, Size: 1, Retain: spareRetain})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.SetSpare(spare)
	if _, err := p.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// faultsOf runs a job several times, and gives the page faults of the worker in each one once the
// first three have been.
func faultsOf(t *testing.T, p *worker.Pool, job func()) (median int) {
	t.Helper()
	var faults []int
	for i := range 8 {
		pid := p.Workers()[0].PID
		before, _ := strconv.Atoi(processes()[pid][statFaults])
		job()
		after, _ := strconv.Atoi(processes()[pid][statFaults])
		if i >= 3 {
			faults = append(faults, after-before)
		}
	}
	slices.Sort(faults)
	return faults[len(faults)/2]
}

// A job that follows another one finds the memory that it needs, as far as the worker may have
// spare memory, and the worker gives it back when it may not.
func TestAJobFindsTheMemoryOfTheOneBefore(t *testing.T) {
	needs(t, "vips")
	set := newPictures(t)
	body := set.file(source{"jpeg", 3000, 2000})
	large := set.file(source{"lossless", 3000, 2000})
	p := spareWorker(t, 0)
	job := func() { set.transform(p, body, 0, toJPEG) }
	without := faultsOf(t, p, job)
	p.SetSpare(8 * mib)
	with := faultsOf(t, p, job)
	t.Logf("%d page faults a job with spare memory, %d without", with, without)
	if with >= 200 || without < 2*with {
		t.Errorf("%d page faults a job, want less than 200 (%d without spare memory)", with, without)
	}
	held := func() int64 { return procStatus(t, p.Workers()[0].PID, "RssAnon") - p.Workers()[0].Base }
	if n := held(); n < spareRetain {
		t.Errorf("the worker keeps %d KiB", n>>10)
	}
	set.transform(p, large, 0, toJPEG)
	if n := held(); n > spareRetain+8*mib {
		t.Errorf("after a large job the worker keeps %d KiB", n>>10)
	}
	job()
	p.SetSpare(0)
	waitFor(t, "memory given back", func() bool { return held() <= spareRetain })
	if s := p.Stats(); s.Started != 1 || s.Replaced != 0 {
		t.Errorf("%+v", s)
	}
}

// Jobs of few large blocks, which fit badly into the gaps of a heap, keep to their estimate beside spare memory.
func TestLargeBlocksBesideSpareMemory(t *testing.T) {
	needs(t, "vips")
	set := newPictures(t)
	large := set.file(source{"lossless", 3000, 2000})
	info, err := container.Sniff(large)
	if err != nil {
		t.Fatal(err)
	}
	for _, spare := range []int64{24 * mib, 32 * mib, 40 * mib} {
		p := spareWorker(t, spare)
		for i := range 6 {
			out := transform.Params{Width: 3000 - i%2*1000, Format: transform.JPEG}
			_, estimate := estimateOf(info, out)
			set.transform(p, large, estimate, out)
		}
		if s := p.Stats(); s.Overran > 0 {
			t.Errorf("with %d MiB: %+v", spare>>20, s)
		}
	}
}

// Spare memory has its bound after any job, and gets no job into trouble that keeps to its estimate.
func TestRandomJobsBesideSpareMemory(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	jobs, of, widths := 60, []string{"jpeg", "progressive", "png-alpha", "webp-alpha", "lossless", "gif", "avif"},
		[]int{60, 600, 1500}
	set := newPictures(t)
	spares := []int64{8 * mib, 40 * mib, 0, 16 * mib}
	p := spareWorker(t, spares[0])
	for i := range jobs {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		c := randomJob(t, r, of, widths)
		body := set.file(c.source)
		info, err := container.Sniff(body)
		if err != nil {
			t.Fatal(err)
		}
		spare := spares[i/5%len(spares)]
		p.SetSpare(spare)
		_, estimate := estimateOf(info, c.params)
		set.transform(p, body, estimate, c.params)
		if t.Failed() {
			t.Fatalf("job %d with %d spare: %v", i, spare, c)
		}
		for _, w := range p.Workers() { // none where it was replaced
			if n := procStatus(t, w.PID, "RssAnon") - w.Base; n > spareRetain+spare {
				t.Errorf("job %d: the worker keeps %d KiB, it may keep %d: %v", i, n>>10, (spareRetain+spare)>>10, c)
			}
		}
	}
	s := p.Stats()
	t.Logf("%+v", s)
	if s.Overran+s.Crashed+s.Killed > 0 || s.Replaced > uint64(jobs)/4 {
		t.Errorf("%+v", s)
	}
}
