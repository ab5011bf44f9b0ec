//go:build !race

package vips

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// bare is a process that makes an image with libvips and nothing else.
type bare struct {
	asks    io.Writer
	answers *bufio.Scanner
}

// startBare compiles a program of testdata and starts it with a file and arguments.
func startBare(t testing.TB, name string, file []byte, args ...any) *bare {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, file, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiled(t, name, "vips"), source)
	for _, arg := range args {
		cmd.Args = append(cmd.Args, fmt.Sprint(arg))
	}
	cmd.Stderr = os.Stderr
	asks, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		asks.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &bare{asks, bufio.NewScanner(answers)}
}

// image makes one and gives the CPU time it took.
func (b *bare) picture(t testing.TB) time.Duration {
	t.Helper()
	var micros, size int64
	if _, err := io.WriteString(b.asks, "\n"); err != nil {
		t.Fatal(err)
	}
	if !b.answers.Scan() {
		t.Fatal("it gave no answer")
	}
	if _, err := fmt.Sscan(b.answers.Text(), &micros, &size); err != nil || size == 0 {
		t.Fatalf("%q, %v", b.answers.Text(), err)
	}
	return time.Duration(micros) * time.Microsecond
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// againstBare is the least CPU time of the pipeline over that of the bare
// loop, in turns, for 6 megapixels to 720 pixels in a format.
func againstBare(t testing.TB, f transform.Format, runs int) (ratio float64, ours time.Duration) {
	t.Helper()
	file := run(t, picturetest.JPEG(picturetest.Photo(3000, 2000, 7), 90),
		transform.Params{Format: f, Quality: 90}).Body
	info := sniffed(t, file)
	p := transform.Params{Width: 720, Format: f}
	g := transform.NewGeometry(info, p)
	return inTurns(t, startBare(t, "bare.c", file, info.Format, g.Shrink, g.Scale, g.Width, g.Height), file, p, runs)
}

// inTurns is the least CPU time of the pipeline over that of the bare loop.
func inTurns(t testing.TB, b *bare, file []byte, p transform.Params, runs int) (ratio float64, ours time.Duration) {
	t.Helper()
	e, job := New(), transform.Job{Source: source(t, file), Info: sniffed(t, file), Outputs: []transform.Params{p}}
	theirs := time.Duration(1 << 62)
	ours = theirs
	for range runs {
		theirs = min(theirs, b.picture(t))
		before := cpuTime(t)
		if err := e.Run(t.Context(), job, func(int, transform.Picture) error { return nil }); err != nil {
			t.Fatal(err)
		}
		ours = min(ours, cpuTime(t)-before)
	}
	return float64(ours) / float64(theirs), ours
}

// The pipeline costs what libvips costs: a rough bound here, because machines
// that run tests are noisy, and the real one in the benchmark. Both are left out
// of builds with the race detector, which would be what they measure; make test
// runs this one alone.
func TestCPUAgainstBareLibvips(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	for _, f := range []transform.Format{transform.JPEG, transform.WebP} {
		ratio, ours := againstBare(t, f, 8)
		t.Logf("%v: %.2f times the CPU time of bare libvips calls, %v", f, ratio, ours)
		if ratio > 1.5 {
			t.Errorf("%v: %.2f times the CPU time of bare libvips calls, want at most 1.5", f, ratio)
		}
	}
}

func BenchmarkAgainstBareLibvips(b *testing.B) {
	for _, f := range []transform.Format{transform.JPEG, transform.WebP} {
		b.Run(f.String(), func(b *testing.B) {
			var ratio float64
			var ours time.Duration
			for b.Loop() {
				ratio, ours = againstBare(b, f, 25)
			}
			b.ReportMetric(ratio, "times-bare")
			b.ReportMetric(float64(ours.Microseconds())/1000, "CPU-ms/picture")
			if ratio > 1.10 {
				b.Errorf("%.2f times the CPU time of bare libvips calls, want at most 1.10", ratio)
			}
		})
	}
}
