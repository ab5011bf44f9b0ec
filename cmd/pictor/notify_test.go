package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What systemd hears of a server, by a stand-in for its socket.
func TestNotifier(t *testing.T) {
	dir, err := os.MkdirTemp("", "notify") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hear := func() string {
		t.Helper()
		l.SetReadDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 200)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	env := map[string]string{"NOTIFY_SOCKET": path}
	n := newNotifier(func(name string) string { return env[name] })
	n.tellReloading()() // of a server that is not ready nothing is heard
	n.tellReady()
	n.tellReloading()()
	n.tellStopping()
	n.tellReloading()()
	for _, want := range []string{"READY=1", "RELOADING=1\nMONOTONIC_USEC=", "READY=1", "STOPPING=1"} {
		if got := hear(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	env["WATCHDOG_USEC"], env["WATCHDOG_PID"] = "20000", strconv.Itoa(os.Getpid())
	var asked atomic.Int64
	stop := newNotifier(func(name string) string { return env[name] }).watch(func() error {
		if asked.Add(1) <= 2 {
			return errors.New("stuck")
		}
		return nil
	})
	for range 3 {
		if got := hear(); got != "WATCHDOG=1" {
			t.Errorf("%q", got)
		}
	}
	stop()
	if n := asked.Load(); n < 5 { // of a server that is stuck nothing is heard
		t.Errorf("three messages, and asked %d times", n)
	}
}

func TestNoNotifier(t *testing.T) {
	for _, env := range []map[string]string{
		nil, {"NOTIFY_SOCKET": "relative"},
		{"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
	} {
		n := newNotifier(func(name string) string { return env[name] })
		n.tellReady()
		n.tellReloading()()
		n.tellStopping()
		n.watch(nil)()
		if n != nil && n.watchdog != 0 {
			t.Errorf("%v: the watchdog is another process's", env)
		}
	}
}
