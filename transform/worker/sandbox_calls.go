//go:build linux && (amd64 || arm64)

package worker

import "golang.org/x/sys/unix"

// allowedCalls are what a worker may ask of the kernel once it is ready to read
// its first request: what Go's runtime, the C library and the codecs were seen
// to ask for, and the forms of it that their other versions use. Frequent ones
// come first. tgkill is added by filter.
func allowedCalls() []call {
	calls := uncheckedCalls(commonCalls[:])
	calls = append(calls, uncheckedCalls(archCalls[:])...)
	calls = append(calls, checkedCalls()...)
	return append(calls, archCheckedCalls()...)
}

func uncheckedCalls(numbers []uint32) []call {
	out := make([]call, 0, len(numbers))
	for _, n := range numbers {
		out = append(out, call{number: n})
	}
	return out
}

// commonCalls are those that every architecture has.
var commonCalls = [...]uint32{
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_SCHED_YIELD,
	// Descriptors that are open.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_LSEEK, unix.SYS_CLOSE,
	unix.SYS_FSTAT, unix.SYS_RECVMSG, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_GETDENTS64,
	unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_PPOLL,
	// Memory.
	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
	// Threads and signals of its own.
	unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER, unix.SYS_SET_TID_ADDRESS,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_RESTART_SYSCALL,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	// What it is, what time it is, how many processors there are.
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID,
	unix.SYS_GETEGID,
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
	unix.SYS_GETRUSAGE, unix.SYS_TIMES, unix.SYS_SYSINFO, unix.SYS_UNAME, unix.SYS_GETRANDOM, unix.SYS_GETCPU,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GETATTR,
	// Files, of which Landlock says which.
	unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETCWD,
}

const (
	// writing are the flags of open that can change or make a file.
	writing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	// threadFlags are what C libraries and Go start a thread with. 0x400000 is
	// CLONE_DETACHED, which musl still sets and the kernel ignores.
	threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
		unix.CLONE_SYSVSEM | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID |
		unix.CLONE_CHILD_SETTID | unix.CLONE_CHILD_CLEARTID | 0x400000
)

// checkedCalls are those that would be too much with any arguments.
func checkedCalls() []call {
	return []call{
		// Files for reading only.
		{unix.SYS_OPENAT, allowWithoutBits(argOffset(2), writing)},
		// Shared memory without a file, and huge pages, are not in RssAnon, which
		// is what the server watches.
		{unix.SYS_MMAP, joinChecks(allowWithoutBits(argOffset(3), unix.MAP_HUGETLB),
			notBoth(argOffset(3), unix.MAP_ANONYMOUS, unix.MAP_SHARED))},
		{unix.SYS_CLONE, joinChecks(allowAnyBit(argOffset(0), unix.CLONE_THREAD),
			allowWithoutBits(argOffset(0), ^uint32(threadFlags)))},
		// A look at limits of its own.
		{unix.SYS_PRLIMIT64, joinChecks(allowValues(argOffset(0), 0), allowZero(argOffset(2)))},
		// Names of threads and of mappings.
		{unix.SYS_PRCTL, allowValues(argOffset(0), unix.PR_SET_NAME, unix.PR_SET_VMA)},
		// Not F_SETOWN and F_SETSIG, by which the kernel signals another process.
		{unix.SYS_FCNTL, allowValues(argOffset(1),
			unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL)},
	}
}
