package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// The workers of these tests are this test binary, run with the argument
// "worker" and an engine that does what a job's quality tells it to.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		fmt.Fprintln(os.Stderr, Serve("", func() Engine { return scripted{} }))
		os.Exit(2)
	}
	goleak.VerifyTestMain(m)
}

// What a scripted engine does, by a job's quality.
const (
	draw = iota + 1
	hang
	die
	dieOnce // dies unless the file that the source names exists, which it makes
	lieAboutFormat
	lieAboutSize
	sendGarbage
	sendTwice
	skip
	refuse
	fail
	hog        // maps and touches far more than it may
	retain     // keeps 64 MiB for good
	leave      // leaves leftBytes of spare memory, as far as it may
	pause      // takes 200 ms
	burn       // takes CPU time for ever
	leaveChild // starts the first word of its source, writes its number into the second, and dies
	readMark
	panics
	attempt // what the source says
)

var (
	kept []byte
	// freed is spare memory, of which there may be as much as spare says.
	freed []byte
	spare int64
)

type scripted struct{}

func (scripted) Trim() {
	if freed != nil {
		syscall.Munmap(freed)
		freed = nil
	}
}

func (s scripted) SetSpare(bytes int64) {
	if bytes < spare {
		s.Trim()
	}
	spare = bytes
}

func (scripted) Probe() transform.Capabilities {
	return transform.Capabilities{Version: "test", Load: transform.Inputs, Save: []transform.Format{transform.PNG}}
}

// FindTrim looks by the trim's threshold.
func (scripted) FindTrim(_ context.Context, job transform.Job) (transform.Rect, error) {
	switch int(job.Outputs[0].Trim.Threshold) {
	case die:
		os.Exit(1)
	case lieAboutSize:
		return transform.Rect{Left: 1, Width: job.Info.Width, Height: 1}, nil
	case refuse:
		return transform.Rect{}, fmt.Errorf("%w: it is ugly", transform.ErrMalformed)
	}
	return transform.Rect{Left: 1, Top: 2, Width: 3, Height: 4}, nil
}

func (scripted) Run(_ context.Context, job transform.Job, deliver func(int, transform.Picture) error) error {
	for i, p := range job.Outputs {
		g := transform.NewGeometry(job.Info, p)
		pic := transform.Picture{Format: p.Format, Width: g.Width, Height: g.Height}
		body := picturetest.PNG(image.NewGray(image.Rect(0, 0, g.Width, g.Height)))
		switch p.Quality {
		case hang:
			select {}
		case leaveChild:
			b, _ := job.Source.Bytes()
			startChild(strings.Cut(string(b), " "))
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case burn:
			for {
			}
		case die:
			os.Exit(1)
		case dieOnce:
			b, _ := job.Source.Bytes()
			if f, err := os.OpenFile(string(b), os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				f.Close()
				os.Exit(1)
			}
		case lieAboutFormat:
			body = picturetest.JPEG(image.NewGray(image.Rect(0, 0, g.Width, g.Height)), 80)
		case lieAboutSize:
			body = picturetest.PNG(image.NewGray(image.Rect(0, 0, g.Width+1, g.Height)))
		case sendGarbage:
			body = []byte("<script>alert(1)</script>")
		case sendTwice:
			if err := deliver(i, transform.Picture{Format: p.Format, Body: body}); err != nil {
				return err
			}
		case skip:
			continue
		case refuse:
			return fmt.Errorf("%w: it is ugly", transform.ErrMalformed)
		case fail:
			return errors.New("a mistake of ours")
		case hog:
			touch(300 << 20)
		case retain:
			kept = touch(64 << 20)
		case leave:
			if freed == nil {
				freed = mapAndTouch(leftBytes)
			}
		case readMark:
			if job.Watermark == nil || job.WatermarkInfo.Width != 8 {
				return errors.New("there is no mark")
			}
			if b, err := job.Watermark.Bytes(); err != nil || string(b) != "the mark" {
				return errors.New("another mark")
			}
		case attempt:
			b, err := job.Source.Bytes()
			if err != nil {
				return err
			}
			return attempted(b)
		case panics:
			panic("these are my last words")
		case pause:
			time.Sleep(200 * time.Millisecond)
		}
		pic.Body = body
		if err := deliver(i, pic); err != nil {
			return err
		}
	}
	return nil
}

// startChild starts a program and writes its number into a file.
func startChild(program, file string, _ bool) {
	child := exec.Command(program, "1000")
	if child.Start() == nil {
		os.WriteFile(file, []byte(strconv.Itoa(child.Process.Pid)), 0o600)
	}
}

// touch takes memory step by step, as a decoder does.
func touch(n int) []byte {
	var all []byte
	for len(all) < n {
		block := make([]byte, 4<<20)
		for i := range block {
			block[i] = 1
		}
		all = append(all, block...)
		time.Sleep(2 * time.Millisecond)
	}
	return all
}

// leftBytes is what leave leaves.
const leftBytes = 32 << 20

// mapAndTouch takes memory past Go's heap. The race detector, which has as much again for
// each byte that is written, does not see it.
//
//go:norace
func mapAndTouch(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

func newPool(t testing.TB, size int) *Pool {
	t.Helper()
	return newPoolOf(t, Config{Size: size})
}

// noSandbox is for workers that leave files or start programs.
func noSandbox(t testing.TB) *Sandbox {
	t.Helper()
	off, err := NewSandbox(Off)
	if err != nil {
		t.Fatal(err)
	}
	return off
}

func newPoolOf(t testing.TB, cfg Config) *Pool {
	t.Helper()
	if cfg.Command == nil {
		cfg.Command = []string{os.Args[0], "worker"}
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if s := p.Stats(); s.Idle != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
	return p
}

func newJob(t testing.TB, body string, what ...int) transform.Job {
	t.Helper()
	src, err := memfile.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	if _, err := src.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := src.Seal(); err != nil {
		t.Fatal(err)
	}
	job := transform.Job{Source: src, Info: transform.Info{Format: transform.PNG, Width: 40, Height: 20,
		Orientation: 1, Frames: 1, Bands: 1, Bits: 8}}
	for i, q := range what {
		job.Outputs = append(job.Outputs, transform.Params{Format: transform.PNG, Width: 10 + i, Quality: q})
	}
	return job
}

// patience is longer than any job takes, also on a machine that does five other
// things. No test judges by it.
const patience = 5 * time.Minute

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// do runs a job and gives the widths of what was delivered, by output.
func do(ctx context.Context, p *Pool, job transform.Job) (map[int]int, error) {
	got := map[int]int{}
	err := p.Transform(ctx, job, func(i int, pic transform.Picture) {
		m, err := png.Decode(bytes.NewReader(pic.Body))
		if err == nil {
			got[i] = m.Bounds().Dx()
		}
	})
	return got, err
}
