package worker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func stateOf(pid int) state {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	s := waiting
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has just ended
		}
		s = max(s, threadState(b))
	}
	return s
}

// threadState reads /proc/PID/stat (proc(5)). The name before the state may hold
// anything.
func threadState(stat []byte) state {
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte{' '})
	if len(rest) == 0 {
		return waiting
	}
	switch rest[0] {
	case 'R':
		return running
	case 'T', 't':
		return stopped
	}
	return waiting
}
