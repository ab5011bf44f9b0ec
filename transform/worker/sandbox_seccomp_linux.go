package worker

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// errNoCalls: allowedCalls has no list for this architecture.
var errNoCalls = errors.New("pictor has no list of system calls for this architecture: use amd64 or arm64")

// filterCalls bounds the system calls of this thread, or with
// SECCOMP_FILTER_FLAG_TSYNC those of all threads, for good (seccomp(2)).
func filterCalls(flags uintptr) error {
	if auditArch == 0 {
		return errNoCalls
	}
	raw, err := bpf.Assemble(newFilter(auditArch, allowedCalls(), uint32(os.Getpid())))
	if err != nil {
		return fmt.Errorf("assemble the filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
		uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return os.NewSyscallError("seccomp", errno)
	case thread != 0:
		return fmt.Errorf("seccomp: thread %d has another filter", thread)
	}
	return nil
}

// call is a system call that a worker may make, with what it checks of the
// arguments; nil means that it takes any.
type call struct {
	number uint32
	check  []bpf.Instruction
}

// Where the kernel's struct seccomp_data has what a filter looks at.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

var (
	retAllow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	// A refused call fails, so that a library can do without it.
	retRefuse = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	// C libraries do without a call by this error alone. It is for those whose
	// older forms are allowed, and for all that are newer than this list.
	retAbsent = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	// A program in another instruction set has other numbers of calls, and
	// none was ever loaded here.
	retKill = bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
)

const (
	// x32 is set in the numbers of a third set of calls of x86 processors,
	// which no program of pictor's uses.
	x32 = 0x40000000
	// newestCall is the last one that was looked at for the list.
	newestCall = unix.SYS_RSEQ_SLICE_YIELD
)

// newFilter is the program that the kernel runs for each system call.
func newFilter(arch uint32, calls []call, self uint32) []bpf.Instruction {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1}, retKill,
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
	}
	if arch == unix.AUDIT_ARCH_X86_64 {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipFalse: 1}, retKill)
	}
	for _, c := range append(calls, call{unix.SYS_TGKILL, allowValues(argOffset(0), self)}) {
		body := append(c.check[:len(c.check):len(c.check)], retAllow)
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: c.number, SkipFalse: uint8(len(body))})
		program = append(program, body...)
	}
	// The flags of clone3 and the resolution of openat2 lie in memory, where a
	// filter cannot look.
	for _, number := range []uint32{unix.SYS_CLONE3, unix.SYS_OPENAT2} {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: 1}, retAbsent)
	}
	return append(program, bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: newestCall, SkipFalse: 1}, retAbsent, retRefuse)
}

// argOffset is where the lower half of the n-th argument is, n from 0. Both
// architectures store the lower half first.
func argOffset(n uint32) uint32 { return offsetArgs + 8*n }

// allowValues lets an argument pass that is one of the values.
func allowValues(at uint32, values ...uint32) []bpf.Instruction {
	out := []bpf.Instruction{bpf.LoadAbsolute{Off: at, Size: 4}}
	for i, v := range values {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(values) - i)})
	}
	return append(out, retRefuse)
}

// allowWithoutBits lets an argument pass that has none of the bits.
func allowWithoutBits(at, bits uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: at, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bits, SkipFalse: 1}, retRefuse,
	}
}

// allowAnyBit lets an argument pass that has one of the bits.
func allowAnyBit(at, bits uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: at, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bits, SkipTrue: 1}, retRefuse,
	}
}

// notBoth refuses an argument that has bits of both kinds.
func notBoth(at, one, other uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: at, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: one, SkipFalse: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: other, SkipFalse: 1}, retRefuse,
	}
}

// allowZero lets a whole argument of 64 bits pass that is zero.
func allowZero(at uint32) []bpf.Instruction {
	return append(allowValues(at, 0), allowValues(at+4, 0)...)
}

// joinChecks makes two checks.
func joinChecks(one, other []bpf.Instruction) []bpf.Instruction {
	return append(one[:len(one):len(one)], other...)
}
