package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// engine is a real Redis or NATS server.
type engine struct {
	t       testing.TB
	url     string
	port    string
	program string
	args    []string
	cmd     *exec.Cmd
}

// startRedis starts Redis, which has each command on disk before it answers.
func startRedis(t testing.TB) *engine {
	t.Helper()
	e := newEngine(t, "redis-server", "redis://")
	e.args = []string{"--port", e.port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--appendonly", "yes",
		"--appendfsync", "always", "--save", ""}
	e.start()
	return e
}

// startNATS starts a NATS server with JetStream.
func startNATS(t testing.TB) *engine {
	t.Helper()
	e := newEngine(t, "nats-server", "nats://")
	e.args = []string{"-a", "127.0.0.1", "-p", e.port, "-js", "-sd", t.TempDir()}
	e.start()
	return e
}

func newEngine(t testing.TB, program, scheme string) *engine {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("..", "..", "..", ".ci", "engines", "bin", program))
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: .ci/setup test does it", program)
		}
		t.Skipf("%s is not installed", program)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	e := &engine{t: t, program: path, port: port, url: scheme + "127.0.0.1:" + port}
	t.Cleanup(e.kill)
	return e
}

func (e *engine) start() {
	e.t.Helper()
	e.cmd = exec.Command(e.program, e.args...)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	for range 1000 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+e.port); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	e.t.Fatal("the engine does not listen")
}

func (e *engine) kill() {
	if e.cmd != nil && e.cmd.ProcessState == nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
	}
}
