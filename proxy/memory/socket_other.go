//go:build !linux

package memory

import (
	"net"
	"time"
)

func setUserTimeout(*net.TCPConn, time.Duration) {}

func waitUntilWritable(*net.TCPConn) error { return nil }

// socketWriter writes nothing: its caller writes all as one that waits.
type socketWriter struct{}

func (*socketWriter) bind(*net.TCPConn) {}

func (*socketWriter) writeNow(_, _ []byte) (int, error) { return 0, nil }
