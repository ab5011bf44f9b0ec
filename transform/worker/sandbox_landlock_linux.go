package worker

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What each version (ABI) of Landlock can restrict, landlock(7). Versions
// after 6 have nothing more that a worker could do.
const (
	filesV1   = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // all rights up to this one
	filesV2   = filesV1 | unix.LANDLOCK_ACCESS_FS_REFER
	filesV3   = filesV2 | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	filesV5   = filesV3 | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	tcpV4     = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	signalsV6 = unix.LANDLOCK_SCOPE_SIGNAL
	socketsV6 = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET

	// ownThreads is the bit of LANDLOCK_CREATE_RULESET_ERRATA that says that a
	// thread may signal others of its process whatever their domains. The
	// server's thread that starts a worker needs that: the Go runtime signals
	// its threads, and takes a signal for sent.
	ownThreads = 1 << 1
)

// handledRights is what rules of a version restrict, and how many bytes of it the
// kernel of that version knows.
func handledRights(abi, errata int) (attr unix.LandlockRulesetAttr, size uintptr) {
	switch {
	case abi >= 5:
		attr.Handled_access_fs = filesV5
	case abi >= 3:
		attr.Handled_access_fs = filesV3
	case abi >= 2:
		attr.Handled_access_fs = filesV2
	default:
		attr.Handled_access_fs = filesV1
	}
	size = unsafe.Offsetof(attr.Handled_access_net)
	if abi >= 4 {
		attr.Handled_access_net = tcpV4
		size = unsafe.Offsetof(attr.Scoped)
	}
	if abi >= 6 {
		attr.Scoped = socketsV6
		if errata&ownThreads != 0 {
			attr.Scoped |= signalsV6
		}
		size = unsafe.Offsetof(attr.Quiet_access_fs)
	}
	return attr, size
}

// restrictFiles takes from this thread, and all that it starts, every access to
// files but what loading and running a program takes, TCP, and signals and
// abstract sockets of processes outside.
func restrictFiles(program string, libraries []string) (detail string, err error) {
	abi, err := landlockAsk(unix.LANDLOCK_CREATE_RULESET_VERSION)
	if err != nil {
		return "", err
	}
	errata, err := landlockAsk(unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if err != nil {
		errata = 0 // a kernel that cannot be asked has not corrected any
	}
	attr, size := handledRights(abi, errata)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return "", os.NewSyscallError("landlock_create_ruleset", errno)
	}
	rules := int(fd)
	defer unix.Close(rules)
	for name, rights := range neededRights(program, libraries) {
		if err := allowPath(rules, name, rights); err != nil {
			return "", err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return "", os.NewSyscallError("landlock_restrict_self", errno)
	}
	return fmt.Sprintf("ABI %d", abi), nil
}

// landlockAsk asks the kernel for its version, or for its errata.
func landlockAsk(what uintptr) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, what)
	if errno != 0 {
		return 0, os.NewSyscallError("landlock_create_ruleset", errno)
	}
	return int(n), nil
}

// allowPath gives rights back for a file, or for all below a directory. What
// is not there needs no rights.
func allowPath(rules int, name string, rights uint64) error {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EACCES):
		return nil
	case err != nil:
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &^= unix.LANDLOCK_ACCESS_FS_READ_DIR // the kernel refuses it for a file
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	return os.NewSyscallError("landlock_add_rule", errnoOrNil(errno))
}

func errnoOrNil(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

const (
	readable   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	executable = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
)

// loaderCache is the list of libraries that ldconfig(8) makes.
const loaderCache = "/etc/ld.so.cache"

// neededRights are the rights of a worker by path. Nothing below /proc/PID is among
// them, not even of its own: the directory of a process that is yet to be
// started has no rule, and one for /proc would open those of all others. What
// a worker would read there it gets from the server (openPages), or lives
// without: where the C library does not learn the bounds of the main stack, Go
// takes it for unbounded, and the kernel watches them.
func neededRights(program string, libraries []string) map[string]uint64 {
	paths := map[string]uint64{
		"/lib": readable, "/lib64": readable, "/usr/lib": readable, "/usr/lib64": readable,
		"/usr/local/lib": readable, "/usr/local/lib64": readable,
		loaderCache: readable,
		// How many processors there are, and of what kind: codecs and the C
		// library choose their code and the number of their threads by it.
		"/proc/cpuinfo": readable, "/proc/stat": readable,
		"/sys/devices/system/cpu": readable, "/sys/devices/system/node": readable,
		// The allocators of C and Go.
		"/proc/sys/vm/overcommit_memory": readable, "/sys/kernel/mm/transparent_hugepage": readable,
		"/dev/null": readable, "/dev/zero": readable, "/dev/random": readable, "/dev/urandom": readable,
	}
	if list, err := os.ReadFile(loaderCache); err == nil {
		for _, dir := range libraryDirs(list) {
			paths[dir] = readable
		}
	}
	for _, dir := range libraries {
		if path.IsAbs(dir) && path.Clean(dir) != "/" {
			paths[dir] = readable
		}
	}
	paths[program] = executable
	loader, dirs := readLinkage(program)
	for _, dir := range dirs {
		paths[dir] = readable
	}
	if loader != "" {
		paths[loader] = executable
	}
	return paths
}

// libraryDirs are the directories of the libraries in the loader's list. Its
// formats differ, but names are absolute and end in a zero byte in all.
func libraryDirs(list []byte) (dirs []string) {
	seen := map[string]bool{"/": true} // no library lies there, and it would be all files
	for name := range bytes.SplitSeq(list, []byte{0}) {
		at := bytes.IndexByte(name, '/') // numbers may be in front
		if at < 0 || len(name) > unix.PathMax {
			continue
		}
		if dir := path.Dir(string(name[at:])); !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ownLibraries are the directories that this process has its libraries from: some are named by other
// libraries only, where the server could not find them.
func ownLibraries() []string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil // where they are those of the system nothing is missing
	}
	return mappedDirs(maps)
}

// mappedDirs are the directories of the libraries in /proc/PID/maps (proc(5)).
// Other files that are mapped, such as the program itself, may lie beside a key
// file.
func mappedDirs(maps []byte) (dirs []string) {
	seen := map[string]bool{"/": true}
	for line := range bytes.Lines(maps) {
		at := bytes.IndexByte(line, '/')
		if at < 0 || len(line) > unix.PathMax {
			continue
		}
		dir, file := path.Split(strings.TrimSpace(string(line[at:])))
		if dir = path.Clean(dir); strings.Contains(file, ".so") && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// readLinkage is the loader of a program, and where the program itself says that
// its libraries are. A program that cannot be read is not started either.
func readLinkage(program string) (loader string, dirs []string) {
	f, err := elf.Open(program)
	if err != nil {
		return "", nil
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz <= unix.PathMax {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err == nil {
				loader = strings.TrimRight(string(b), "\x00")
			}
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		lists, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, list := range lists {
			for dir := range strings.SplitSeq(list, ":") {
				// $ORIGIN would be wherever the program lies.
				if path.IsAbs(dir) && path.Clean(dir) != "/" {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	return loader, dirs
}
