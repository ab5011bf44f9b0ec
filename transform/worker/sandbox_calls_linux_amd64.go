package worker

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// archCalls are older forms of what arm64 has in one form only.
var archCalls = [...]uint32{
	unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_READLINK,
	unix.SYS_DUP2, unix.SYS_TIME,
}

func archCheckedCalls() []call {
	return []call{{unix.SYS_OPEN, allowWithoutBits(argOffset(1), writing)}}
}
