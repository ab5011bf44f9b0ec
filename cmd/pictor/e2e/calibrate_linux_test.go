package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/picturetest"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// calibrateAll makes the calibration run every case instead of the few that
// fit into a run of all tests, or with "effects" or "searches" those of such
// options alone; make calibrate sets it.
const calibrateAll = "PICTOR_CALIBRATE"

// What the calibration holds transform.WorkingSet to.
const (
	// worstMedian is how far over the truth the estimate of a source codec
	// may be in the median. What is held back for nothing is throughput lost.
	worstMedian = 2.5
	// smallest is the least actual peak that counts for that median: below,
	// constants are all there is. That the estimate is not too low is checked
	// for every case.
	smallest = 4 << 20
	// stackRoom is what the pool lets a worker map besides what a job is
	// estimated to take and to leave untouched.
	stackRoom = 64 << 20
	// mostJobTime ends what hangs. Workers have a low priority: on a busy machine an honest job took over five minutes.
	mostJobTime = 30 * time.Minute
)

// charge is what one job took in a worker and what it was estimated to take,
// in bytes.
type charge struct {
	name             string
	codec            transform.Format
	estimate, actual int64
	// mapped is private memory at its highest, touched or not, over the idle
	// worker's, and mappable what the pool lets it be.
	mapped, mappable int64
}

// check holds what a job took against its estimate, and what it mapped against its limit.
func (c charge) check(t testing.TB) {
	t.Helper()
	if c.actual > c.estimate {
		t.Errorf("%s takes %.1f MiB, its estimate is %.1f", c.name, mebi(c.actual), mebi(c.estimate))
	}
	if c.mapped > c.mappable {
		t.Errorf("%s maps %.1f MiB, it may %.1f", c.name, mebi(c.mapped), mebi(c.mappable))
	}
}

func (c charge) ratio() float64 { return float64(c.estimate) / float64(max(c.actual, 1)) }

// The real peak of every job stays within its estimate, and the estimate near
// the peak.
func TestWorkingSetHoldsWhatJobsTake(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	needs(t, "cjxl")
	cases := someCases()
	switch os.Getenv(calibrateAll) {
	case "":
		if loadFor(t, busyShare) < busyShare {
			cases = cases[:len(cases)-len(someEffects())]
		}
	case "effects":
		cases = effects(6, effectOptions)
	case "searches":
		cases = slices.Concat(effects(0.1, searchOptions), effects(6, searchOptions))
	case "heic":
		cases = heicCases(0.1, 1, 6, 12)
	default:
		cases = allCases()
	}
	set := newPictures(t)
	var charges []charge
	for i, c := range cases {
		charges = append(charges, set.measure(c))
		later := func(d calibration) bool { return d.width == c.width && d.height == c.height }
		if !slices.ContainsFunc(cases[i+1:], later) {
			set.forget(c.source)
		}
	}
	t.Logf("working sets, MiB:\n%s", table(charges))
	for _, c := range charges {
		c.check(t)
	}
	for _, codec := range transform.Inputs {
		ratios := ratiosOf(charges, codec)
		if !slices.ContainsFunc(charges, func(c charge) bool { return c.codec == codec }) {
			continue // it has a test of its own, or is not asked for
		}
		if len(ratios) == 0 {
			t.Errorf("no %v was measured that takes more than %.0f MiB", codec, mebi(smallest))
			continue
		}
		median := ratios[len(ratios)/2]
		t.Logf("%-4v estimate/actual: median %.2f, %.2f to %.2f in %d", codec, median, ratios[0],
			ratios[len(ratios)-1], len(ratios))
		if median > worstMedian {
			t.Errorf("the estimate for %v is %.2f times the truth in the median, want at most %.1f", codec, median,
				worstMedian)
		}
	}
}

// calibrates is what tests begin with that hold estimates against real peaks. What they measure is that of single
// processes, so that they may be side by side; a whole calibration has large pictures, and is not.
func calibrates(t *testing.T) {
	t.Helper()
	long(t, "calibration")
	if os.Getenv(calibrateAll) == "" {
		t.Parallel()
	}
}

// fewOf are every n-th of a list of cases in a run of all tests, and all where the calibration is asked for.
func fewOf[T any](all []T, n int) (few []T) {
	if os.Getenv(calibrateAll) != "" {
		return all
	}
	for i := 0; i < len(all); i += n {
		few = append(few, all[i])
	}
	return few
}

// The memory that a photograph of 29 megapixels takes is that of its width.
func TestALargePhotographTakesLittle(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	c := newPictures(t).measure(calibration{megapixels("jpeg", 29), toJPEG})
	t.Logf("%s takes %.1f MiB over the idle worker", c.name, mebi(c.actual))
	if c.actual > 40<<20 {
		t.Errorf("%s takes %.1f MiB over the idle worker, want at most 40", c.name, mebi(c.actual))
	}
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// ratiosOf are those of a source codec, sorted, without the smallest.
func ratiosOf(charges []charge, codec transform.Format) []float64 {
	var out []float64
	for _, c := range charges {
		if c.codec == codec && c.actual >= smallest {
			out = append(out, c.ratio())
		}
	}
	slices.Sort(out)
	return out
}

func table(charges []charge) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\testimate\tactual\tratio\tmapped\tmappable")
	for _, c := range charges {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.2f\t%.1f\t%.0f\n", c.name, mebi(c.estimate), mebi(c.actual), c.ratio(),
			mebi(c.mapped), mebi(c.mappable))
	}
	w.Flush()
	return b.String()
}

// measure runs one case alone in a fresh worker, without a limit on its
// memory, so that an estimate that is too low shows as a figure. A job that
// maps more than it touches is run once more, with the limit that its estimate
// gives: it must pass.
//
// The idle worker has done a tiny job of the same codecs before: their
// libraries are loaded, and that is the worker's base and no job's. VmHWM, the
// peak of everything resident, is then reset and the job run. Two figures are
// each never above the truth and exact where the other is not, so the larger
// counts:
//   - the rise of VmHWM less the whole source, which is charged where it is
//     kept and of which only a part may have been mapped at the peak. Exact
//     where the peak comes after the source was read: frames, coefficients,
//     encoders.
//   - the highest RssAnon seen, which has no source in it but may be missed
//     between two looks. Exact where the peak lasts: rows that stream.
func (s *pictures) measure(c calibration) charge {
	s.t.Helper()
	return s.measureOutputs(c.String(), c.source, c.params)
}

// measureOutputs is measure of a job of one or more outputs.
func (s *pictures) measureOutputs(name string, from source, outputs ...transform.Params) charge {
	s.t.Helper()
	return s.measureFile(name, s.file(from), s.file(source{from.form, 64, 64}), outputs...)
}

// measureFile is measureOutputs of a source of these bytes, behind a tiny one of its format.
func (s *pictures) measureFile(name string, body, tiny []byte, outputs ...transform.Params) charge {
	t := s.t
	t.Helper()
	p, err := worker.New(worker.Config{Command: []string{workerProgram()}, Size: 1, Readable: worker.FontDirs})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, small := range outputs {
		small.Enlarge = false
		s.transform(p, tiny, 0, small)
	}
	pid := onlyWorker(t, p)
	resetPeak(t, pid)
	idle := look(t, pid)
	watch := watchPeaks(t, pid)
	info := s.transform(p, body, 0, outputs...)
	most := watch()
	untouched, estimate := estimateOf(info, outputs...)
	mapped := most.data - idle.data
	if mapped > estimate {
		s.transform(p, body, estimate, outputs...)
	}
	return charge{
		name:     name,
		codec:    info.Format,
		estimate: estimate,
		actual:   max(most.peak-idle.resident-int64(len(body)), most.anon-idle.anon),
		mapped:   mapped,
		mappable: estimate + untouched + stackRoom,
	}
}

// estimateOf is what a job is admitted with, and what it may map besides: one with a trim here is the look before
// it, as what follows is a job with a crop.
func estimateOf(info transform.Info, outputs ...transform.Params) (untouched, estimate int64) {
	if p := outputs[0]; p.Trim.On {
		g := transform.NewGeometry(info, transform.Params{Format: p.Format})
		return transform.MappedOnly(info, g, transform.Params{}), transform.TrimWorkingSet(info, p)
	}
	for _, p := range outputs {
		untouched = max(untouched, transform.MappedOnly(info, transform.NewGeometry(info, p), p))
	}
	return untouched, transform.JobWorkingSet(transform.Job{Info: info, Outputs: outputs,
		Watermark: testMark().Source, WatermarkInfo: testMark().Info})
}

// testMark is a watermark of 400x100, half transparent.
var testMark = sync.OnceValue(func() *proxy.Watermark {
	b := picturetest.PNG(picturetest.Glass(400, 100))
	info, err := container.Sniff(b)
	if err != nil {
		panic(err)
	}
	file, err := memfile.NewLasting()
	if err == nil {
		_, err = file.Write(b)
	}
	if err == nil {
		err = file.Seal()
	}
	if err != nil {
		panic(err)
	}
	return &proxy.Watermark{Source: file, Info: info}
})

// transform does one job and gives the source's Info.
func (s *pictures) transform(
	p *worker.Pool, body []byte, memory int64, outputs ...transform.Params,
) transform.Info {
	t := s.t
	t.Helper()
	source, err := memfile.New()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if _, err := source.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := source.Seal(); err != nil {
		t.Fatal(err)
	}
	info, err := sniffPages(body, outputs[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), mostJobTime)
	defer cancel()
	job := transform.Job{Source: source, Info: info, Outputs: outputs, Memory: memory}
	if slices.ContainsFunc(outputs, func(p transform.Params) bool { return p.Watermark.On() }) {
		job.Watermark, job.WatermarkInfo = testMark().Source, testMark().Info
	}
	if outputs[0].Trim.On {
		if _, err := p.FindTrim(ctx, job); err != nil {
			t.Errorf("look at %+v in %.0f MiB: %v", info, mebi(memory), err)
		}
		return info
	}
	if err := p.Transform(ctx, job, func(int, transform.Picture) {}); err != nil {
		t.Errorf("%v of %+v in %.0f MiB: %v", outputs, info, mebi(memory), err)
	}
	return info
}

func onlyWorker(t testing.TB, p *worker.Pool) int {
	t.Helper()
	workers := p.Workers()
	if len(workers) != 1 {
		t.Fatalf("%d workers, want one", len(workers))
	}
	return workers[0].PID
}

// resetPeak makes VmHWM what is resident now (proc_pid_clear_refs(5)).
func resetPeak(t testing.TB, pid int) {
	t.Helper()
	err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	if os.IsNotExist(err) {
		t.Skip("this kernel cannot reset a process's peak (CONFIG_PROC_PAGE_MONITOR)")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// figures are a process's own words about its memory, in bytes.
type figures struct{ peak, resident, anon, data int64 }

func look(t testing.TB, pid int) figures {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Error(err)
	}
	var f figures
	into := map[string]*int64{"VmHWM": &f.peak, "VmRSS": &f.resident, "RssAnon": &f.anon, "VmData": &f.data}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if to := into[name]; to != nil {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			*to = kb << 10
		}
	}
	return f
}

// watchPeaks looks at a process all the time until the returned function is
// called, which gives the highest that was seen of each figure.
func watchPeaks(t testing.TB, pid int) (stop func() figures) {
	done, most := make(chan struct{}), make(chan figures)
	go func() {
		var high figures
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			f := look(t, pid)
			high.peak, high.resident = max(high.peak, f.peak), max(high.resident, f.resident)
			high.anon, high.data = max(high.anon, f.anon), max(high.data, f.data)
			select {
			case <-tick.C:
			case <-done:
				most <- high
				return
			}
		}
	}()
	return func() figures {
		close(done)
		return <-most
	}
}
