package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// notifier tells systemd how the server is (sd_notify(3)): for units with Type=notify, and with WatchdogSec. A nil
// notifier tells nobody.
type notifier struct {
	socket *net.UnixAddr
	// watchdog is within how long it has to hear of the server again; 0 for never.
	watchdog time.Duration

	mu sync.Mutex
	// ready says that it was told so. Before that no reload is told of: the server would be taken for ready.
	ready bool
}

// newNotifier reads where to tell it from the environment; nil for nowhere.
func newNotifier(getenv func(string) string) *notifier {
	path := getenv("NOTIFY_SOCKET")
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
		return nil
	}
	n := &notifier{socket: &net.UnixAddr{Name: path, Net: "unixgram"}}
	interval, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	pid := getenv("WATCHDOG_PID")
	if err == nil && interval > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(interval) * time.Microsecond
	}
	return n
}

// send sends a message. Where it cannot be there is nobody to tell.
func (n *notifier) send(message string) {
	c, err := net.DialUnix("unixgram", nil, n.socket)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte(message))
}

// tellReady says that the server can serve.
func (n *notifier) tellReady() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready = true
	n.send("READY=1")
}

// tellStopping says that the server has begun to end.
func (n *notifier) tellStopping() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready = false
	n.send("STOPPING=1")
}

// tellReloading says that the server reads its settings, until done is called.
func (n *notifier) tellReloading() (done func()) {
	if n == nil {
		return func() {}
	}
	n.sendIfReady(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonicMicroseconds()))
	return func() { n.sendIfReady("READY=1") }
}

// sendIfReady does not keep the lock over a reload, which may hang: the server could not say that it ends.
func (n *notifier) sendIfReady(message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ready {
		n.send(message)
	}
}

// watch tells twice in each interval of the watchdog that the server runs, until stop is called. While the server is
// stuck systemd hears nothing, and starts it anew.
func (n *notifier) watch(stuck func() error) (stop func()) {
	if n == nil || n.watchdog <= 0 {
		return func() {}
	}
	tick := time.NewTicker(max(n.watchdog/2, time.Millisecond))
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				if stuck() == nil {
					n.send("WATCHDOG=1")
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		tick.Stop()
		close(done)
	}
}
