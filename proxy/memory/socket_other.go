//go:build !linux

package memory

import (
	"net"
	"time"
)

func setUserTimeout(*net.TCPConn, time.Duration) {}

func waitUntilWritable(*net.TCPConn) error { return nil }
