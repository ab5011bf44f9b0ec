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

// errDied: the worker ended, or spoke nonsense, and nobody here had ended it.
var errDied = fmt.Errorf("%w: its worker died", transform.ErrCrashed)

// process is one worker as the server sees it. It does one job at a time.
type process struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	// ended is closed when the process is gone and reaped.
	ended chan struct{}
	// killed: we ended it ourselves, whatever its socket says now.
	killed atomic.Bool
}

// start starts a worker: an environment of its own, no descriptor but the
// standard three and its socket, standard error shared for its last words.
func start(command, env []string) (*process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = processAttributes()
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	p := &process{cmd: cmd, conn: conn, ended: make(chan struct{})}
	go func() {
		cmd.Wait() // how it ended is told by its socket
		close(p.ended)
	}()
	return p, nil
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

// do sends a request and passes what comes back to answer, until answer says
// that it was the last. A context that ends first kills the worker.
func (p *process) do(ctx context.Context, req request, source *os.File, maxBody int64, answer func(response, []byte) (last bool, err error)) error {
	stop := context.AfterFunc(ctx, p.kill)
	defer func() {
		if !stop() {
			<-p.ended // the kill is under way: the caller must see a dead worker
		}
	}()
	err := p.exchange(req, source, maxBody, answer)
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil && p.killed.Load() {
		if errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("%w: it took longer than its deadline allows", transform.ErrTimeout)
		}
		return cause
	}
	return err
}

func (p *process) exchange(req request, source *os.File, maxBody int64, answer func(response, []byte) (bool, error)) error {
	if err := send(p.conn, req, source); err != nil {
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
		if last, err := answer(resp, body); last || err != nil {
			return err
		}
	}
}
