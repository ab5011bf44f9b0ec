package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// targets are what a worker that was broken into would reach for.
type targets struct {
	Attempt string
	// Server is the pool's process, Sibling another worker.
	Server, Sibling int
	// Key is a file of the server's user, Cache a directory with a file in it.
	Key, Cache string
	// Public and Admin are TCP ports, UDP is one of that kind, Abstract and Path
	// are Unix sockets.
	Public, Admin, UDP, Abstract, Path string
}

// outcome of an attempt under one layer alone.
type outcome int

const (
	held   outcome = iota
	open           // the layer is not for this
	either         // it depends on the user, as root's workers have no capabilities, and on the kernel
)

// try is one attempt. It returns nil where it succeeded.
type try struct {
	name string
	run  func(targets) error
	// landlock and seccomp say which of them holds without the other; abi is
	// the version from which Landlock does.
	landlock, seccomp outcome
	abi               int
	// root: an ordinary user cannot do it without a sandbox either.
	root bool
}

func tries() (all []try) {
	for _, list := range [][]try{fileTries, networkTries, processTries, kernelTries} {
		all = append(all, list...)
	}
	return all
}

var fileTries = []try{
	{name: "read /etc/passwd", seccomp: open, run: func(targets) error { return read("/etc/passwd") }},
	{name: "read the key file", seccomp: open, run: func(t targets) error { return read(t.Key) }},
	{name: "list the cache directory", seccomp: open, run: func(t targets) error {
		_, err := os.ReadDir(t.Cache)
		return err
	}},
	{name: "read the cache", seccomp: open, run: func(t targets) error {
		return read(filepath.Join(t.Cache, "record"))
	}},
	{name: "list /", seccomp: open, run: func(targets) error { _, err := os.ReadDir("/"); return err }},
	{name: "write the cache", run: func(t targets) error { return write(filepath.Join(t.Cache, "record")) }},
	{name: "make a file in the cache directory", run: func(t targets) error {
		return write(filepath.Join(t.Cache, "planted"))
	}},
	{name: "make an empty file for reading", run: func(t targets) error {
		return opened(unix.Open(filepath.Join(t.Cache, "empty"), unix.O_RDONLY|unix.O_CREAT, 0o600))
	}},
	{name: "cut the cache off", abi: 3, run: func(t targets) error {
		return unix.Truncate(filepath.Join(t.Cache, "record"), 1)
	}},
	{name: "cut the cache off while opening", abi: 3, run: func(t targets) error {
		return opened(unix.Open(filepath.Join(t.Cache, "record"), unix.O_RDONLY|unix.O_TRUNC, 0))
	}},
	{name: "rename in the cache", run: func(t targets) error {
		return os.Rename(filepath.Join(t.Cache, "moved"), filepath.Join(t.Cache, "again"))
	}},
	{name: "remove from the cache", run: func(t targets) error { return os.Remove(filepath.Join(t.Cache, "removed")) }},
	{name: "make a directory", run: func(t targets) error { return os.Mkdir(filepath.Join(t.Cache, "dir"), 0o700) }},
	{name: "make a symbolic link", run: func(t targets) error {
		return os.Symlink("/", filepath.Join(t.Cache, "link"))
	}},
	{name: "make a FIFO", run: func(t targets) error { return unix.Mkfifo(filepath.Join(t.Cache, "fifo"), 0o600) }},
	{name: "change the mode of a file", landlock: open, run: func(t targets) error {
		return os.Chmod(filepath.Join(t.Cache, "record"), 0o644)
	}},
	{name: "write into /tmp", run: func(targets) error {
		f, err := os.CreateTemp("/tmp", "pictor-attempt-")
		if err != nil {
			return err
		}
		defer f.Close()
		return os.Remove(f.Name())
	}},
	{name: "read the server's command line", seccomp: open, run: func(t targets) error {
		return readProc(t.Server, "cmdline")
	}},
	{name: "read the server's environment", seccomp: either, run: func(t targets) error {
		return readProc(t.Server, "environ")
	}},
	{name: "read the server's status", seccomp: open, run: func(t targets) error {
		return readProc(t.Server, "status")
	}},
	{name: "list the server's descriptors", seccomp: open, run: func(t targets) error {
		_, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", t.Server))
		return err
	}},
	{name: "read a sibling's environment", seccomp: open, run: func(t targets) error {
		return readProc(t.Sibling, "environ")
	}},
	{name: "read a sibling's mappings", seccomp: open, run: func(t targets) error {
		return readProc(t.Sibling, "maps")
	}},
	{name: "open a sibling's memory", seccomp: open, run: func(t targets) error {
		return openProc(t.Sibling, "mem", os.O_RDONLY)
	}},
	{name: "open a sibling's memory for writing", run: func(t targets) error {
		return openProc(t.Sibling, "mem", os.O_RDWR)
	}},
}

var networkTries = []try{
	{name: "connect to the public port", abi: 4, run: func(t targets) error { return dial("tcp", t.Public) }},
	{name: "connect to the admin port", abi: 4, run: func(t targets) error { return dial("tcp", t.Admin) }},
	// Go listens by MPTCP, of which Landlock does not know.
	{name: "listen", landlock: open, run: func(targets) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			l.Close()
		}
		return err
	}},
	{name: "send by UDP", landlock: open, run: func(t targets) error { return dial("udp", t.UDP) }},
	{name: "connect to an abstract socket", abi: 6, run: func(t targets) error { return dial("unix", t.Abstract) }},
	{name: "connect to a socket in a directory", landlock: open, run: func(t targets) error {
		return dial("unix", t.Path)
	}},
	{name: "make a socket pair", landlock: open, run: func(targets) error {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return err
	}},
	{name: "open a raw socket", landlock: either, root: true, run: func(targets) error {
		return opened(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP))
	}},
	{name: "open a netlink socket", landlock: open, run: func(targets) error {
		return opened(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
	}},
}

func read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 16)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func readProc(pid int, file string) error { return read(fmt.Sprintf("/proc/%d/%s", pid, file)) }

func openProc(pid int, file string, flags int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", pid, file), flags, 0)
	if err == nil {
		f.Close()
	}
	return err
}

func write(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("planted")
	return err
}

// opened closes what was opened.
func opened(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("x"))
	return err
}

var processTries = []try{
	{name: "run /bin/sh", run: func(targets) error { return exec.Command("/bin/sh", "-c", "true").Run() }},
	{name: "fork", landlock: open, run: func(targets) error { return fork(0) }},
	{name: "fork and leave the session", landlock: open, run: func(targets) error { return fork(unix.SYS_SETSID) }},
	{name: "fork by clone3", landlock: open, run: func(targets) error { return forkClone3() }},
	{name: "trace the server", run: func(t targets) error { return seize(t.Server) }},
	{name: "trace a sibling", run: func(t targets) error { return seize(t.Sibling) }},
	{name: "read the server's memory", run: func(t targets) error { return vmRead(t.Server) }},
	{name: "read a sibling's memory", run: func(t targets) error { return vmRead(t.Sibling) }},
	{name: "take a descriptor of the server", run: func(t targets) error { return takeDescriptor(t.Server) }},
	{name: "take a descriptor of a sibling", run: func(t targets) error { return takeDescriptor(t.Sibling) }},
	{name: "signal the server", abi: 6, run: func(t targets) error { return unix.Kill(t.Server, 0) }},
	{name: "signal a sibling", abi: 6, run: func(t targets) error { return unix.Kill(t.Sibling, 0) }},
	{name: "signal a thread of a sibling", abi: 6, run: func(t targets) error {
		return unix.Tgkill(t.Sibling, t.Sibling, 0)
	}},
	{name: "signal the server by a pidfd", abi: 6, run: func(t targets) error {
		fd, err := unix.PidfdOpen(t.Server, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.PidfdSendSignal(fd, 0, nil, 0)
	}},
	{name: "have the kernel signal the server", landlock: open, run: func(t targets) error {
		_, err := unix.FcntlInt(socketFD+1, unix.F_SETOWN, t.Server)
		if errors.Is(err, unix.EBADF) {
			_, err = unix.FcntlInt(2, unix.F_SETOWN, t.Server)
		}
		return err
	}},
	{name: "look at the server's limits", landlock: open, run: func(t targets) error {
		return unix.Prlimit(t.Server, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit))
	}},
	{name: "set a sibling's limits", landlock: open, run: func(t targets) error { return setSameLimit(t.Sibling) }},
	{name: "set the server's priority", landlock: either, run: func(t targets) error {
		return setSamePriority(t.Server)
	}},
	{name: "set a sibling's priority", landlock: open, run: func(t targets) error {
		return setSamePriority(t.Sibling)
	}},
	{name: "set the server's processors", landlock: either, run: func(t targets) error {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(t.Server, &set); err != nil {
			return err
		}
		return unix.SchedSetaffinity(t.Server, &set)
	}},
	{name: "raise its own limit of memory", landlock: open, run: func(targets) error { return setSameLimit(0) }},
}

// fork starts a child that makes a system call and ends. The child shares
// nothing, and runs no code but this.
func fork(then uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		if then != 0 {
			unix.RawSyscall(then, 0, 0, 0)
		}
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func forkClone3() error {
	args := [11]uint64{4: uint64(unix.SIGCHLD)}
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args)-24, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

// seize traces a process without stopping it. The thread that traces ends, and
// lets go of it.
func seize(pid int) error {
	return onThreadOfItsOwn(func() error { return unix.PtraceSeize(pid) })
}

func vmRead(pid int) error {
	var b [8]byte
	local := []unix.Iovec{{Base: &b[0], Len: 8}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 4096, Len: 8}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil // it may, but there is nothing
	}
	return err
}

func takeDescriptor(pid int) error {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(process)
	return opened(unix.PidfdGetfd(process, 0, 0))
}

func setSameLimit(pid int) error {
	var l unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &l); err != nil {
		return err
	}
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &l, nil)
}

func setSamePriority(pid int) error {
	is, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		return err
	}
	return unix.Setpriority(unix.PRIO_PROCESS, pid, 20-is) // as the kernel returns it
}

// attempted makes an attempt inside of a worker. What came of it is the text of
// the error, as a worker's own words reach the log alone.
func attempted(b []byte) error {
	var to targets
	if err := json.Unmarshal(b, &to); err != nil {
		return err
	}
	for _, a := range tries() {
		if a.name == to.Attempt {
			// What it does to its thread ends with it.
			err := onThreadOfItsOwn(func() error { return a.run(to) })
			var errno unix.Errno
			errors.As(err, &errno)
			return fmt.Errorf("errno=%d %v", int(errno), err)
		}
	}
	return errors.New("no such attempt " + strconv.Quote(to.Attempt))
}
