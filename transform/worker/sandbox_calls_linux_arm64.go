package worker

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// archCalls: this architecture has no older forms of calls.
var archCalls = [...]uint32{}

func archCheckedCalls() []call { return nil }
