package worker

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// DropPages takes the pages of programs and libraries out of this process that
// were never written to. They stay in the kernel's page cache, and come back
// one by one when they are used again (about a microsecond for 64 KiB). Most of
// them were needed once, at the start: libvips brings some hundred libraries.
// Memory of the process's own is not touched, relocated pages neither. It
// gives the bytes that were mapped in what it dropped.
func DropPages() (dropped int64, err error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return dropPages(f), nil
}

// dropPagesOf is DropPages where the server opened the list of mappings.
func dropPagesOf(smaps *os.File) {
	if smaps == nil {
		return
	}
	if _, err := smaps.Seek(0, io.SeekStart); err == nil {
		dropPages(smaps)
	}
}

func dropPages(smaps io.Reader) (dropped int64) {
	for _, m := range cleanMappings(bufio.NewReaderSize(smaps, 32<<10)) {
		// The range is of a mapping that no code of ours owns: what became of it
		// meanwhile the kernel knows, and a range that is gone is ENOMEM.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno == 0 {
			dropped += m.resident
		}
	}
	return dropped
}

// mapping is a range of addresses.
type mapping struct {
	start, end uintptr
	// resident and anonymous are bytes that are there, and those that are the
	// process's own.
	resident, anonymous int64
	file, private       bool
	writable            bool
}

// isClean: all of it can be had from the file again.
func (m mapping) isClean() bool {
	return m.file && m.private && !m.writable && m.anonymous == 0 && m.resident > 0
}

// cleanMappings reads /proc/PID/smaps (proc(5)): a line for each mapping, then
// lines of figures in kB.
func cleanMappings(r *bufio.Reader) (out []mapping) {
	var m mapping
	figures := 0
	end := func() {
		// Only with both figures it is known to be clean.
		if figures == 2 && m.isClean() {
			out = append(out, m)
		}
		figures = 0
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			end()
			return out
		}
		if head, ok := parseMapping(line); ok {
			end()
			m = head
			continue
		}
		name, rest, _ := bytes.Cut(line, []byte(":"))
		into := map[string]*int64{"Rss": &m.resident, "Anonymous": &m.anonymous}[string(name)]
		if into == nil {
			continue
		}
		kb, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))),
			10, 40)
		if err == nil {
			*into = kb << 10
			figures++
		}
	}
}

// parseMapping reads "start-end perms offset device inode path".
func parseMapping(line []byte) (m mapping, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 5 || len(fields[1]) != 4 {
		return m, false
	}
	from, to, ok := bytes.Cut(fields[0], []byte("-"))
	if !ok {
		return m, false
	}
	start, err1 := strconv.ParseUint(string(from), 16, 64)
	end, err2 := strconv.ParseUint(string(to), 16, 64)
	if err1 != nil || err2 != nil || end <= start {
		return m, false
	}
	perms := fields[1]
	m = mapping{start: uintptr(start), end: uintptr(end), writable: perms[1] == 'w', private: perms[3] == 'p'}
	m.file = len(fields) == 6 && fields[5][0] == '/' // a deleted one has another field
	return m, true
}
