// Package enginetest runs the programs beside pictor that tests need: Redis, NATS and object stores.
// Each has a loopback address of its own, so that no port is taken between its choice and the program's start.
package enginetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Engine is a program that serves at an address.
type Engine struct {
	// Host, an IP address, and Port are where it listens. Dir is its data folder.
	Host, Port, Dir string

	t      testing.TB
	path   string
	args   []string
	output output
	cmd    *exec.Cmd
	ended  chan struct{}
}

// Redis starts a Redis that has each command on disk before it answers.
func Redis(t testing.TB) *Engine {
	t.Helper()
	return Run(t, "redis-server", "--port", "{port}", "--bind", "{host}", "--dir", "{dir}", "--appendonly", "yes",
		"--appendfsync", "always", "--save", "")
}

// NATS starts a NATS server with JetStream.
func NATS(t testing.TB) *Engine {
	t.Helper()
	return Run(t, "nats-server", "-a", "{host}", "-p", "{port}", "-js", "-sd", "{dir}")
}

// Run starts a program that is installed, or that .ci/setup has put into .ci, and waits until it listens. It is killed
// when the test ends. Its arguments say {host}, {port} and {dir}, a new empty folder. Where the program is missing the
// test is skipped, or fails if the environment has CI=true.
func Run(t testing.TB, program string, args ...string) *Engine {
	t.Helper()
	path, err := find(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: CI=true .ci/setup test does it", program)
		}
		t.Skipf("%s is not installed", program)
	}
	e := &Engine{t: t, path: path, Dir: t.TempDir()}
	e.Host, e.Port = FreeAddress(t)
	for _, arg := range args {
		e.args = append(e.args, strings.NewReplacer("{host}", e.Host, "{port}", e.Port, "{dir}", e.Dir).Replace(arg))
	}
	e.Start()
	t.Cleanup(e.Kill)
	return e
}

// find finds a program by its name in PATH and in the folders of .ci, which is beside or above the working directory.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; filepath.Dir(folder) != folder; folder = filepath.Dir(folder) {
		for _, in := range []string{"collector/bin", "engines/bin", "stores/bin", "stores/node_modules/.bin"} {
			if path, err := exec.LookPath(filepath.Join(folder, ".ci", in, program)); err == nil {
				return path, nil
			}
		}
	}
	return "", exec.ErrNotFound
}

// FreeAddress is a loopback address for a program that cannot choose its port. On Linux the host is one of sixteen
// million by chance, of which no other program takes the port: clients' own ports are those of 127.0.0.1.
func FreeAddress(t testing.TB) (host, port string) {
	t.Helper()
	host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", host+":0")
	if err != nil { // macOS has 127.0.0.1 alone
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	defer l.Close()
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// Address is the engine's host and port.
func (e *Engine) Address() string { return net.JoinHostPort(e.Host, e.Port) }

// PID is the engine's process while it runs.
func (e *Engine) PID() int { return e.cmd.Process.Pid }

// Start starts the engine again after Kill, at the same address and on the same folder.
func (e *Engine) Start() {
	e.t.Helper()
	cmd := exec.Command(e.path, e.args...)
	ended, started := make(chan struct{}), make(chan error)
	cmd.Stdout, cmd.Stderr = &e.output, &e.output
	endWithParent(cmd)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // Linux ends the program together with the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		e.t.Fatal(err)
	}
	e.cmd, e.ended = cmd, ended
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", e.Address())
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			e.t.Fatalf("%s has ended: %s", e.path, e.output.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%s does not listen: %s", e.path, e.output.String())
		}
	}
}

// Kill ends the engine at once, if it runs.
func (e *Engine) Kill() {
	_ = e.cmd.Process.Kill() // it may have ended
	<-e.ended
}

// output is what a program says, of which the first 64 KiB are kept.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b[:min(len(b), max(0, 64<<10-o.text.Len()))])
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
