package worker

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// launcher starts workers: all of them from one file, with one environment and in one sandbox.
type launcher struct {
	command, env, libraries []string
	build                   string
	sandbox                 *Sandbox
	stderr                  *stderrLog
	// program is the file that workers run; nil where the system cannot run an open file.
	program *os.File
	// reaped, unless nil, is told of the CPU time of a worker that has ended.
	reaped func(time.Duration)
}

func newLauncher(cfg Config, stderr *stderrLog) (*launcher, error) {
	program, err := holdProgram(cfg.Command[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProgram, err)
	}
	return &launcher{
		command: cfg.Command, env: cfg.Sandbox.withLayers(cfg.Env), build: cfg.Build,
		libraries: slices.Concat(cfg.Libraries, cfg.Readable),
		sandbox:   cfg.Sandbox, stderr: stderr, program: program,
	}, nil
}

func (l *launcher) close() {
	if l.program != nil {
		l.program.Close()
	}
}

// start starts a worker: an environment of its own, no descriptor but the
// standard three, its socket and its program, standard error a pipe to the log,
// and the sandbox around it.
func (l *launcher) start() (*process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	defer theirs.Close()
	words, writes, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	defer writes.Close()
	cmd := &exec.Cmd{
		Path: l.command[0], Args: l.command, Env: l.env, Dir: "/", Stderr: writes,
		ExtraFiles: []*os.File{theirs}, SysProcAttr: processAttributes(),
	}
	file := cmd.Path
	if l.program != nil {
		cmd.Path, file = programPaths(l.program)
		cmd.ExtraFiles = append(cmd.ExtraFiles, l.program)
	}
	if err := l.sandbox.startConfined(cmd, file, l.libraries); err != nil {
		conn.Close()
		words.Close()
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	go l.stderr.readLines(words, cmd.Process.Pid)
	p := &process{cmd: cmd, conn: conn, sandbox: l.sandbox, build: l.build, ended: make(chan struct{})}
	go func() {
		killGroup(cmd.Process.Pid)
		cmd.Wait() // how it ended is told by its socket
		if s := cmd.ProcessState; s != nil && l.reaped != nil {
			l.reaped(s.UserTime() + s.SystemTime())
		}
		close(p.ended)
		_ = words.SetReadDeadline(time.Now().Add(stderrGrace)) // fails where all was read
	}()
	return p, nil
}
