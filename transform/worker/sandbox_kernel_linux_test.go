package worker

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

var kernelTries = []try{
	{name: "make a memory file", landlock: open, run: func(targets) error { return opened(unix.MemfdCreate("x", 0)) }},
	{name: "map shared memory", landlock: open, run: func(targets) error {
		_, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
		return err
	}},
	{name: "make System V shared memory", landlock: open, run: func(targets) error {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
		if err == nil {
			unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
		return err
	}},
	{name: "io_uring", landlock: open, run: func(targets) error {
		return call3(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([256]byte))), 0)
	}},
	{name: "bpf", landlock: either, root: true, run: func(targets) error {
		array := [32]uint32{2, 4, 4, 1} // an array of one element
		return call3(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&array)), unsafe.Sizeof(array))
	}},
	{name: "userfaultfd", landlock: either, root: true, run: func(targets) error {
		return call3(unix.SYS_USERFAULTFD, 0, 0, 0)
	}},
	{name: "add a key", landlock: open, run: func(targets) error {
		_, err := unix.AddKey("user", "pictor-attempt", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
		return err
	}},
	{name: "look at keys", landlock: open, run: func(targets) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
		return err
	}},
	{name: "perf_event_open", landlock: either, root: true, run: func(targets) error {
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
		return opened(unix.PerfEventOpen(&attr, 0, -1, -1, 0))
	}},
	{name: "unshare", landlock: open, run: func(targets) error { return unix.Unshare(unix.CLONE_SYSVSEM) }},
	{name: "another namespace", landlock: either, root: true, run: func(targets) error {
		return unix.Unshare(unix.CLONE_NEWUTS)
	}},
	{name: "mount", root: true, run: func(t targets) error {
		err := unix.Mount("none", t.Cache, "tmpfs", 0, "")
		if err != nil {
			return err
		}
		return unix.Unmount(t.Cache, unix.MNT_DETACH)
	}},
	{name: "chroot", landlock: either, root: true, run: func(targets) error { return unix.Chroot("/") }},
	{name: "become another user", landlock: either, root: true, run: func(targets) error {
		_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 65532, 0, 0) // of this thread alone
		if errno != 0 {
			return errno
		}
		return nil
	}},
	{name: "set the personality", landlock: open, run: func(targets) error {
		return call3(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	}},
}

func call3(number, a, b, c uintptr) error {
	n, _, errno := unix.Syscall(number, a, b, c)
	if errno != 0 {
		return errno
	}
	if number != unix.SYS_PERSONALITY {
		unix.Close(int(n))
	}
	return nil
}
