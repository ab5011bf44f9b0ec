package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

const (
	// stackRoom is for the stacks of libvips' threads, mapped at 8 MiB each
	// and hardly touched.
	stackRoom = 64 << 20
	// overrun is how far over the admitted bytes a job's resident memory may
	// go before the worker is ended: what the figures' own grain may hide.
	overrun = 8 << 20
	// watchEvery is how often that is looked at. A decoder fills some
	// 100 MiB in this time at the most.
	watchEvery = 25 * time.Millisecond
)

// process is one worker as the server sees it. It does one job at a time.
type process struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	// sandbox is what it is in.
	sandbox *Sandbox
	// build is the BuildID that it must have; empty means any.
	build string
	// ended is closed when the process is gone and reaped.
	ended chan struct{}
	// killed: we ended it ourselves, whatever its socket says now; overran:
	// we did so for its memory, overtime for its CPU time, stalled because it
	// did not begin.
	killed, overran, overtime, stalled atomic.Bool

	// base is what it held when it was ready, jobs how many it was given.
	base figures
	jobs atomic.Int64
	// shown is for those who look on, in bytes: what the job under way may take, and base.anon; the most that it held
	// during the last job, 0 where nobody looked.
	shown struct{ memory, fresh, peak atomic.Int64 }
	// spare is how many bytes of freed memory it may keep, as it was told last.
	spare     int64
	idleSince time.Time
}

// waitReady waits until a fresh worker says that it is, and takes its measure.
func (p *process) waitReady(ctx context.Context) error {
	return p.killAtDeadline(ctx, func() error {
		var resp response
		if _, err := readFrame(p.conn, &resp, 0); err != nil || resp.Kind != kindReady {
			return errDied
		}
		if p.build != "" && resp.Build != p.build {
			return fmt.Errorf("%w: %w: it has %s, and pictor has %s", transform.ErrNoWorker, ErrOtherBuild,
				clipText(resp.Build), p.build)
		}
		// Its threads are there by now, and those to come inherit.
		if err := lowerPriority(p.cmd.Process.Pid); err != nil {
			return errDied // it is gone: nothing else can fail here
		}
		var err error
		if p.base, err = readFigures(p.cmd.Process.Pid); err != nil {
			return errDied
		}
		p.shown.fresh.Store(p.base.anon)
		return p.checkConfined()
	})
}

// kill ends the worker at once and waits until it is gone, so that its memory
// is the system's again when kill returns.
func (p *process) kill() {
	p.killed.Store(true)
	p.cmd.Process.Kill()
	p.conn.Close()
	<-p.ended
}

// retire lets an idle worker go: it exits when its socket ends.
func (p *process) retire() {
	p.conn.Close()
	select {
	case <-p.ended:
	case <-time.After(time.Second):
		p.kill()
	}
}

// bounds are what a request may take, in bytes.
type bounds struct {
	// memory is the worker's own memory; 0 means without bound.
	memory int64
	// untouched is what it may map beyond that without ever touching it.
	untouched int64
	// body is the largest body of an answer.
	body int64
	// cpu is the CPU time of all threads; 0 means without bound.
	cpu time.Duration
	// withoutSpare has the worker give back its spare memory first, and keep none.
	withoutSpare bool
}

// runRequest sends a request and passes what comes back to answer, until answer says
// that it was the last.
func (p *process) runRequest(ctx context.Context, req request, files []*os.File, most bounds,
	answer func(response, []byte) (last bool, err error)) error {
	if !most.withoutSpare {
		req.Spare = p.spareDuring(most.memory)
	}
	p.jobs.Add(1)
	p.shown.memory.Store(max(most.memory, 1))
	defer p.shown.memory.Store(0)
	if most.memory > 0 {
		now, err := readFigures(p.cmd.Process.Pid)
		if err != nil {
			return errDied
		}
		// What earlier jobs left mapped is stacks and arenas, to be used again
		// or not: no part of what this one may take.
		limit := max(p.base.data+p.spare, now.data) + stackRoom + most.memory + most.untouched
		if err := setDataLimit(p.cmd.Process.Pid, limit); err != nil {
			return errDied
		}
		p.shown.peak.Store(0)
		stop := p.watchUsage(max(p.base.anon+p.spare, now.anon)+most.memory+overrun, most.cpu)
		defer stop()
	}
	return p.killAtDeadline(ctx, func() error { return p.exchangeFrames(req, files, most.body, answer) })
}

// killAtDeadline runs f, which waits for the worker. A context that ends first kills
// the worker.
func (p *process) killAtDeadline(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, p.kill)
	defer func() {
		if !stop() {
			<-p.ended // the kill is under way: the caller must see a dead worker
		}
	}()
	err := f()
	switch {
	case err == nil:
		return nil
	case p.overran.Load():
		return fmt.Errorf("%w: more than estimated from the image header", transform.ErrMemory)
	case p.overtime.Load():
		return fmt.Errorf("%w: more than allowed for its pixels", transform.ErrCPU)
	case p.stalled.Load():
		return errStalled
	}
	if cause := ctx.Err(); cause != nil && p.killed.Load() {
		if errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("%w: deadline exceeded", transform.ErrTimeout)
		}
		return cause
	}
	return err
}

// watchUsage ends the worker when its own memory runs over a number of bytes, which
// is what was admitted on top of what it had, or its CPU time over that of the
// job. The data limit bounds what it maps; this bounds what it touches, which is
// less, and catches what the room for stacks would let through.
func (p *process) watchUsage(most int64, cpu time.Duration) (stop func()) {
	clock := startCPU(p.cmd.Process.Pid)
	return callEvery(watchEvery, func() (again bool) {
		f, err := readFigures(p.cmd.Process.Pid)
		p.shown.peak.Store(max(p.shown.peak.Load(), f.anon))
		switch {
		case err != nil:
			return false
		case f.anon > most:
			p.overran.Store(true)
		case cpu > 0 && clock.used() > cpu:
			p.overtime.Store(true)
		default:
			return true
		}
		p.kill()
		return false
	})
}

func (p *process) exchangeFrames(req request, files []*os.File, maxBody int64,
	answer func(response, []byte) (bool, error)) error {
	b, err := encodeFrame(req, 0)
	if err != nil {
		// The worker has not heard of it, and no picture is at fault.
		return fmt.Errorf("write a job: %w", err)
	}
	begun := p.watchBegin()
	defer begun()
	if err := sendRequest(p.conn, b, files...); err != nil {
		return errDied
	}
	for {
		var resp response
		body, err := readFrame(p.conn, &resp, maxBody)
		switch {
		case errors.Is(err, errFrame):
			return fmt.Errorf("%w: %v", errDied, err)
		case errors.Is(err, io.EOF), err != nil:
			return errDied
		}
		if resp.Kind == kindBegun {
			begun()
			continue
		}
		if last, err := answer(resp, body); last || err != nil {
			return err
		}
	}
}
