//go:build !linux

package memory

import (
	"net"
	"time"
)

func limitUnread(*net.TCPConn, time.Duration) {}

func waitWritable(*net.TCPConn) error { return nil }
