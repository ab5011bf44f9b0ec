package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

func TestOverrunningJobIsEndedAndNotRetried(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	p := newPool(t, 1)
	job := newJob(t, "x", hog)
	job.Memory = 16 << 20
	if _, err := do(within(t, patience), p, job); !errors.Is(err, transform.ErrMemory) {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Overran != 1 || s.Retried != 0 || s.Workers != 0 {
		t.Errorf("%+v", s)
	}
	job = newJob(t, "x", draw)
	job.Memory = 16 << 20
	if _, err := do(within(t, patience), p, job); err != nil {
		t.Errorf("the next job: %v", err)
	}
}

func TestDataLimitIsSetForEachJob(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs prlimit")
	}
	p := newPool(t, 1)
	for _, tc := range []struct {
		format transform.Format
		memory int64
	}{{transform.PNG, 16 << 20}, {transform.WebP, 48 << 20}, {transform.PNG, 8 << 20}} {
		job := newJob(t, "x", draw)
		job.Memory, job.Info.Format = tc.memory, tc.format
		untouched := transform.MappedOnly(job.Info, transform.NewGeometry(job.Info, job.Outputs[0]), job.Outputs[0])
		if (untouched > 0) != (tc.format == transform.WebP) {
			t.Fatalf("a %v maps %d bytes for nothing", tc.format, untouched)
		}
		if _, err := do(within(t, patience), p, job); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.idle[0].cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		limit, err := dataLimit(b)
		// On top of what the worker has mapped, which may be more than at its
		// start: threads have come.
		had := limit - stackRoom - tc.memory - untouched
		if most := p.idle[0].base.data + 256<<20; err != nil || had < p.idle[0].base.data || had > most {
			t.Errorf("the limit of %d MiB lets it have had %d, want %d to %d (%v)", tc.memory>>20, had,
				p.idle[0].base.data, most, err)
		}
	}
}

func dataLimit(limits []byte) (int64, error) {
	_, rest, _ := strings.Cut(string(limits), "Max data size")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("no limit")
	}
	return strconv.ParseInt(fields[0], 10, 64)
}

func TestEveryThreadOfAWorkerHasLowPriority(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	p := newPool(t, 1)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	pid := p.idle[0].cmd.Process.Pid
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, task.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// proc(5): nice is the 19th field, the 17th behind the name.
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if fields[16] != fmt.Sprint(nice) {
			t.Errorf("task %s has nice %s", task.Name(), fields[16])
		}
	}
}
