package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A file system that hangs is made by seccomp: the kernel asks the test before
// each call of pictor to a file system, and the test does not answer for those
// below a directory. To pictor that is a disk which does not respond; unlike a
// real one, it can be killed (seccomp_unotify(2)).

// Numbers of linux/seccomp.h that x/sys has not.
const (
	filterNewListener = 1 << 3
	returnAsk         = 0x7fc00000
	returnAllow       = 0x7fff0000
	notifyReceive     = 0xc0502100
	notifySend        = 0xc0182101
	goOn              = 1
)

// How the paths of a call are given.
const (
	byFD     = iota // by the descriptor in argument 0
	byPath          // by directory and path in arguments 0 and 1
	byPaths         // and by those in arguments 2 and 3
	stalling = "stalling-pictor"
)

var asked = map[uint32]int{
	unix.SYS_READ: byFD, unix.SYS_PREAD64: byFD, unix.SYS_WRITE: byFD, unix.SYS_PWRITE64: byFD, unix.SYS_FSYNC: byFD,
	unix.SYS_FDATASYNC: byFD, unix.SYS_FSTAT: byFD, unix.SYS_GETDENTS64: byFD, unix.SYS_FLOCK: byFD,
	unix.SYS_OPENAT: byPath, unix.SYS_NEWFSTATAT: byPath, unix.SYS_UNLINKAT: byPath, unix.SYS_MKDIRAT: byPath,
	unix.SYS_UTIMENSAT: byPath, unix.SYS_READLINKAT: byPath, unix.SYS_RENAMEAT: byPaths, unix.SYS_RENAMEAT2: byPaths,
}

// init is a launcher of pictor where the test binary was started as one: it
// installs the filter, hands its listener to the test, and becomes pictor.
func init() {
	if len(os.Args) < 3 || os.Args[1] != stalling {
		return
	}
	fmt.Fprintln(os.Stderr, "launcher:", launch(os.Args[2], os.Args[2:]))
	os.Exit(1)
}

func launch(program string, args []string) error {
	runtime.LockOSThread() // the filter is of this thread, which is the one that is left
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// Load the number, one comparison each, allow, ask.
	code := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}
	left := len(asked)
	for nr := range asked {
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jt: uint8(left)})
		left--
	}
	code = append(code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnAllow},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnAsk})
	const socket = 3
	unix.CloseOnExec(socket)
	environ := os.Environ()
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterNewListener,
		uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return errno
	}
	unix.CloseOnExec(int(fd))
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return err
	}
	return syscall.Exec(program, args, environ)
}

// staller has calls of a server hang.
type staller struct {
	listener int
	ended    chan struct{}

	mu   sync.Mutex
	dirs []string
	// held is how many calls hang.
	held int
}

// serveStalled is serve of a server whose directories may hang.
func serveStalled(t *testing.T, args ...string) (*server, *staller) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("the calls of a process that hides its memory are for root to see")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	cmd := exec.Command(self, stalling, program)
	cmd.ExtraFiles = []*os.File{theirs}
	st := &staller{ended: make(chan struct{})}
	got := make(chan error, 1)
	go func() { got <- st.receive(pair[0]) }()
	s := start(t, cmd, args...)
	theirs.Close()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	return s, st
}

// receive takes the listener, and answers from then on.
func (st *staller) receive(socket int) error {
	defer unix.Close(socket)
	b := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), b, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(b[:n])
	if err != nil || len(messages) == 0 {
		return errors.Join(errors.New("there is no listener"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	st.listener = fds[0]
	go st.answer()
	return nil
}

// notification is struct seccomp_notif, verdict struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr, arch   uint32
	ip         uint64
	args       [6]uint64
}

type verdict struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

func (st *staller) answer() {
	defer close(st.ended)
	defer unix.Close(st.listener) // who is held yet gets an error
	for {
		p := []unix.PollFd{{Fd: int32(st.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && err != unix.EINTR || p[0].Revents&unix.POLLHUP != 0 {
			return
		}
		var n notification
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(st.listener), notifyReceive, uintptr(unsafe.Pointer(&n)))
		if errno != 0 {
			continue // the call was interrupted
		}
		if st.stalls(n) {
			continue
		}
		v := verdict{id: n.id, flags: goOn}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(st.listener), notifySend, uintptr(unsafe.Pointer(&v)))
	}
}

func (st *staller) stalls(n notification) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.dirs) == 0 {
		return false
	}
	for _, path := range pathsOf(n) {
		if slices.ContainsFunc(st.dirs, func(dir string) bool {
			return path == dir || strings.HasPrefix(path, dir+"/")
		}) {
			st.held++
			return true
		}
	}
	return false
}

func (st *staller) stall(dir string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dirs = append(st.dirs, dir)
}

func (st *staller) holds() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.held
}

// pathsOf are the paths that a call is about.
func pathsOf(n notification) (paths []string) {
	how := asked[n.nr]
	descriptor := func(arg uint64) string {
		link := fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(arg))
		if int32(arg) == unix.AT_FDCWD {
			link = fmt.Sprintf("/proc/%d/cwd", n.pid)
		}
		path, _ := os.Readlink(link)
		return path
	}
	if how == byFD {
		return []string{descriptor(n.args[0])}
	}
	for i := 0; i < 2*how; i += 2 {
		path := readString(n.pid, n.args[i+1])
		if !filepath.IsAbs(path) {
			path = filepath.Join(descriptor(n.args[i]), path)
		}
		paths = append(paths, filepath.Clean(path))
	}
	return paths
}

// readString reads a string of another process.
func readString(pid uint32, at uint64) string {
	b := make([]byte, 4096)
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	n, _ := unix.ProcessVMReadv(int(pid), local, []unix.RemoteIovec{{Base: uintptr(at), Len: 4096 - int(at%4096)}}, 0)
	s, _, _ := bytes.Cut(b[:max(n, 0)], []byte{0})
	return string(s)
}

// The kernel's structs are as long as those here.
var _ = [1]struct{}{}[binary.Size(notification{})-80+binary.Size(verdict{})-24]
