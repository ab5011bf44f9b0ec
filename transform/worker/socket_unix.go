//go:build unix

package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// socketPair makes the two ends: ours as a connection, the worker's as a file
// to inherit. Both are closed on exec, so that no other child holds one open
// and hides a death.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := newPair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	mine := os.NewFile(uintptr(fds[0]), "worker")
	theirs = os.NewFile(uintptr(fds[1]), "server")
	c, err := net.FileConn(mine)
	mine.Close() // net.FileConn made a copy
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}

func isSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// sendRequest writes the frame of a request and hands files over: its source, and
// after it the watermark.
func sendRequest(conn *net.UnixConn, b []byte, files ...*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	n, _, err := conn.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		_, err = conn.Write(b[n:])
	}
	return err
}

// maxFiles is how many come with a request.
const maxFiles = 2

// receiveRequest reads a request frame's header, with the files that came along. The
// frame's first byte carries the descriptors, so its head is read by recvmsg.
func receiveRequest(conn *net.UnixConn) ([]*os.File, []byte, error) {
	var head [frameHead]byte
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, _, _, err := conn.ReadMsgUnix(head[:], oob)
	if err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return nil, nil, io.EOF
	}
	f, err := passedFiles(oob[:oobn])
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.ReadFull(conn, head[n:]); err != nil {
		return f, nil, err
	}
	hLen := binary.BigEndian.Uint32(head[:])
	if hLen > maxHeader || binary.BigEndian.Uint64(head[4:]) != 0 {
		return f, nil, fmt.Errorf("%w: header of %d bytes", errFrame, hLen)
	}
	h := make([]byte, hLen)
	_, err = io.ReadFull(conn, h)
	return f, h, err
}

func passedFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range msgs {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			var files []*os.File
			for _, fd := range fds {
				files = append(files, os.NewFile(uintptr(fd), "source"))
			}
			return files, nil
		}
	}
	return nil, errors.New("unexpected control message")
}
