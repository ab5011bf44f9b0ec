//go:build linux && (amd64 || arm64)

package worker

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict runs the filter as the kernel does, for a call with arguments. The
// machine of x/net/bpf reads its input in network byte order, so each half of
// an argument is written that way, the lower one first.
func verdict(t testing.TB, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(newFilter(auditArch, allowedCalls(), 77))
	if err != nil {
		t.Fatal(err)
	}
	data := binary.BigEndian.AppendUint32(nil, number)
	data = binary.BigEndian.AppendUint32(data, arch)
	data = append(data, make([]byte, 8)...)
	for i := range 6 {
		var v uint64
		if i < len(args) {
			v = args[i]
		}
		data = binary.BigEndian.AppendUint32(data, uint32(v))
		data = binary.BigEndian.AppendUint32(data, uint32(v>>32))
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

const (
	passes  = uint32(unix.SECCOMP_RET_ALLOW)
	fails   = uint32(unix.SECCOMP_RET_ERRNO | int(unix.EPERM))
	missing = uint32(unix.SECCOMP_RET_ERRNO | int(unix.ENOSYS))
	ends    = uint32(unix.SECCOMP_RET_KILL_PROCESS)
)

func TestFilterLooksAtArguments(t *testing.T) {
	const high = 1 << 32
	for _, tc := range []struct {
		name   string
		number uint32
		args   []uint64
		want   uint32
	}{
		{"open for reading", unix.SYS_OPENAT, []uint64{0, 0, unix.O_CLOEXEC | unix.O_DIRECTORY}, passes},
		{"open for writing", unix.SYS_OPENAT, []uint64{0, 0, unix.O_WRONLY}, fails},
		{"open for both", unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDWR}, fails},
		{"make", unix.SYS_OPENAT, []uint64{0, 0, unix.O_CREAT}, fails},
		{"cut off", unix.SYS_OPENAT, []uint64{0, 0, unix.O_TRUNC}, fails},
		{"a nameless file", unix.SYS_OPENAT, []uint64{0, 0, unix.O_TMPFILE | unix.O_RDWR}, fails},
		{"a source", unix.SYS_MMAP, []uint64{0, 9, unix.PROT_READ, unix.MAP_SHARED}, passes},
		{"the heap", unix.SYS_MMAP, []uint64{0, 9, 3, unix.MAP_PRIVATE | unix.MAP_ANON}, passes},
		{"shared memory", unix.SYS_MMAP, []uint64{0, 9, 3, unix.MAP_SHARED | unix.MAP_ANON}, fails},
		{"shared memory, validated", unix.SYS_MMAP, []uint64{0, 9, 3, unix.MAP_SHARED_VALIDATE | unix.MAP_ANON}, fails},
		{"huge pages", unix.SYS_MMAP, []uint64{0, 9, 3, unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_HUGETLB}, fails},
		{"a thread of Go's", unix.SYS_CLONE, []uint64{0x50f00}, passes},
		{"a thread of musl's", unix.SYS_CLONE, []uint64{0x7d0f00}, passes},
		{"a process", unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, fails},
		{"a process that shares memory", unix.SYS_CLONE, []uint64{unix.CLONE_VM | uint64(unix.SIGCHLD)}, fails},
		{"a thread in a namespace", unix.SYS_CLONE, []uint64{0x50f00 | unix.CLONE_NEWNET}, fails},
		{"its own limits", unix.SYS_PRLIMIT64, []uint64{0, 7, 0, 1}, passes},
		{"others' limits", unix.SYS_PRLIMIT64, []uint64{1, 7, 0, 1}, fails},
		{"a limit to set", unix.SYS_PRLIMIT64, []uint64{0, 7, 8, 0}, fails},
		{"a limit to set, far up", unix.SYS_PRLIMIT64, []uint64{0, 7, high, 0}, fails},
		{"a name", unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME}, passes},
		{"a mapping's name", unix.SYS_PRCTL, []uint64{unix.PR_SET_VMA}, passes},
		{"no parent", unix.SYS_PRCTL, []uint64{unix.PR_SET_PDEATHSIG}, fails},
		{"a tracer", unix.SYS_PRCTL, []uint64{unix.PR_SET_PTRACER}, fails},
		{"flags", unix.SYS_FCNTL, []uint64{5, unix.F_GETFL}, passes},
		{"an owner", unix.SYS_FCNTL, []uint64{5, unix.F_SETOWN, 1}, fails},
		{"an owner's signal", unix.SYS_FCNTL, []uint64{5, unix.F_SETSIG, 9}, fails},
		{"seals", unix.SYS_FCNTL, []uint64{5, unix.F_ADD_SEALS, 0}, fails},
		{"a signal to itself", unix.SYS_TGKILL, []uint64{77, 78, 23}, passes},
		{"a signal to another", unix.SYS_TGKILL, []uint64{76, 78, 23}, fails},
		{"clone3", unix.SYS_CLONE3, nil, missing},
		{"openat2", unix.SYS_OPENAT2, nil, missing},
		{"a call that is not invented yet", newestCall + 1, nil, missing},
		{"a socket", unix.SYS_SOCKET, nil, fails},
	} {
		if got := verdict(t, auditArch, tc.number, tc.args...); got != tc.want {
			t.Errorf("%s: %#x, want %#x", tc.name, got, tc.want)
		}
	}
}

// All other calls are refused, and of those of other instruction sets all.
func TestFilterIsAList(t *testing.T) {
	listed := map[uint32]bool{unix.SYS_TGKILL: true}
	for _, c := range allowedCalls() {
		if listed[c.number] {
			t.Errorf("call %d is there twice", c.number)
		}
		listed[c.number] = true
		if got := verdict(t, auditArch, c.number); c.check == nil && got != passes {
			t.Errorf("call %d: %#x", c.number, got)
		}
	}
	for number := range uint32(newestCall + 1) {
		got := verdict(t, auditArch, number)
		if !listed[number] && got != fails && number != unix.SYS_CLONE3 && number != unix.SYS_OPENAT2 {
			t.Errorf("call %d: %#x", number, got)
		}
		for _, arch := range []uint32{
			unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_AARCH64, 0,
		} {
			if arch == auditArch {
				continue
			}
			if got := verdict(t, arch, number); got != ends {
				t.Errorf("call %d of architecture %#x: %#x", number, arch, got)
			}
		}
		if got := verdict(t, auditArch, number|x32); runtime.GOARCH == "amd64" && got != ends {
			t.Errorf("call %d of x32: %#x", number, got)
		}
	}
}

// The worst of a worker is made of these. They stay refused whatever is added.
func TestFilterNeverHas(t *testing.T) {
	for _, number := range []uint32{
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT,
		unix.SYS_ACCEPT4,
		unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
		unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
		unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
		unix.SYS_SETRLIMIT, unix.SYS_SETPRIORITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETSCHEDULER,
		unix.SYS_SCHED_SETATTR, unix.SYS_IOPRIO_SET,
		unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_SHMGET, unix.SYS_MLOCK, unix.SYS_MLOCKALL,
		unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_SETUP, unix.SYS_BPF, unix.SYS_USERFAULTFD,
		unix.SYS_PERF_EVENT_OPEN,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT,
		unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT,
		unix.SYS_CHROOT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_OPEN_TREE,
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_CAPSET, unix.SYS_SECCOMP, unix.SYS_PERSONALITY, unix.SYS_IOCTL,
		unix.SYS_PIPE2,
		unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT,
		unix.SYS_MKNODAT, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT,
		unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_INOTIFY_INIT1, unix.SYS_FANOTIFY_INIT, unix.SYS_MQ_OPEN,
		unix.SYS_SYSLOG, unix.SYS_REBOOT,
	} {
		if got := verdict(t, auditArch, number); got != fails {
			t.Errorf("call %d: %#x", number, got)
		}
	}
}

// The list names calls that each architecture has, by the numbers of x/sys.
func TestListedCallsExistOnBothArchitectures(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	constant := regexp.MustCompile(`\bSYS_[A-Z0-9_]+\b`)
	names := func(file string) []string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return constant.FindAllString(string(b), -1)
	}
	common := slices.Concat(
		names("sandbox_calls.go"), names("sandbox_seccomp_linux.go"), names("sandbox_landlock_linux.go"))
	for _, arch := range []string{"amd64", "arm64"} {
		known := names(filepath.Join(strings.TrimSpace(string(dir)), "unix", fmt.Sprintf("zsysnum_linux_%s.go", arch)))
		for _, name := range append(common, names("sandbox_calls_linux_"+arch+".go")...) {
			if !slices.Contains(known, name) {
				t.Errorf("%s has no %s", arch, name)
			}
		}
	}
}
